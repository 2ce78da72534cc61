"""Deliveries that are due go out, and what came of each is written down.

Read in this order: ``lane`` (one channel's work), ``policy`` (what an outcome means; pure), ``ledger`` (claims and
outcomes, in batches), ``workers`` (all channels of this node).
"""
