"""What stands on a page of the documentation: its sections, and its blocks of code by their language."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]

BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


class Page:
    """A page, by its path from the project's folder, or a section of one."""

    def __init__(self, name: str, text: str | None = None) -> None:
        self.name = name
        self.text = (ROOT / name).read_text(encoding="utf-8") if text is None else text

    def section(self, title: str) -> "Page":
        """What stands under a heading, up to the next."""
        fenced = [(block.start(), block.end()) for block in BLOCK.finditer(self.text)]
        headings = [
            heading
            for heading in re.finditer(r"^#+ (.+)$", self.text, re.MULTILINE)
            if not any(start < heading.start() < end for start, end in fenced)
        ]
        ends = [*(heading.start() for heading in headings[1:]), len(self.text)]
        (found,) = [
            self.text[heading.end() : end] for heading, end in zip(headings, ends, strict=True) if heading[1] == title
        ]
        return Page(self.name, found)

    def blocks(self, *languages: str) -> list[str]:
        """The blocks of these languages, without the indentation of the list that they stand in."""
        return [
            re.sub(rf"^{indent}", "", code, flags=re.MULTILINE)
            for indent, language, code in BLOCK.findall(self.text)
            if language in languages
        ]

    def block(self, language: str) -> str:
        """The only block of a language."""
        (found,) = self.blocks(language)
        return found

    @property
    def prose(self) -> str:
        """The page without its blocks."""
        return BLOCK.sub("", self.text)
