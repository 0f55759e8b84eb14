"""What the stored facts mean: pure decisions, no database, no network, no clock of their own."""
