"""``python -m daemon.cli``: the same as ``orderbell``."""

from daemon.cli.main import main

main()
