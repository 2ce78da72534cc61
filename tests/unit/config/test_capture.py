"""``capture = "wal"`` is short for a key of its section, wherever the word comes from."""

from collections.abc import Callable

import pytest

from config import Settings
from config.settings import Capture

Load = Callable[..., Settings]
Lines = Callable[..., list[str]]

FROM_LOG = Capture(source="wal")


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ('capture = "wal"', {}),
        ('[capture]\nsource = "wal"', {}),
        ("", {"ORDERBELL_CAPTURE": "wal"}),
        ("", {"ORDERBELL_CAPTURE__SOURCE": "wal"}),
        ('capture = "outbox"', {"ORDERBELL_CAPTURE": "wal"}),
    ],
)
def test_the_word_and_the_section_mean_the_same(read: Load, text: str, environment: dict[str, str]) -> None:
    assert read(text, **environment).capture == FROM_LOG
    assert Settings.model_validate({"capture": "wal"}).capture == FROM_LOG
    assert Settings.model_validate({"capture": {"source": "wal"}}).capture == FROM_LOG


def test_triggers_capture_where_nothing_is_said(read: Load) -> None:
    assert read().capture == read('capture = "outbox"').capture == Capture()


def test_the_word_leaves_the_sections_other_keys_as_they_are(read: Load) -> None:
    captured = read("[capture]\nbatch_size = 7", ORDERBELL_CAPTURE="wal").capture
    assert (captured.source, captured.batch_size) == ("wal", 7)
    captured = read('capture = "wal"', ORDERBELL_CAPTURE__BATCH_SIZE="7").capture
    assert (captured.source, captured.batch_size) == ("wal", 7)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('capture = "wall"', 'capture.source: must be one of outbox, wal, not "wall" (did you mean "wal"?)'),
        ('[capture]\nsource = "logical"', 'capture.source: must be one of outbox, wal, not "logical"'),
        ("capture = 3", "capture: must be a section of its own, with keys"),
        ("capture = ['wal']", "capture: must be a section of its own, with keys"),
        ('[capture]\nsorce = "wal"', 'capture.sorce: unknown key (did you mean "source"?)'),
        (
            '[capture]\nslot = "My slot"',
            "capture.slot: is not a slot's name: lower-case letters, digits and underscores, at most 63",
        ),
        (
            '[capture]\nslot = ""',
            "capture.slot: is not a slot's name: lower-case letters, digits and underscores, at most 63",
        ),
        ('[capture]\npublication = ""', "capture.publication: must not be empty"),
        (
            f'[capture]\npublication = "{"ü" * 32}"',
            "capture.publication: is not a name in PostgreSQL: it has more than 63 bytes",
        ),
        ("[capture]\nlag_warning_bytes = 0", "capture.lag_warning_bytes: must be at least 1, not 0"),
    ],
)
def test_a_mistake_names_the_key(lines: Lines, text: str, line: str) -> None:
    assert lines(text) == [line]


def test_a_wrong_word_from_outside_is_said_to_be_from_there(lines: Lines) -> None:
    assert lines("[capture]\nbatch_size = 7", ORDERBELL_CAPTURE="wall") == [
        'capture.source: must be one of outbox, wal, not "wall" (did you mean "wal"?) (from ORDERBELL_CAPTURE)'
    ]
