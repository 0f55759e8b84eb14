"""The agent as a service: what is written and which tools of the system are called."""
