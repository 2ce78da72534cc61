"""What comes back after sending: status callbacks, answers to texts, bounces, complaints, unsubscribe links.

Whatever the way it came, it becomes :class:`Report` values or closes an address, and ``record`` writes it.
"""
