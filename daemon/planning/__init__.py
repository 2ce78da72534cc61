"""Who is told what: pure functions from changes, people and a clock to a plan. No I/O, no event loop.

Read in this order: ``events`` (what a change means), ``catalogue`` (words), ``plan`` (who gets which).
"""
