"""``orderbell send``: an event from the shell."""
