"""One file a part: a module here with `TARGETS`, a tuple of `tests.fuzz.target.Target`, is all that a new one takes."""
