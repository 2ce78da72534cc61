"""The change log's reader as a process of its own, to be killed and to be weighed. Its argument: settings, as JSON."""

import asyncio
import sys

from config import Settings
from daemon.capture.changelog.reader import ChangeLog
from daemon.connections import Connections

if __name__ == "__main__":
    settings = Settings.model_validate_json(sys.argv[1])
    asyncio.run(ChangeLog(Connections(settings.database), settings).run())
