"""The daemon: capture, plan, deliver, and what people and machines see of it."""
