"""What somebody else wrote, made fit to be kept or said."""

LONGEST_TEXT = 1_000
"""Characters kept of what a provider or a mailbox said."""


def kept(text: str | None) -> str | None:
    """``text`` as PostgreSQL takes it, and not a novel."""
    if text is None:
        return None
    # Whoever answers us decides what is in it: a lone surrogate from a header's bytes, say, which UTF-8 cannot hold.
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:LONGEST_TEXT]


def one_line(error: BaseException) -> str:
    """What ``error`` says, in one line: the database says things in several, and a log has one for each event."""
    return " ".join(str(error).split())
