"""What a daemon's connections to the database go through; it can be cut and joined."""

import asyncio
import shutil
import tempfile
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo


class Cable:
    """A socket of PostgreSQL's in a folder of its own; not there until :meth:`join`."""

    def __init__(self, url: str) -> None:
        # Not pytest's own folder: a socket's path must be short.
        self._folder = Path(tempfile.mkdtemp(prefix="ob-"))
        self._socket = self._folder / ".s.PGSQL.5432"
        self._far_end = conninfo_to_dict(url)
        self._server: asyncio.Server | None = None
        self._is_cut = True
        self._through: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.url = make_conninfo(url, host=str(self._folder), port=5432)

    async def join(self) -> None:
        self._is_cut = False
        self._server = await asyncio.start_unix_server(self._connected, self._socket)

    async def cut(self) -> None:
        self._is_cut = True
        if self._server is not None:
            self._server.close()
        self._socket.unlink(missing_ok=True)
        through = dict(self._through)
        for task in through:
            task.cancel()
        await asyncio.gather(*through, return_exceptions=True)
        for near_end in through.values():
            near_end.transport.abort()  # also of what was cancelled before it had begun

    async def remove(self) -> None:
        await self.cut()
        shutil.rmtree(self._folder)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()  # it was taken at the last moment
            return
        task = asyncio.ensure_future(self._carry(reader, writer))
        self._through[task] = writer
        task.add_done_callback(self._through.pop)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = str(self._far_end.get("host") or "127.0.0.1"), self._far_end.get("port") or 5432
        ends = [writer]
        ways: list[asyncio.Future[None]] = []
        try:
            if host.startswith("/"):
                far_reader, far_writer = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
            else:
                far_reader, far_writer = await asyncio.open_connection(host, int(port))
            ends.append(far_writer)
            ways += [
                asyncio.ensure_future(_pump(reader, far_writer)),
                asyncio.ensure_future(_pump(far_reader, writer)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in ends:
                end.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
