"""Servers that have what they need in Orderbell's own environment, each a process of its own."""
