"""Silences and maintenance, `/quiet`."""
