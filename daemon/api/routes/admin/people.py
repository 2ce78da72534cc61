"""Why somebody was told, or not."""

from typing import Annotated

from fastapi import Path, Query

from daemon.api.admin.desk import refused
from daemon.api.admin.sending import not_a_channel
from daemon.api.problems import NotFound, documented
from daemon.api.routes.admin.fields import NO_NUL, Narrow
from daemon.api.routes.admin.staff import Staff, WithAdmin, staff_router
from daemon.explain.records import Ask
from daemon.explain.values import Timeline

router = staff_router("/people")


@router.get("/{user_id:path}/explain", responses=documented(404))
async def explain(
    _: Staff,
    admin: WithAdmin,
    user_id: Annotated[
        str, Path(min_length=1, max_length=256, pattern=NO_NUL, description="as your application has it")
    ],
    subject: Annotated[
        str,
        Query(max_length=512, pattern=r"^[^:\x00]+:[^\x00]+$", description="what it is about", examples=["order:1"]),
    ],
    channel: Annotated[Narrow, Query(description="on this one only", examples=["email"])] = None,
) -> Timeline:
    """Every event of the subject, what this person was told of each, on which channel, and why not: as
    `orderbell explain` says it, with addresses masked.
    """
    problem = None if channel is None else not_a_channel(channel, admin.policy)
    if problem is not None:
        raise refused(problem, "query", "channel")
    if admin.explain is None:
        raise NotFound("Explanations are not set up here.")
    found = await admin.explain(Ask(subject, user_id, channel))
    if found.empty:
        raise NotFound("Nothing is known of this.")
    return found
