"""Tests of the whole broker, over real sockets."""
