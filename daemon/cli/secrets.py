"""``token`` and ``vapid``: keys and tokens for those who set Orderbell up."""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from daemon.api.auth import Tokens
from daemon.cli.call import ConfigOption, problem, settings_from
from daemon.cli.console import out
from dispatchers.webpush import generate_vapid_key


def token(
    user_id: Annotated[str, typer.Argument(help="Whose inbox it opens: the user id as your application has it.")],
    config: ConfigOption = None,
    hours: Annotated[float, typer.Option(min=0.01, help="How long it is valid.")] = 1.0,
    role: Annotated[
        list[str] | None, typer.Option(help="In its roles claim; may be repeated. auth.admin_role opens the admin API.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,  # noqa: FBT002 - typer's way
) -> None:
    """Make a token for a user, to try the API and the hub with. In production, your application makes them."""
    settings = settings_from(config)
    if settings.auth.secret is None:
        problem("auth.secret is not set: tokens are signed with it")
        raise typer.Exit(2)
    lifetime = timedelta(hours=hours)
    made = Tokens(settings.auth).mint(user_id, lifetime=lifetime, roles=frozenset(role or ()))
    if as_json:
        expires_at = (datetime.now(UTC) + lifetime).isoformat(timespec="seconds")
        out.print_json(json.dumps({"token": made, "user_id": user_id, "expires_at": expires_at}))
        return
    out.print(made, soft_wrap=True, markup=False, highlight=False)


def vapid(
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,  # noqa: FBT002 - typer's way
) -> None:
    """Make a VAPID key pair for Web Push (RFC 8292). Keep the private key, and secret: devices are bound to it."""
    private, public = generate_vapid_key()
    if as_json:
        out.print_json(json.dumps({"private_key": private, "public_key": public}))
        return
    out.print(f"private key (webpush.vapid_private_key): {private}", soft_wrap=True, highlight=False)
    out.print(f"public key  (applicationServerKey):      {public}", soft_wrap=True, highlight=False)
