"""Deliveries that are due go out, and what came of each is written down.

Read in this order: ``lane`` (one channel's work), ``leases`` (what is ours to send), ``policy`` (what an outcome means;
pure), ``ledger`` (outcomes and attempts, in batches), ``workers`` (all channels of this node).
"""
