"""The API against a real store."""
