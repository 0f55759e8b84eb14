"""Several nodes in one chart, `/compare`."""
