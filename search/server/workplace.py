"""What the routes share: the desk, who may ask, and the record of what was done."""

from dataclasses import dataclass
from typing import Any

from fastapi import Request

from search.desk.desk import Desk
from search.server.access import Access
from search.server.settings import ServerSettings


@dataclass(frozen=True)
class Workplace:
    """All that the routes need.

    Args:
        desk: One gallery and what is done with it.
        settings: Where the server listens.
        access: Knows the token.
    """

    desk: Desk
    settings: ServerSettings
    access: Access

    def note(self, request: Request, action: str, **what: Any) -> None:
        """Note down what the sender of a request did."""
        self.desk.record.append(action, asker(request), {"from": sender(request), **what})


def sender(request: Request) -> str | None:
    """The address that a request came from."""
    return request.client.host if request.client else None


def asker(request: Request) -> str:
    """Who sent a request, as the guard found out."""
    return str(request.state.who)
