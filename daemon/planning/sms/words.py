"""The words of a message with a text that its rule allows."""

from dataclasses import replace

from daemon.planning.sms.fit import fitted
from daemon.planning.values import Words


def sized(words: Words, most_segments: int, *, transliterate: bool) -> Words:
    """``words`` with a text of ``most_segments`` at most; that it had to be another is said in their error."""
    fit = fitted(words.text, words.title, most_segments, transliterate=transliterate)
    if fit.problem is None:
        return words if fit.text == words.text else replace(words, text=fit.text)
    return replace(words, text=fit.text, error="; ".join(filter(None, (words.error, fit.problem))))
