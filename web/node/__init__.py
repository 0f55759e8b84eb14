"""The page of one node, `/node/<site>/<node>`."""
