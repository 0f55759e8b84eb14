"""Tests of the broker's pure parts."""
