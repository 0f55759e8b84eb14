"""What of the API needs no store."""
