"""A connection must bring the headers of a request within some seconds; whoever sends them drop by drop is let go."""

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from search.desk.refusals import told


def protocol_with_limit(seconds: float) -> type[H11Protocol]:
    """Uvicorn's HTTP, where a connection that has sent no whole headers after some seconds is answered 408 and closed.

    Without it a few hundred connections that each send a byte now and then would keep everybody else out. The time
    runs from the connection's begin, and later from the first byte of each further request. Between two requests
    uvicorn's own limit counts (`timeout_keep_alive`).

    Args:
        seconds: More than 0.
    """

    class Limited(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._begin()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE:  # the headers are here
                self._end()
            elif self._deadline is None:
                self._begin()

        def connection_lost(self, exc: Exception | None) -> None:
            self._end()
            super().connection_lost(exc)

        def _begin(self) -> None:
            self._deadline = self.loop.call_later(seconds, self._too_slow)

        def _end(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _too_slow(self) -> None:
            self._deadline = None
            if self.transport.is_closing() or self.conn.their_state is not h11.IDLE:
                return
            body = json.dumps(told("headers_late", {"seconds": f"{seconds:g}"})).encode()
            head: list[Any] = [
                ("content-type", "application/json"), ("content-length", str(len(body))), ("connection", "close"),
            ]  # fmt: skip
            for event in (h11.Response(status_code=408, headers=head), h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
            self.transport.close()

    return Limited
