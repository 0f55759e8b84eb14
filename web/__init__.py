"""The dashboard: a Flask application over the store, one blueprint a file. It reads; others decide what is stored."""
