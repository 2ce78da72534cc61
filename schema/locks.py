"""The advisory locks that Orderbell takes in the application's database: two-integer keys, class 'orbl'."""

CLASS = 0x6F72626C
"""The ASCII bytes ``orbl``: keeps our keys apart from the application's."""

GATE = 1
"""Shared by silent writers until they commit, exclusive by the daemon that sleeps (design 5.2)."""

PLANNER = 2
"""Held by the one active planner's own connection (design 5.4)."""

INSTALL = 3
"""Held while ``install`` or ``uninstall`` runs, so that two do not run at once."""

HISTORY = 4
"""Held, for a transaction, by the daemon that makes and drops partitions."""

CHANGE_LOG = 5
"""Held by the connection of the one that reads the change log, and writes what it read (design 5.3)."""
