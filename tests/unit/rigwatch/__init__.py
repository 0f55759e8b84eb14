"""Tests of what the parts share: no socket, no broker."""
