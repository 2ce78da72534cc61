"""Capture from PostgreSQL's change log: a logical slot, read with pgoutput (design 5.3).

It writes the same rows into ``orderbell.change`` as the triggers do, so that everything later is the same. Read in this
order: ``reader`` (who reads, and when), ``stream`` (the replication connection), ``decoder`` and ``rows`` (bytes to
rows; pure), ``gathering`` (whole transactions; pure), ``position`` (rows and the place in the log, in one transaction),
``slot`` (what may become of the slot) and ``reconcile`` (what was missed with it).
"""
