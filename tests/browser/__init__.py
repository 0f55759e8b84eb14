"""Tests of the dashboard in a real browser, as a person sees and uses it."""
