"""Texts from outside, made up: each target gets some in every run of the tests, many by `benchmarks.fuzz`."""
