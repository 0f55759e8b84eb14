"""Tests of the wheel as it is really built."""
