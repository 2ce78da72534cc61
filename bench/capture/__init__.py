"""Capture by triggers and from the change log, side by side: what it costs, how late it is, how fast it reads."""
