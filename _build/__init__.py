"""How the package is built: setuptools, and the dashboard's third-party files from npm. Nothing here is installed."""
