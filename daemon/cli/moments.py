"""Points in time as people write them."""

from datetime import UTC, datetime

from config import ConfigError, Mistake
from config.durations import duration


def moment(option: str, text: str, now: datetime, *, ahead: bool = False) -> datetime:
    """``2h`` ago, or with ``ahead`` from now; or an ISO time, without an offset on this machine's clock.

    Raises ConfigError that names the ``option``.
    """
    if text[:1].isdigit() and text[-1:] in "dhms":
        try:
            length = duration(text)
        except ValueError as error:
            raise ConfigError(option, [Mistake("", str(error))]) from None
        return now + length if ahead else now - length  # type: ignore[no-any-return]
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        said = f'{text!r} is neither a time such as 2026-11-20T18:00 nor a duration such as "2h" or "7d"'
        raise ConfigError(option, [Mistake("", said)]) from None
