"""What is wrong with messages, before somebody would read it: for ``orderbell check``. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from config import Settings
from config.errors import Mistake
from config.mapping import Watch
from config.names import INBOX
from config.rules import Rule
from config.suggestions import did_you_mean
from daemon.planning.catalogue.catalogue import Catalogue
from daemon.planning.catalogue.locales import is_tag, tag_of
from daemon.planning.catalogue.message import OCCASIONS, BrokenMessage, Key, Message, message_of, path_to
from daemon.planning.catalogue.samples import digest_failures_of, failures_of
from daemon.planning.catalogue.templates import Template
from daemon.planning.catalogue.text import Text
from daemon.planning.catalogue.usage import Read, reads_in
from daemon.planning.catalogue.variables import OF_A_DIGEST, OF_A_PERSON, OF_EVERY_EVENT

_OF_FALLBACK = frozenset(OF_EVERY_EVENT) - {"recipient", "row"}
_OF_DIGEST = frozenset({*OF_A_DIGEST, "event", "event_name"})


def mistakes_in(settings: Settings, catalogue: Catalogue) -> list[Mistake]:
    """Everything that would make somebody read a fallback, or words that are not what their writer meant."""
    people = frozenset(settings.audience) | catalogue.shelf.audiences
    found = list(_missing(settings, catalogue))
    for locale, sections in catalogue.shelf.locales.items():
        file = f"messages/{locale}.toml"
        for key, message in sections.messages.items():
            found += _of_message(file, key, "", message, people, settings.watch, locale)
        for occasion in OCCASIONS:
            for key, message in sections.occasions[occasion].items():
                found += _of_occasion(file, key, occasion, message, people, settings.watch, locale)
        if sections.fallback is not None:
            found += _names(f"{file}: fallback", sections.fallback, _OF_FALLBACK)
    for audience, url in catalogue.shelf.urls.items():
        prefixes = sorted({rule.event.partition(".")[0] for rule in settings.rule if rule.audience == audience})
        for prefix in prefixes:
            found += _text(f"audience.{audience}.url", url, prefix, people, settings.watch)
    return list(dict.fromkeys(found))


def untranslated_in(settings: Settings, catalogue: Catalogue) -> list[Mistake]:
    """Rules whose message some languages do not have: their speakers read it in the default locale, and each time is
    counted as a failure to render. A region needs no message that its language has.
    """
    found = []
    default = catalogue.shelf.default_locale
    for event, audience in dict.fromkeys((rule.event, rule.audience) for rule in settings.rule):
        if not catalogue.has(event, audience):
            continue
        found += [
            Mistake(
                f"messages/{locale}.toml: {path_to(event, audience)}",
                f'is missing: people would read it in "{default}"',
            )
            for locale in catalogue.shelf.locales
            if "-" not in locale and not catalogue.has(event, audience, locale)
        ]
    return found


def mistakes_in_template(template: Template, path: str, settings: Settings, catalogue: Catalogue) -> list[Mistake]:
    """As :func:`mistakes_in`, of words that staff have written; ``path`` says which."""
    event, audience = key = (template.event, template.audience)
    try:
        message = message_of(template.fields)
    except BrokenMessage as error:
        return [Mistake(f"{path}: {path_to(event, audience, field)}", problem) for field, problem in error.mistakes]
    people = frozenset(settings.audience) | catalogue.shelf.audiences
    return list(dict.fromkeys(_of_message(path, key, "", message, people, settings.watch, tag_of(template.locale))))


def faults(template: Template, settings: Settings, catalogue: Catalogue) -> list[Mistake]:
    """Why nobody would read it, or would read something else."""
    path = f"template {template.id}"
    misplaced = [Mistake(f"{path}: {found.path}", found.problem) for found in unread(template, settings.rule)]
    return misplaced + mistakes_in_template(template, path, settings, catalogue)


def unread(template: Template, rules: Sequence[Rule]) -> Iterator[Mistake]:
    """Why nobody would read ``template``: no rule tells that audience of this event, or not on this channel."""
    event, audience, channel = template.event, template.audience, template.channel
    if not is_tag(template.locale):
        yield Mistake("locale", f'"{template.locale}" is not a locale, such as de or de-AT')
    events = {rule.event for rule in rules}
    if event not in events:
        yield Mistake("event", f'no rule is for "{event}"{did_you_mean(event, events)}')
        return
    audiences = {rule.audience for rule in rules if rule.event == event}
    if audience not in audiences:
        hint = did_you_mean(audience, audiences) or f"; it is told to {', '.join(sorted(audiences))}"
        yield Mistake("audience", f'no rule tells "{audience}" of {event}{hint}')
        return
    told = (rule for rule in rules if (rule.event, rule.audience) == (event, audience))
    channels = {channel for rule in told for channel in rule.all_channels} - {INBOX}
    if channel == INBOX:
        yield Mistake("channel", "the inbox has the words for every channel: leave it out")
    elif channel and channel not in channels:
        hint = did_you_mean(channel, channels) or f"; there is {', '.join(sorted(channels)) or 'only the inbox'}"
        yield Mistake("channel", f'{event} is not told to {audience} on "{channel}"{hint}')


def _missing(settings: Settings, catalogue: Catalogue) -> Iterator[Mistake]:
    default = catalogue.shelf.default_locale
    for index, rule in enumerate(settings.rule):
        if not catalogue.has(rule.event, rule.audience):
            yield Mistake(
                f"rule[{index}]",
                f'no message for {rule.event} to {rule.audience} in the catalogue "{default}": people would read the'
                f" fallback; add [{path_to(rule.event, rule.audience)}] to messages/{default}.toml",
            )


def _of_message(
    file: str, key: Key, occasion: str, message: Message, people: frozenset[str], watches: Sequence[Watch], locale: str
) -> Iterator[Mistake]:
    event, audience = key
    broken = set()
    for field, text in message.texts.items():
        path = f"{file}: {'.'.join(part for part in (path_to(event, audience), occasion, field) if part)}"
        for mistake in _text(path, text, event.partition(".")[0], people, watches):
            broken.add(field)
            yield mistake
    for field, problem in failures_of(message, event, people, locale):
        if field not in broken:
            yield Mistake(f"{file}: {'.'.join(p for p in (path_to(event, audience), occasion, field) if p)}", problem)


def _of_occasion(
    file: str, key: Key, occasion: str, message: Message, people: frozenset[str], watches: Sequence[Watch], locale: str
) -> Iterable[Mistake]:
    if occasion == "digest":
        path = f"{file}: {'.'.join(part for part in (path_to(*key), occasion) if part)}"
        wrong = list(_names(path, message, _OF_DIGEST))
        return wrong or [Mistake(f"{path}.{field}", problem) for field, problem in digest_failures_of(message, locale)]
    if key == ("", ""):
        return _names(f"{file}: {occasion}", message, _OF_FALLBACK)
    return _of_message(file, key, occasion, message, people, watches, locale)


def _text(path: str, text: Text, prefix: str, people: frozenset[str], watches: Sequence[Watch]) -> Iterator[Mistake]:
    """What ``text`` mentions and nobody will be or have."""
    known = {*OF_EVERY_EVENT, prefix, *people}
    for name in sorted(text.names - known):
        yield Mistake(path, f'mentions "{name}", which is never there{did_you_mean(name, known)}')
    of_prefix = [watch for watch in watches if watch.event_prefix == prefix]
    columns = {column for watch in of_prefix for column in watch.captured_columns}
    for read in reads_in(text.source):
        if read.name in {prefix, "row"} and of_prefix and not read.guarded and read.of not in columns:
            yield Mistake(path, _uncaptured(read, columns, watches.index(of_prefix[0])))
        elif read.name in people | {"recipient"} and read.name != prefix and read.of not in OF_A_PERSON:
            yield Mistake(path, f'a person has no "{read.of}"{did_you_mean(read.of, OF_A_PERSON)}')


def _uncaptured(read: Read, columns: Iterable[str], watch: int) -> str:
    return (
        f'reads the column "{read.of}", which is not captured{did_you_mean(read.of, columns)}:'
        f" add it to watch[{watch}].columns"
    )


def _names(path: str, message: Message, known: frozenset[str]) -> Iterator[Mistake]:
    """What a message for any event mentions and cannot know."""
    for field, text in message.texts.items():
        for name in sorted(text.names - known):
            yield Mistake(f"{path}.{field}", f'mentions "{name}", which is not known here{did_you_mean(name, known)}')
