"""One folder a channel. ``base`` is the whole contract between a channel and the rest."""
