"""Histories as charts draw them."""
