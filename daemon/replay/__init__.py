"""Past events told again by other rules, to see what would be different; nothing is sent and nothing is written.

Read in this order: ``values`` (what flows), ``left`` and ``carried`` (what one event leaves behind for the next),
``twice`` (each event planned by both rules), ``difference`` (what differs, counted), ``portions`` (a page in parts that
fit into memory), all of them pure; ``side`` (what one set of rules asks the tables), ``run`` (the events, in pages).
"""
