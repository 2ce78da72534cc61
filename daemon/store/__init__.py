"""From a batch of changes to rows, in one transaction: look people up, plan, write.

Read in this order: ``planner`` (who plans, and when), ``lookup`` (audiences and people), ``write`` (the rows).
"""
