"""What the routes share: the desk, who may ask, and the record of what was done."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from search.desk.desk import Desk
from search.server.access import Access
from search.server.settings import ServerSettings

Record = Callable[[str, str, dict[str, Any]], None]
"""Notes down an action, who did it, and what it was about."""


@dataclass(frozen=True)
class Workplace:
    """All that the routes need.

    Args:
        desk: One gallery and what is done with it.
        settings: Where the server listens.
        access: Knows the token.
        record: Notes down what is done.
    """

    desk: Desk
    settings: ServerSettings
    access: Access
    record: Record

    def note(self, request: Request, action: str, **what: Any) -> None:
        """Note down what the sender of a request did."""
        self.record(action, asker(request), {"from": request.client.host if request.client else None, **what})


def asker(request: Request) -> str:
    """Who sent a request, as the guard found out."""
    return str(request.state.who)
