"""What a person chooses for themselves: languages, quiet hours, channels, categories."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Body, Path
from fastapi.exceptions import RequestValidationError

from config.names import Name
from daemon.api.auth import Identity
from daemon.api.caller import Caller, Parts, WithParts
from daemon.api.problems import NotFound, documented
from daemon.api.routing import person_router
from daemon.api.settings import ALL
from daemon.api.settings_shapes import Personal, PreferenceIn, QuietIn, SettingsOut, Snooze, Switch
from daemon.api.settings_store import Choice

MOST_PREFERENCES = 200
"""In one request: every category on more channels than there are."""

SOME_PREFERENCES = [{"category": "promotion", "channel": "email", "enabled": True}]

router = person_router("/api/settings", "settings")


@router.get("")
async def get_settings(caller: Caller, parts: WithParts) -> SettingsOut:
    """What the daemon goes by for this person, and what of it they chose themselves."""
    return await _effective(caller, parts)


@router.patch("")
async def change_settings(caller: Caller, parts: WithParts, personal: Personal) -> SettingsOut:
    """Choose a language, a time zone, not to be disturbed. What is left out stays; null takes an own choice back."""
    await parts.settings.write(caller.user_id, personal.model_dump(exclude_unset=True))
    return await _effective(caller, parts)


@router.put("/preferences")
async def put_preferences(
    caller: Caller,
    parts: WithParts,
    preferences: Annotated[
        list[PreferenceIn], Body(min_length=1, max_length=MOST_PREFERENCES, examples=[SOME_PREFERENCES])
    ],
) -> SettingsOut:
    """Choose categories on channels; choices that are not named stay. What is off is off, however wide the switch."""
    await parts.settings.choose(caller.user_id, _choices(preferences, parts))
    return await _effective(caller, parts)


@router.put("/quiet-hours")
async def put_quiet_hours(caller: Caller, parts: WithParts, quiet: QuietIn) -> SettingsOut:
    """Choose hours in which nothing but the urgent disturbs."""
    await parts.settings.be_quiet(caller.user_id, quiet.windows)
    return await _effective(caller, parts)


@router.post("/snooze")
async def snooze(caller: Caller, parts: WithParts, wanted: Snooze) -> SettingsOut:
    """Not to be disturbed for a while."""
    await parts.settings.snooze(caller.user_id, minutes=wanted.minutes, until=wanted.until)
    return await _effective(caller, parts)


@router.delete("/snooze")
async def end_snooze(caller: Caller, parts: WithParts) -> SettingsOut:
    """To be told again. Where nothing is snoozed, nothing changes."""
    await parts.settings.wake(caller.user_id)
    return await _effective(caller, parts)


@router.put("/channels/{channel}", responses=documented(404))
async def switch_channel(
    caller: Caller,
    parts: WithParts,
    channel: Annotated[Name, Path(description="as GET /api/settings names it", examples=["email"])],
    switch: Switch,
) -> SettingsOut:
    """Switch a whole channel off, or on again. The inbox cannot be."""
    if channel not in parts.settings.channels:
        raise NotFound("There is no such channel.")
    await parts.settings.choose(caller.user_id, [Choice(ALL, channel, switch.enabled)])
    return await _effective(caller, parts)


async def _effective(caller: Identity, parts: Parts) -> SettingsOut:
    return SettingsOut.model_validate(await parts.settings.effective(caller.user_id))


def _choices(preferences: Sequence[PreferenceIn], parts: Parts) -> list[Choice]:
    """Raises RequestValidationError for a channel that is not there, or what is said twice."""
    problems, found = [], dict[tuple[str, str], Choice]()
    for index, each in enumerate(preferences):
        choice = Choice(each.category.value, ALL if each.channel is None else each.channel, each.enabled)
        if choice.channel not in {ALL, *parts.settings.channels} and choice.enabled is not None:
            problems.append(
                {"loc": ("body", index, "channel"), "msg": "there is no such channel", "type": "value_error"}
            )
        if (choice.category, choice.channel) in found:
            problems.append({"loc": ("body", index), "msg": "this is said twice", "type": "value_error"})
        found[choice.category, choice.channel] = choice
    if problems:
        raise RequestValidationError(problems)
    return list(found.values())
