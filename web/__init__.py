"""The dashboard: a Flask application over the store, one blueprint a file. It reads, and notes what people decide."""
