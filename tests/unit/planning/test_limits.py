"""Templates that would run for long or make very much text end soon, with the fallback and an error."""

from datetime import UTC, datetime
from time import thread_time
from typing import Any

import pytest

from daemon.planning.catalogue import BrokenMessage, Catalogue
from daemon.planning.values import NOBODY, Event, Words

LONGEST_SECONDS = 1.0
ROW: dict[str, Any] = {
    "n": 3,
    "long": "x" * 1_000_000,
    "numbers": list(range(1_000_000)),
    "lines": ["a line"] * 3_000,
    "lists": [["a"]] * 5_000,
}


def words(source: str) -> Words:
    message = {"title": "t", "body": source}
    sections = {"fallback": {"title": "fallback", "body": "fallback"}, "order.ready": {"customer": message}}
    happened = Event("order.ready", "order:7", "orders", "7", "#7", ROW, datetime.now(UTC))
    return Catalogue({"en": sections}, "en").render(happened, "customer", "en", {}, NOBODY)


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(10**9) %}x{% endfor %}",
        "{% for i in range(9000) %}" + "{% for j in range(9000) %}" * 9 + "{% endfor %}" * 10,
        "{% for i in range(40000) %}" + "{% if order.n %}{% endif %}" * 300 + "{% endfor %}",
        "{% for i in range(3000) %}{{ order.long }}{% endfor %}",
        "{% for i in range(9000) %}{% if 'ab' in order.long %}{% endif %}{% endfor %}",
        "{% for i in range(9000) %}{% if order.numbers == order.numbers %}{% endif %}{% endfor %}",
        "{% for i in range(9000) %}{{ order.lines | sort | length }}{% endfor %}",
        "{% for i in range(9000) %}{% if order.numbers[::-1] %}{% endif %}{% endfor %}",
        "{% for i in range(9000) %}{{ order.long.upper() | length }}{% endfor %}",
        "{% for i in range(9000) %}{{ loop.changed(order.lines) }}{% endfor %}",
        "{% for i in range(9000) %}{{ i | money('EUR') }}{{ i | plural(other='{n}') }}{% endfor %}",
        "{% for i in order.numbers %}{{ i }}{% endfor %}",
        "{{ order.numbers }}",
        "{{ range(10**9) | list }}{{ range(10**9) | join }}",
        "{{ range(10**9) | map('string') | list | length }}",
        "{{ range(20000) | select('in', range(20000) | list) | list | length }}",
        "{{ order.lists | sum(start=[]) }}",
        "{{ 'x' * 10**9 }}",
        "{{ [1] * 10**9 }}",
        "{{ 9 ** (9 ** 9) }}",
        "{% set a = 9 ** 90 %}" + "{% set a = a * a %}" * 60 + "{{ a }}",
        "{% set a = 'xxxxxxxx' %}" + "{% set a = a ~ a %}" * 60 + "{{ a }}",
        "{% set a = 'xxxxxxxx' %}" + "{% set a = a + a %}" * 60 + "{{ a }}",
        "{% set a = [1] %}" + "{% set a = [a, a] %}" * 60 + "{{ a }}",
        "{% set a = [1] %}{% set b = [1] %}" + "{% set a = [a, a] %}{% set b = [b, b] %}" * 60 + "{{ a == b }}",
        "{% set a = 'xxxxxxxx' %}" + "{% set a = '%s%s' | format(a, a) %}" * 60 + "{{ a }}",
        "{% set a = 'xxxxxxxx' %}" + "{% set a = a | replace('x', a) %}" * 60 + "{{ a }}",
        "{% set a = 'xxxxxxxx' %}" + "{% set a = [a, a] | join(a) %}" * 60 + "{{ a }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '%*d' % (1000000000, 1) }}",
        "{{ '%.1000000000f' | format(1.0) }}",
        "{{ 1.5 | round(10**9) }}",
        "{{ order.lines | join(order.long) }}",
        "{{ '1e999999999' | money('EUR') }}",
    ],
)
def test_an_attack_while_rendering_ends_in_the_fallback(source: str) -> None:
    started = thread_time()
    made = words(source)
    assert thread_time() - started < LONGEST_SECONDS
    assert made.body == "fallback"
    assert made.error


@pytest.mark.parametrize(
    "source",
    [
        "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% set x %}aa{% endset %}{{ x }}{{ x }}",
        "{% filter upper %}x{% endfilter %}",
        "{% include 'x' %}",
        "{{ lipsum(10**9) }}",
        "{{ namespace() }}",
        "{{ 'a'.ljust(10**9) }}",
        "{{ '{:>1000000000}'.format(1) }}",
        "{{ 'a' | center(10**9) }}",
        "{{ plural(*range(10**9)) }}",
        "{{ {order.lines: 1} }}",
        "{{ " + "(" * 4_000 + "1" + ")" * 4_000 + " }}",
        "{{ " + "-" * 9_000 + "1 }}",
        "{{ order" + ".a" * 4_000 + " }}",
        "{{ " + "9" * 9_000 + " }}",
        "{% for a in [1] %}" * 30 + "{% endfor %}" * 30,
        "{{" * 4_000,
        "x" * 20_000,
    ],
)
def test_an_attack_on_the_compiler_is_refused(source: str) -> None:
    started = thread_time()
    with pytest.raises(BrokenMessage):
        words(source)
    assert thread_time() - started < LONGEST_SECONDS


@pytest.mark.parametrize(
    "source",
    [
        "{{ order.__class__ }}",
        "{{ order['__class__'] }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ plural.__globals__ }}",
        "{{ recipient.__dict__ }}",
        "{{ [order] | map(attribute='_columns') | join }}",
        "{{ cycler }}",
    ],
)
def test_nothing_is_reached_that_is_not_given(source: str) -> None:
    assert words(source).body == "fallback"


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("{% for i in range(3) %}{{ loop.index }}{{ ', ' if not loop.last }}{% endfor %}", "1, 2, 3"),
        ("{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{% endfor %}", "a1b2"),
        ("{{ ['a', order.n, None] | select | join('-') }}", "a-3"),
        ("{{ '%.2f' | format(order.n) }} {{ 'a %s b %s' % (1, 2) }}", "3.00 a 1 b 2"),
        ("{{ 'n' ~ (order.n + 1) }} {{ order.n * 2 ** 3 }}", "n4 24"),
        ("{{ 'yes' if order.n in (1, 2, 3) else 'no' }}{{ '' if order.n is even else ' odd' }}", "yes odd"),
        ("{{ order.lines[:2] | join(', ') | upper | replace('LINE', 'row') }}", "A row, A row"),
        ("{{ order.long | truncate(10, true, '') }} {{ 'Ann Lee'.split()[0] }}", "xxxxxxxxxx Ann"),
        ("{{ {'card': 'by card'}['card'] }} {{ order.lists | map('first') | unique | join }}", "by card a"),
        ("{{ order.nope | default('-') }}{{ order.nope is defined }}", "-False"),
    ],
)
def test_what_messages_need_is_there(source: str, written: str) -> None:
    made = words(source)
    assert made.error is None
    assert made.body == written


def test_five_hundred_lines_of_an_order_are_not_too_many() -> None:
    made = words(
        "{% for line in order.lines[:500] %}{% if line != 'x' %}{{ loop.index }} {{ line }}\n{% endif %}{% endfor %}"
    )
    assert made.error is None
    assert made.body.startswith("1 a line\n2 a line")
