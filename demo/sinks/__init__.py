"""Sandbox providers on loopback: they take what is sent and keep it, so that it can be looked at. No one is told."""
