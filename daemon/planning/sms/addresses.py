"""Where a text has addresses of the web and of mail: a letter changed in one, or a cut, and it leads nowhere."""

import re
from collections.abc import Iterator

_WORD = re.compile(r"[^\s“”„«»‘’‚‹›…]+")  # noqa: RUF001
_WEB = re.compile(r"https?://|www\.", re.IGNORECASE)
_OTHER = re.compile(r"@|\.\w+/")
"""A mailbox, or a host and a path without a scheme."""


def addresses(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each, in order. Takes time in proportion to the text, whatever is in it."""
    for word in _WORD.finditer(text):
        if web := _WEB.search(text, word.start(), word.end()):
            yield web.start(), word.end()
        elif _OTHER.search(text, word.start(), word.end()):
            yield word.span()
