"""What a text to us asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatchers.sms.keywords import WORDS, Asked, asked


@pytest.mark.parametrize("word", ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"])
def test_twilios_words_for_no_more(word: str) -> None:
    assert asked(word) is Asked.STOP


@pytest.mark.parametrize("word", ["START", "YES", "UNSTOP"])
def test_twilios_words_for_again(word: str) -> None:
    assert asked(word) is Asked.START


@pytest.mark.parametrize("word", ["HELP", "INFO"])
def test_twilios_words_for_who_are_you(word: str) -> None:
    assert asked(word) is Asked.HELP


@pytest.mark.parametrize("body", ["stop", "StOp", " STOP \r\n", "Stop.", "stop!!", '"Stop"', "STOP 🛑"])
def test_case_blanks_and_punctuation_make_no_difference(body: str) -> None:
    assert asked(body) is Asked.STOP


@pytest.mark.parametrize(
    "body", ["", " ", "...", "stop please", "please stop", "stop stop", "nonstop", "st op", "STOP1", "_stop_"]
)
def test_only_the_word_alone_counts(body: str) -> None:
    assert asked(body) is Asked.OTHER


@pytest.mark.parametrize(
    ("body", "opt_out_type", "expected"),
    [
        ("Arrêt", "STOP", Asked.STOP),
        ("BASIL", "START", Asked.START),
        ("STOP", "HELP", Asked.HELP),
        ("stop", " start ", Asked.START),
        ("stop", "", Asked.STOP),
        ("stop", "SOMETHING NEW", Asked.STOP),
    ],
)
def test_advanced_opt_out_is_believed_first(body: str, opt_out_type: str, expected: Asked) -> None:
    assert asked(body, opt_out_type) is expected


@given(st.text(), st.none() | st.text())
def test_any_text_is_read(body: str, opt_out_type: str | None) -> None:
    assert asked(body, opt_out_type) in Asked


@given(st.sampled_from(sorted(WORDS)), st.sampled_from(["", " ", ".", "!", "\n"]))
def test_a_word_means_the_same_however_it_is_written(word: str, end: str) -> None:
    assert asked(word.title() + end) is WORDS[word]
