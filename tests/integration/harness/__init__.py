"""Tests of the tests' own servers and processes."""
