"""What a rig gets from its server before it is a node: the agent's file, and its token for a one-time code."""
