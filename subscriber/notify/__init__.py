"""Sending: channels to people, the worker that tries until it works, Telegram both ways, our own sign of life."""
