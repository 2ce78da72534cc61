"""``orderbell status``: how things stand, on one screen.

:mod:`reading` asks the database and :mod:`scrape` the daemon's metrics; :mod:`measures` and :mod:`verdict` make of that
what is shown (pure); :mod:`screen` draws it, :mod:`live` again and again.
"""
