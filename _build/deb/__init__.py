"""The Debian package of the server: everything from the lock file in a folder of its own, user, home and service."""
