"""The hub beside Django Channels and the ``websockets`` library: ``make bench-hub``."""
