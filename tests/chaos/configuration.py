"""What both daemons are started with: the demo's configuration, with everything behind wires and quick."""

from dataclasses import dataclass
from pathlib import Path

import tomlkit

from config import Settings, load
from demo.configuration import Ports, write_configuration
from demo.providers import Providers as Sinks
from tests.chaos.providers import Providers
from tests.chaos.wire import Wire
from tests.sources import Source

CUSTOMERS = 40
VENDORS = 8
DRIVERS = 3

LEASE_SECONDS = 5.0
PROVIDER_SECONDS = 2.0
"""A send ends within its lease: it begins in the first half of it."""
PATIENT_LEASE_SECONDS = 90.0
PATIENT_PROVIDER_SECONDS = 30.0
"""Where nothing fails: a machine that stands still for a moment is no reason to send anything again."""


@dataclass(frozen=True, slots=True)
class Written:
    file: Path
    credentials: Path
    settings: Settings


def write(
    folder: Path,
    database_url: str,
    providers: Providers,
    wires: dict[str, Wire],
    source: Source,
    *,
    patient: bool,
) -> Written:
    """Write it into ``folder``; the database's URL in it goes past the wires and is for us, not for the daemons.

    ``patient``: leases and answers may take long.
    """
    lease_seconds = PATIENT_LEASE_SECONDS if patient else LEASE_SECONDS
    provider_seconds = PATIENT_PROVIDER_SECONDS if patient else PROVIDER_SECONDS
    sinks = Sinks(providers.smtp, providers.twilio, providers.push)
    demo = write_configuration(folder, database_url, sinks, Ports(8300, 9300), [])
    values = tomlkit.parse(demo.file.read_text(encoding="utf-8")).unwrap()
    values["http"]["port"] = values["metrics"]["port"] = 0  # there are two daemons
    del values["http"]["public_url"]
    values["database"] = {"connect_timeout_seconds": 3}
    values["capture"] = {"source": source, "heartbeat_seconds": 1.5, "safety_poll_seconds": 5.0}
    values["delivery"] = {
        "lease_seconds": lease_seconds,
        "poll_seconds": 0.2,
        "retry_base_seconds": 0.2,
        "retry_max_seconds": 2.0,
        "max_attempts": 100,
    }
    values["log"] = {"format": "json"}
    values["email"]["provider"][0] |= {"port": wires["email"].port, "timeout_seconds": provider_seconds}
    values["sms"]["provider"][0] |= {
        "base_url": f"http://127.0.0.1:{wires['sms'].port}",
        "timeout_seconds": provider_seconds,
    }
    values["webpush"]["timeout_seconds"] = provider_seconds
    demo.file.write_text(tomlkit.dumps(values), encoding="utf-8")
    settings = load(demo.file, {"CREDENTIALS_DIRECTORY": str(demo.credentials)})
    return Written(demo.file, demo.credentials, settings)
