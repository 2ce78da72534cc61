"""The daemon's part of it as a process: capture and a planner; or the change log's reader alone.

Arguments: settings as JSON; ``all`` or ``reader``. Says ``ready`` when capture is live, and runs until it is killed.
"""

import asyncio
import logging
import sys

import structlog

from bench.broadcast import NoRoom
from config import Settings
from daemon.capture.changelog.reader import ChangeLog
from daemon.capture.doorbell import Doorbell
from daemon.connections import Connections
from daemon.policy import planning_of
from daemon.store.live import Nobody
from daemon.store.planner import Planner


async def run(settings: Settings, what: str) -> None:
    """Capture for ever."""
    connections = Connections(settings.database)
    async with asyncio.TaskGroup() as tasks:
        if settings.capture.source == "wal":
            change_log = ChangeLog(connections, settings)
            tasks.create_task(change_log.run())
            await change_log.live.wait()
        if what == "all":
            doorbell = Doorbell(connections.open, settings.capture)
            planner = Planner(connections.open, doorbell, planning_of(settings, (), "bench"), NoRoom(), Nobody())
            tasks.create_task(planner.run())
            await planner.live.wait()
        print("ready", flush=True)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asyncio.run(run(Settings.model_validate_json(sys.argv[1]), sys.argv[2]))
