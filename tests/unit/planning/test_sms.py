"""What texts cost and how they are made to fit: by example at every boundary, and against a splitter that is slow."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemon.planning.sms import Encoding, Segments, fitted, parts, segments, transliterated

PIZZA = "\U0001f355"
FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
GEORGIAN = "შეკვეთა მზადაა"
LINK = "https://shop.example/orders/4711"

SEPTET = [
    *"@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ",
    *" !\"#¤%&'()*+,-./0123456789:;<=>?¡",
    *"ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿",
    *"abcdefghijklmnopqrstuvwxyzäöñüà",
]
PAIR = [*"\f^{}\\[~]|€"]

LETTERS = st.sampled_from([*SEPTET, *PAIR])
PIECES = st.sampled_from(["a", "word ", " ", "€", "“", "é", "ł", "ა", PIZZA, "\u0301", FAMILY, LINK, ".", "\n"])
TEXTS = st.one_of(
    st.text(LETTERS, max_size=700),
    st.lists(PIECES, max_size=300).map("".join),
    st.lists(st.tuples(PIECES, st.integers(1, 200)), max_size=8).map(lambda runs: "".join(a * n for a, n in runs)),
    st.text(st.characters(), max_size=400),
)
LIMITS = st.integers(1, 10)


def slowly_split(text: str) -> tuple[Encoding, int, list[str]]:
    """Septets or UTF-16 written out one by one: the encoding, how many there are, and the segments, decoded again."""
    gsm = all(character in SEPTET or character in PAIR for character in text)
    encoding: Encoding = "GSM-7" if gsm else "UCS-2"
    alone, each = (160, 153) if gsm else (70, 67)
    coded: list[str] = []  # as many units as there are, "" for the first of two
    for character in text:
        two = character in PAIR if gsm else len(character.encode("utf-16-be", "surrogatepass")) == 4
        coded += ["", character] if two else [character]
    if len(coded) <= alone:
        return encoding, len(coded), [text]
    split: list[str] = []
    rest = coded
    while rest:
        end = each - 1 if len(rest) > each and not rest[each - 1] else each
        split.append("".join(rest[:end]))
        rest = rest[end:]
    return encoding, len(coded), split


# Segments


@pytest.mark.parametrize(
    ("text", "encoding", "units", "count"),
    [
        ("", "GSM-7", 0, 1),
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 153 * 2, "GSM-7", 306, 2),
        ("a" * (153 * 2 + 1), "GSM-7", 307, 3),
        ("a" * 153 * 10, "GSM-7", 1530, 10),
        ("a" * (153 * 10 + 1), "GSM-7", 1531, 11),
        ("ა" * 70, "UCS-2", 70, 1),
        ("ა" * 71, "UCS-2", 71, 2),
        ("ა" * 67 * 2, "UCS-2", 134, 2),
        ("ა" * (67 * 2 + 1), "UCS-2", 135, 3),
        ("€" * 80, "GSM-7", 160, 1),
        ("€" * 81, "GSM-7", 162, 2),
        (PIZZA * 35, "UCS-2", 70, 1),
        (PIZZA * 36, "UCS-2", 72, 2),
        ("a" * 70 + PIZZA, "UCS-2", 72, 2),
    ],
)
def test_a_text_costs_what_the_standard_says(text: str, encoding: Encoding, units: int, count: int) -> None:
    assert segments(text) == Segments(encoding, units, count)


def test_an_escape_and_its_code_stay_in_one_segment() -> None:
    text = "a" * 152 + "€" + "a" * 152
    assert parts(text) == ("a" * 152, "€" + "a" * 151, "a")
    assert segments(text) == Segments("GSM-7", 306, 3)


def test_an_escape_and_its_code_that_end_a_segment_leave_nothing_free() -> None:
    assert parts("a" * 151 + "€" + "a" * 153) == ("a" * 151 + "€", "a" * 153)


def test_two_surrogates_stay_in_one_segment() -> None:
    text = "ა" * 66 + PIZZA + "ა" * 66
    assert parts(text) == ("ა" * 66, PIZZA + "ა" * 65, "ა")
    assert segments(text) == Segments("UCS-2", 134, 3)


def test_two_surrogates_that_end_a_segment_leave_nothing_free() -> None:
    assert parts("ა" * 65 + PIZZA + "ა" * 67) == ("ა" * 65 + PIZZA, "ა" * 67)


@pytest.mark.parametrize("character", SEPTET)
def test_the_default_alphabet_takes_one_septet(character: str) -> None:
    assert segments(character) == Segments("GSM-7", 1, 1)


@pytest.mark.parametrize("character", PAIR)
def test_its_extension_takes_two_septets(character: str) -> None:
    assert segments(character) == Segments("GSM-7", 2, 1)


@pytest.mark.parametrize("character", ["ç", "`", "á", "\t", "\x1b", "“", "\u00a0", "Α", "ა"])  # noqa: RUF001
def test_other_characters_make_the_text_ucs_2(character: str) -> None:
    assert segments(character).encoding == "UCS-2"


def test_the_alphabet_has_127_characters_beside_the_escape_and_ten_behind_it() -> None:
    assert (len(set(SEPTET)), len(set(PAIR))) == (127, 10)


@given(TEXTS)
@example("\ud83c" * 80)
def test_the_count_is_that_of_a_splitter_which_writes_every_unit(text: str) -> None:
    encoding, units, split = slowly_split(text)
    assert segments(text) == Segments(encoding, units, len(split))
    assert parts(text) == tuple(split)


@given(TEXTS)
def test_the_segments_of_a_text_joined_are_the_text(text: str) -> None:
    assert "".join(parts(text)) == text


# Plain letters


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("“Your order’s ready” – now…", '"Your order\'s ready" - now...'),  # noqa: RUF001
        ("«Готово»", "«Готово»"),
        ("12,50\u00a0€ or 12.50\u202f₾", "12,50 € or 12.50 GEL"),
        ("2 × pizza → table 4", "2 x pizza -> table 4"),  # noqa: RUF001
        ("Łódź, Kraków, Đặng, Þór, œuvre", "Lodz, Krakow, Dang, Thor, oeuvre"),
        ("Straße, Søren, Ærø, Åse, ñandú", "Straße, Søren, Ærø, Åse, ñandu"),
        ("façade, ışık, șase, Győr", "facade, isik, sase, Gyor"),  # noqa: RUF001
        ("ǖ keeps its dots", "ü keeps its dots"),
        ("Cafe\u0301 Bara\u0301th", "Café Barath"),
        ("ﬁve\u200b oﬀers\u00ad!", "five offers!"),
        ("№\u00a05", "No. 5"),
        ("a\tb", "a b"),
    ],
)
def test_signs_and_accents_become_what_they_mean(written: str, plain: str) -> None:
    assert transliterated(written) == plain


@pytest.mark.parametrize(
    "text",
    [
        "10² cm “square”",
        "1½ pizzas…",
        "s\u0336o\u0336l\u0336d",
        "1 ≠ 2",
        "25 °C…",
        f"“{GEORGIAN}”",
        f"“Ready” {PIZZA}",
        "Łódź Москва",
        "Ελλάδα…",
    ],
)
def test_a_text_that_cannot_wholly_be_written_in_plain_letters_stays(text: str) -> None:
    assert transliterated(text) == text


@pytest.mark.parametrize("address", ["https://shop.example/łódź", "łukasz@shop.example", "shop.example/łódź"])
def test_letters_in_an_address_are_not_replaced(address: str) -> None:
    assert transliterated(f"Here: {address}") == f"Here: {address}"


def test_quotes_around_an_address_are_replaced() -> None:
    assert transliterated(f"See “{LINK}”…") == f'See "{LINK}"...'


@given(st.text(LETTERS))
def test_a_text_in_plain_letters_stays(text: str) -> None:
    assert transliterated(text) == text


@given(TEXTS)
def test_a_text_is_written_wholly_in_plain_letters_or_not_at_all(text: str) -> None:
    plain = transliterated(text)
    assert plain == text or segments(plain).encoding == "GSM-7"
    assert transliterated(plain) == plain


@given(st.text(st.characters(categories=["Lo", "So", "Nd"], min_codepoint=0x530)))
def test_other_scripts_are_never_replaced(text: str) -> None:
    latin = unicodedata.normalize("NFKD", text).isascii()  # full-width digits and the like
    assert latin or transliterated(text) == text


# Fitting


def test_a_text_within_the_limit_is_sent_as_it_is() -> None:
    text = "“" + "a" * 69
    assert fitted(text, "Title", 1, transliterate=True).text == text


def test_a_text_over_the_limit_is_sent_in_plain_letters_and_that_is_no_problem() -> None:
    sent = fitted("“" + "a" * 158 + "”", "Title", 1, transliterate=True)
    assert (sent.text, sent.problem) == ('"' + "a" * 158 + '"', None)


def test_plain_letters_can_be_forbidden() -> None:
    sent = fitted("“" + "a" * 158 + "”", "Title", 1, transliterate=False)
    assert (sent.text, sent.problem) == ("Title", "the text has 3 segments, the rule allows 1: its title was sent")


def test_a_text_that_is_too_long_in_plain_letters_too_gives_way_to_its_title() -> None:
    sent = fitted("“" + "a" * 160 + "”", "Title…", 1, transliterate=True)
    assert (sent.text, sent.problem) == ("Title…", "the text has 2 segments, the rule allows 1: its title was sent")


def test_a_title_is_sent_in_plain_letters_where_only_they_fit() -> None:
    sent = fitted("a" * 161, "“" + "b" * 100 + "”", 1, transliterate=True)
    assert sent.text == '"' + "b" * 100 + '"'


@pytest.mark.parametrize("short", ["", " ", "b" * 161])
def test_a_text_whose_title_does_not_help_is_cut_at_a_word(short: str) -> None:
    sent = fitted("word, " * 30, short, 1, transliterate=True)
    assert sent.text == "word, " * 25 + "word..."
    assert sent.problem == "the text has 2 segments, the rule allows 1: it was cut"


def test_an_ellipsis_fills_the_last_segment_but_does_not_open_another() -> None:
    assert fitted("a" * 161, "", 1, transliterate=True).text == "a" * 157 + "..."
    assert fitted("a" * 307, "", 2, transliterate=True).text == "a" * 303 + "..."
    assert fitted("ა" * 71, "", 1, transliterate=True).text == "ა" * 69 + "…"
    assert fitted("ა" * 135, "", 2, transliterate=True).text == "ა" * 133 + "…"


def test_a_cut_before_the_only_emoji_leaves_plain_letters() -> None:
    sent = fitted("word " * 31 + "word " + PIZZA, "", 1, transliterate=True)
    assert sent.text == "word " * 30 + "word..."
    assert sent.segments.encoding == "GSM-7"


def test_a_cut_is_before_a_link() -> None:
    sent = fitted("word " * 26 + f"here: {LINK} and more", "", 1, transliterate=True)
    assert sent.text == "word " * 26 + "here..."


def test_a_cut_is_before_a_link_without_a_space_before_it() -> None:
    assert fitted("ა" * 60 + LINK, "", 1, transliterate=True).text == "ა" * 60 + "…"


def test_a_link_that_is_whole_is_kept_apart_from_the_ellipsis() -> None:
    sent = fitted("word " * 24 + f"{LINK} shows everything", "", 1, transliterate=True)
    assert sent.text == "word " * 24 + f"{LINK} ..."


def test_a_link_is_cut_only_where_nothing_stands_before_it() -> None:
    link = "https://shop.example/" + "a" * 200
    sent = fitted(link, "", 1, transliterate=True)
    assert link.startswith(sent.text.removesuffix(" ..."))
    assert sent.problem is not None


def test_a_sum_is_not_parted_from_its_currency() -> None:
    text = "ა" * 60 + " 12,50\u00a0₾₾₾₾₾₾₾₾"
    assert fitted(text, "", 1, transliterate=True).text == "ა" * 60 + "…"


def test_a_word_that_is_longer_than_half_the_room_is_cut() -> None:
    assert fitted("Hi " + "a" * 200, "", 1, transliterate=True).text == "Hi " + "a" * 154 + "..."


@pytest.mark.parametrize("drawn", [FAMILY, "e\u0323\u0302", "\U0001f1ec\U0001f1ea", "\U0001f44d\U0001f3fd", "❤\ufe0f"])
def test_what_people_see_as_one_character_is_not_cut(drawn: str) -> None:
    for before in range(len(drawn) + 1):
        text = "ა" * before + drawn * 71
        sent = fitted(text, "", 1, transliterate=False).text.removesuffix("…").removeprefix("ა" * before)
        assert sent == drawn * (len(sent) // len(drawn))


@given(TEXTS, TEXTS, LIMITS, st.booleans())
@example("\ud83c" * 80, "\ud83c" * 80, 1, True)
@example(" " * 161, "", 1, True)
@example("-" * 161, "", 1, True)
def test_a_fitted_text_never_exceeds_its_limit(text: str, short: str, most: int, transliterate: bool) -> None:  # noqa: FBT001
    sent = fitted(text, short, most, transliterate=transliterate)
    assert sent.segments == segments(sent.text)
    assert len(slowly_split(sent.text)[2]) <= most
    assert sent.text or not text


@given(TEXTS, TEXTS, LIMITS, st.booleans())
def test_a_text_that_fits_is_the_same(text: str, short: str, most: int, transliterate: bool) -> None:  # noqa: FBT001
    if len(slowly_split(text)[2]) <= most:
        sent = fitted(text, short, most, transliterate=transliterate)
        assert sent.text in ({text, transliterated(text)} if transliterate else {text})
        assert sent.problem is None


def test_plain_letters_are_taken_where_they_cost_less_though_the_text_fits() -> None:
    text = "“" + "a" * 100 + "”"
    assert segments(text).count == 2
    sent = fitted(text, "", 3, transliterate=True)
    assert (sent.text, sent.segments.count, sent.problem) == ('"' + "a" * 100 + '"', 1, None)
    assert fitted(text, "", 3, transliterate=False).text == text


def test_a_text_of_one_segment_keeps_its_letters() -> None:
    assert fitted("“Ready”", "", 3, transliterate=True).text == "“Ready”"


@given(TEXTS, TEXTS, LIMITS, st.booleans())
def test_whatever_was_not_written_is_said(text: str, short: str, most: int, transliterate: bool) -> None:  # noqa: FBT001
    sent = fitted(text, short, most, transliterate=transliterate)
    same = {text, transliterated(text)} if transliterate else {text}
    assert (sent.problem is None) == (sent.text in same)


@given(TEXTS, LIMITS)
def test_a_fitted_text_fitted_again_is_the_same(text: str, most: int) -> None:
    once = fitted(text, "", most, transliterate=False).text
    assert fitted(once, "", most, transliterate=False).text == once


@pytest.mark.parametrize("most", [0, -1])
def test_a_limit_below_one_is_one(most: int) -> None:
    assert fitted("a" * 161, "Title", most, transliterate=True).segments.count == 1


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece", ["a", "a.", "a@", "www.", "https://", " ", "-", PIZZA, "\u0301", "\U0001f1ec", "“", "a/"]
)
def test_a_text_as_long_as_a_book_is_cut_at_once(piece: str) -> None:
    assert fitted(piece * 100_000, piece * 100_000, 10, transliterate=True).segments.count <= 10
