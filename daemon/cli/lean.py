"""What the daemon has no use for, and a library imports all the same where it finds it: 4 MiB of its memory."""

import sys
from importlib import import_module


def leave_out() -> None:
    """Before anything else imports structlog, and only in a process that becomes the daemon."""
    if "rich" in sys.modules:
        return
    # structlog would draw tracebacks with it; ours are plain (daemon.logs).
    sys.modules["rich"] = None  # type: ignore[assignment]  # as importlib has it: no such module
    try:
        import_module("structlog")
    finally:
        del sys.modules["rich"]
