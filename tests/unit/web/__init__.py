"""The dashboard's decisions, without a browser, a database or a request."""
