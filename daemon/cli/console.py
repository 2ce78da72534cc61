"""What people read on the terminal: results on stdout, problems on stderr."""

from rich.console import Console
from rich.markup import escape

out = Console()
err = Console(stderr=True)


def done(line: str) -> None:
    """One thing that was done, on stdout."""
    mark = "[green]✓[/green] " if out.is_terminal else ""
    out.print(f"{mark}{escape(line)}", highlight=False, soft_wrap=True)
