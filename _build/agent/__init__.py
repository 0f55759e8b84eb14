"""The agent as one file: how its interpreter is built and what is put into it."""
