"""The agent on a mining host: it reads figures, keeps them on disk and publishes them; no server code lives here."""
