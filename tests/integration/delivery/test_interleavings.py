"""Random interleavings of planning, claiming, dying, finishing and superseding, against the real database.

What must hold whatever happens: nothing is sent after a newer status of its line was; states only go forward; every
delivery ends, once.
"""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import psycopg
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from config.settings import Database, DeliverySettings
from daemon.capture.doorbell import Doorbell
from daemon.clock import DatabaseClock
from daemon.connections import QUEUE, Connections
from daemon.delivery.leases import Leases
from daemon.delivery.ledger import Ledger
from daemon.delivery.policy import Finish, after_sending
from daemon.policy import planning_of
from daemon.store.live import Nobody
from daemon.store.planner import Planner
from dispatchers.base import Delivery, Outcome, Rejected, Retry, Sent, Unknown
from schema.install import install
from tests.integration.store.conftest import SHOP, NoRoom, settings_for

STATUSES = ("pending", "confirmed", "delivered", "cancelled")
ORDERS = st.integers(1, 2)
NODES = st.sampled_from(["one", "two"])
OUTCOMES = st.sampled_from(["sent", "sent", "lost answer", "busy", "refused"])
PATIENT = DeliverySettings(lease_seconds=3600, retry_base_seconds=1e-6, retry_max_seconds=1e-6, max_attempts=1000)


class Loop:
    """An event loop in a thread of its own, so that hypothesis can stay what it is."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def test_whatever_the_order_of_events_nobody_is_told_something_outdated(  # noqa: C901 - the machine closes over its database
    empty_database: str,
) -> None:
    loop = Loop()
    with psycopg.connect(empty_database, autocommit=True) as app:
        app.execute(SHOP)
        configured = settings_for(empty_database)
        install(configured)
        connections = Connections(Database.model_validate({"url": empty_database}))
        pool = connections.queue()
        loop.run(pool.open())
        writer = loop.run(connections.open("test planner", **QUEUE))

        async def make_planner() -> Planner:
            doorbell = Doorbell(connections.open, configured.capture)
            planning = planning_of(configured, ("email",), "planner")
            return Planner(connections.open, doorbell, planning, NoRoom(), Nobody())

        planner: Planner = loop.run(make_planner())

        class Deliveries(RuleBasedStateMachine):
            def __init__(self) -> None:
                super().__init__()
                app.execute(
                    "TRUNCATE orders, orderbell.change, orderbell.event, orderbell.message, orderbell.notification,"
                    " orderbell.delivery, orderbell.delivery_history, orderbell.attempt RESTART IDENTITY"
                )
                clock = DatabaseClock()
                self.leases = {node: Leases(pool, PATIENT, node, clock) for node in ("one", "two")}
                self.ledger = Ledger(pool)
                self.held: dict[str, list[Delivery]] = {"one": [], "two": []}
                self.newest: dict[tuple[str, str], int] = {}
                self.ended: dict[int, str] = {}

            @rule(order=ORDERS, status=st.sampled_from(STATUSES))
            def the_application_writes(self, order: int, status: str) -> None:
                app.execute(
                    "INSERT INTO orders (id, status, customer_id, vendor_id) OVERRIDING SYSTEM VALUE"
                    " VALUES (%s, %s, 1, 2) ON CONFLICT (id) DO UPDATE SET status = excluded.status",
                    (order, status),
                )

            @rule()
            def the_planner_plans(self) -> None:
                loop.run(planner._drain(writer))

            @rule(node=NODES, limit=st.integers(1, 3))
            def a_node_claims(self, node: str, limit: int) -> None:
                claimed, _ = loop.run(self.leases[node].claim("email", limit))
                self.held[node] += claimed

            @rule()
            def leases_run_out(self) -> None:
                app.execute("UPDATE orderbell.delivery SET due_at = now() - interval '1 s' WHERE state = 'sending'")

            @rule(node=NODES)
            def a_node_dies(self, node: str) -> None:
                self.held[node].clear()

            @rule(node=NODES)
            def a_node_stops_in_order(self, node: str) -> None:
                loop.run(self.leases[node].give_back(self.held[node]))
                self.held[node].clear()

            @rule(node=NODES, outcome=OUTCOMES, dies=st.booleans())
            def a_node_sends(self, node: str, outcome: str, dies: bool) -> None:  # noqa: FBT001
                if self.held[node]:
                    self.send(node, outcome, dies=dies)

            def send(self, node: str, outcome: str, *, dies: bool) -> None:
                delivery = self.held[node].pop(0)
                reason = loop.run(self.leases[node].recheck([delivery])).get(delivery.id, "lost")
                if reason in ("lost", "wait"):
                    return
                if reason is not None:
                    self.write(delivery, Finish("skipped", reason))
                    return
                if outcome in ("sent", "lost answer"):
                    line = (delivery.subject, delivery.audience)
                    assert delivery.notification_id >= self.newest.get(line, 0), "an outdated status was sent"
                    self.newest[line] = delivery.notification_id
                if not dies:
                    came: dict[str, Outcome] = {
                        "sent": Sent(), "lost answer": Unknown("?"), "busy": Retry("busy"), "refused": Rejected("no"),
                    }  # fmt: skip
                    now = delivery.created_at
                    self.write(delivery, after_sending(came[outcome], delivery, PATIENT, now, 0.0))

            def write(self, delivery: Delivery, verdict: Any) -> None:
                self.ledger.record(delivery, verdict)
                ended = self.ledger._ended.pop()
                loop.run(self.ledger._write([ended]))
                # What waits a while in life is due at once here.
                app.execute("UPDATE orderbell.delivery SET due_at = now() WHERE state = 'pending'")

            @invariant()
            def what_has_ended_stays_as_it_ended(self) -> None:
                rows = app.execute("SELECT id, state FROM orderbell.delivery_history").fetchall()
                assert len(rows) == len({id_ for id_, _ in rows}), "a delivery ended twice"
                now: dict[int, str] = dict(rows)
                assert self.ended.items() <= now.items()
                self.ended = now
                live = {row[0] for row in app.execute("SELECT id FROM orderbell.delivery").fetchall()}
                assert not live & now.keys(), "a delivery has ended and goes on"

            def teardown(self) -> None:
                for _ in range(200):
                    loop.run(planner._drain(writer))
                    self.held = {"one": [], "two": []}
                    self.leases_run_out()
                    self.a_node_claims("one", 50)
                    if not self.held["one"] and not app.execute("SELECT FROM orderbell.delivery").rowcount:
                        break
                    while self.held["one"]:
                        self.send("one", "sent", dies=False)
                assert app.execute("SELECT FROM orderbell.delivery").rowcount == 0, "every delivery ends"
                told = "SELECT subject, audience, max(n.id) FROM orderbell.notification n"
                newest = app.execute(
                    f"{told} JOIN orderbell.delivery_history h ON h.notification_id = n.id".encode()
                    + b" WHERE h.channel = 'email' AND h.reason IS DISTINCT FROM 'no_address' GROUP BY 1, 2"
                ).fetchall()
                refused = {
                    row[0]
                    for row in app.execute(
                        "SELECT notification_id FROM orderbell.delivery_history WHERE state = 'failed'"
                    ).fetchall()
                }
                unsent = [
                    (subject, audience)
                    for subject, audience, last in newest
                    if self.newest.get((subject, audience), 0) < last and last not in refused
                ]
                assert unsent == [], "the newest status was not sent"

        try:
            run_state_machine_as_test(
                Deliveries,
                settings=settings(
                    max_examples=25,
                    stateful_step_count=30,
                    deadline=None,
                    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
                ),
            )
        finally:
            loop.run(writer.close())
            loop.run(loop.run(planner._application()).close())
            loop.run(pool.close())
            loop.close()
