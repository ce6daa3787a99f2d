"""Running the application until somebody ends it."""

import contextlib
import logging
import socket
from collections.abc import Callable

import uvicorn

from search.server.guard import Guard
from search.server.settings import ServerSettings
from search.server.slow_headers import protocol_with_limit

SECONDS_TO_END = 3
MOST_CONNECTIONS = 200


def listening_socket(settings: ServerSettings) -> socket.socket:
    """A socket at the address of the settings, so that whoever is told of it can connect.

    Raises:
        OSError: The port is taken, or the address is none of this machine.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listening = socket.create_server((settings.host, settings.port), family=family, backlog=128)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(
            f"cannot listen at {settings.host} port {settings.port}: {reason}; another --port may be free, 0 takes one"
        ) from error
    # Every connection inherits it. Without it the last part of an answer waits 40 ms until the first is confirmed.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def run(app: Guard, settings: ServerSettings, on_start: Callable[[str], None]) -> None:
    """Serve until Ctrl-C, or until the process is told to end.

    Args:
        app: The application.
        settings: Where to listen.
        on_start: Is told the address to open, as soon as browsers can.

    Raises:
        OSError: The port is taken, or the address is none of this machine.
    """
    with contextlib.closing(listening_socket(settings)) as sock:
        server = uvicorn_server(app, settings)
        on_start(settings.address(sock.getsockname()[1]))
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[sock])


def uvicorn_server(app: Guard, settings: ServerSettings) -> uvicorn.Server:
    """Uvicorn with the application: it logs errors and nothing else, and believes no header about who asks."""
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        http=protocol_with_limit(settings.limits.header_seconds),
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=SECONDS_TO_END,
        h11_max_incomplete_event_size=32 * 1024,
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.key,
    )
    return uvicorn.Server(config)
