"""The overview, `/`: the whole fleet in three tables."""
