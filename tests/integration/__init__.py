"""Tests of one part against real neighbours: a broker, a database, a process."""
