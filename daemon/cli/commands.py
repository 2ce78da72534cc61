"""Every command: where it is, how it is called, and how it ends."""

from dataclasses import dataclass

DONE = "0 done"
FAILED = "1 it did not work"
WRONG_CALL = "2 the configuration or the call is wrong"
UNREACHABLE = "3 the database cannot be reached"


@dataclass(frozen=True, slots=True)
class Command:
    """Where it is in the code, and what its help says under its options."""

    module: str
    """In ``daemon.cli``; with a leading dot: a module above it, found by name."""
    attribute: str
    examples: tuple[str, ...]
    exits: tuple[str, ...] = (DONE, FAILED, WRONG_CALL, UNREACHABLE)

    @property
    def epilog(self) -> str:
        """For typer: a paragraph a line, for it folds the lines of one."""
        examples = "\n\n".join(f"  {example}" for example in self.examples)
        return f"Examples:\n\n{examples}\n\nExit codes: {'; '.join(self.exits)}."


COMMANDS = {
    "init": Command("inspect", "init", ("orderbell init postgresql://app@localhost/shop > orderbell.toml",)),
    "check": Command(
        "check",
        "check",
        (
            "orderbell check",
            "orderbell check --offline --config new.toml",
            "orderbell check --json | jq '.problems[]'",
        ),
        (DONE, "1 something is wrong, the database that cannot be reached included", WRONG_CALL),
    ),
    "install": Command(
        "lifecycle", "install", ("orderbell install --config /etc/orderbell/orderbell.toml", "orderbell install --json")
    ),
    "uninstall": Command("lifecycle", "uninstall", ("orderbell uninstall --yes", "orderbell uninstall --yes --json")),
    "run": Command(
        "run",
        "run",
        ("orderbell run --config orderbell.toml",),
        ("0 it was asked to end", "1 it cannot go on", WRONG_CALL),
    ),
    "status": Command(
        "status.command",
        "status",
        ("orderbell status", "orderbell status --once", "orderbell status --json | jq .troubles"),
        ("0 all is well", "1 something is wrong", WRONG_CALL, UNREACHABLE, "live, leaving it is 0"),
    ),
    "explain": Command(
        "explain",
        "explain",
        ("orderbell explain order:4711", "orderbell explain order:4711 --user 7 --channel sms --json"),
        (DONE, "1 nothing is known of it", WRONG_CALL, UNREACHABLE),
    ),
    "replay": Command("replay", "replay_", ("orderbell replay --since 7d --rules new.toml",)),
    "failed": Command("failures", "failed", ("orderbell failed", "orderbell failed --channel sms --json")),
    "retry": Command(
        "failures",
        "retry",
        ("orderbell retry d12 c7", "orderbell retry --channel email --error greylisted", "orderbell retry --all"),
        (DONE, "1 an id is not in the list any more; the others came back", WRONG_CALL, UNREACHABLE),
    ),
    "send": Command(
        "send.command",
        "send",
        (
            "orderbell send order.ready 4711",
            """orderbell send stock.low 17 --data '{"left": 3}' --idempotency-key stock-17""",
            "orderbell send order.ready 4711 --dry-run",
        ),
    ),
    "suppressed": Command("suppressions", "suppressed", ("orderbell suppressed --reason bounce --json",)),
    "suppress": Command(
        "suppressions", "suppress", ("orderbell suppress email someone@example.com --detail 'asked by phone'",)
    ),
    "unsuppress": Command(
        "suppressions",
        "unsuppress",
        ("orderbell unsuppress sms +12125550123",),
        (DONE, "1 it was not closed", WRONG_CALL, UNREACHABLE),
    ),
    "template": Command("template.group", "group", ()),
    "token": Command("secrets", "token", ("orderbell token 7", "orderbell token 1 --role admin --hours 8 --json"),
                     (DONE, WRONG_CALL)),
    "vapid": Command("secrets", "vapid", ("orderbell vapid", "orderbell vapid --json"), (DONE,)),
}  # fmt: skip

OF_TEMPLATES = {
    "list": Command("", "", ("orderbell template list --event order.ready --json",)),
    "draft": Command("", "", ("orderbell template draft order.ready customer ready.toml --locale de",)),
    "preview": Command("", "", ("orderbell template preview 12 --order 4711",)),
    "publish": Command("", "", ("orderbell template publish 12", "orderbell template publish 12 --json")),
    "retire": Command("", "", ("orderbell template retire 12", "orderbell template retire 12 --json")),
}
"""Those of ``orderbell template``."""

OF_THE_DEMO = {
    "demo": Command(
        "demo.command",
        "demo",
        ("orderbell demo", "orderbell demo --once", "orderbell demo --load 1000 --writers 16 --json"),
        (DONE, "1 a message is missing or came twice, or the demo cannot run", WRONG_CALL),
    ),
    "bench": Command(
        "demo.bench",
        "bench",
        ("orderbell bench", "orderbell bench --seconds 30 --writers 8 --json"),
        (DONE, "1 it cannot run", WRONG_CALL),
    ),
}
"""Those that need the extra ``orderbell[demo]``. They stand above the daemon, so they are found by name."""
