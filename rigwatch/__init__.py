"""rigwatch watches mining nodes over MQTT; this package holds what its parts share, and the command line."""

__version__ = "0.2.0"
