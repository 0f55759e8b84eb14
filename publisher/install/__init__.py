"""The agent as a service of the system: put in place, started, joined, and taken away again without a trace."""
