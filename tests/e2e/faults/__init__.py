"""Faults at random, from a seed, in a whole installation; and the judge who says whether a sample was lost by them."""
