"""What the daemon is started with: ``orderbell.toml``, and the secrets as systemd hands them over."""

import json
import secrets
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from config import Settings, load
from demo.providers import Providers
from dispatchers.webpush.vapid import generate_vapid_key


@dataclass(frozen=True, slots=True)
class Configuration:
    """Written files, and the settings that they make."""

    file: Path
    credentials: Path
    settings: Settings


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the daemon listens."""

    http: int
    metrics: int


def write_configuration(
    folder: Path, database_url: str, providers: Providers, ports: Ports, origins: list[str]
) -> Configuration:
    """Write both into ``folder``, with fresh secrets, these ports and those of ``providers``.

    Raises ConfigError if the demo's own configuration is wrong.
    """
    file = folder / "orderbell.toml"
    template = Template((files("demo") / "orderbell.toml").read_text(encoding="utf-8"))
    file.write_text(
        template.substitute(
            http_port=ports.http,
            metrics_port=ports.metrics,
            origins=json.dumps(origins),
            smtp_port=providers.smtp.port,
            sms_url=providers.twilio.url,
            sms_account=providers.twilio.account_sid,
        ),
        encoding="utf-8",
    )
    private_key, _ = generate_vapid_key()
    credentials = folder / "credentials"
    credentials.mkdir(mode=0o700)
    for name, secret in {
        "database.url": database_url,
        "auth.secret": secrets.token_urlsafe(48),
        "sms.provider.0.auth_token": providers.twilio.auth_token,
        "webpush.vapid_private_key": private_key,
    }.items():
        path = credentials / name
        path.touch(mode=0o600)
        path.write_text(secret, encoding="utf-8")
    return Configuration(file, credentials, load(file, {"CREDENTIALS_DIRECTORY": str(credentials)}))
