"""The dashboard over a real database, asked as a browser asks."""
