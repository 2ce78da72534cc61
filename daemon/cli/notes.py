"""What a command has to say besides its result."""

from daemon.cli.console import done, out


class Notes:
    """Lines on stdout as they come; with ``kept``, as where stdout is JSON, they are only kept."""

    def __init__(self, *, kept: bool = False) -> None:
        self.lines: list[str] = []
        self._kept = kept

    def done(self, line: str) -> None:
        """One thing that is well."""
        self.lines.append(line)
        if not self._kept:
            done(line)

    def remark(self, line: str, style: str | None = None) -> None:
        """One thing that is good to know."""
        self.lines.append(line)
        if not self._kept:
            out.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
