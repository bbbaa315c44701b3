"""A proxy that cuts, holds and slows the connections that go through it."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any

MOST = 65536


class Proxy:
    """Passes on what comes on its port to another port, and back; on an event loop of its own."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self._delay = 0.0
        # How many bytes may pass on each connection, to the target and back, before it is cut.
        self._limits: tuple[int | None, int | None] = (None, None)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port: int = self._do(self._listen())

    def cut(self) -> None:
        """End all connections at once, whatever they are just doing."""
        self._do(self._cut())

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let nothing pass, and end nothing: as a cable that is unplugged."""
        self._loop.call_soon_threadsafe(self._passing.clear)
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._passing.set)

    @contextmanager
    def slowed(self, seconds: float) -> Iterator[None]:
        """Pass everything on so much later."""
        self._delay = seconds
        try:
            yield
        finally:
            self._delay = 0.0

    @contextmanager
    def limited(self, there: int | None = None, back: int | None = None) -> Iterator[None]:
        """Cut each connection after so many bytes to the target, or back."""
        self._limits = (there, back)
        try:
            yield
        finally:
            self._limits = (None, None)

    def close(self) -> None:
        """Take no connections any more, and end all."""
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _stop(self) -> None:
        self._server.close()
        self._passing.set()
        await self._cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry a connection."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        ends = [writer]
        try:
            with suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
                ends.append(far_writer)
                self._writers.update(ends)
                await asyncio.gather(
                    self._pass_on(reader, far_writer, 0), self._pass_on(far_reader, writer, 1)
                )
        finally:
            self._writers.difference_update(ends)
            for end in ends:
                end.transport.abort()
            self._tasks.discard(task)

    async def _pass_on(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: int
    ) -> None:
        """Pass on what comes, until either end is cut; then the other is, too."""
        passed = 0
        while data := await source.read(MOST):
            await self._passing.wait()
            if self._delay:
                await asyncio.sleep(self._delay)
            limit = self._limits[way]
            if limit is None:
                passed = 0
            elif passed + len(data) > limit:
                sink.write(data[: limit - passed])
                await sink.drain()
                break
            else:
                passed += len(data)
            sink.write(data)
            await sink.drain()
        raise ConnectionResetError
