"""Who may ask: the token, compared in constant time, and the sessions of browsers that brought it."""

import getpass
import hmac
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

SESSION_COOKIE = "personsearch_session"
SESSION_SECONDS = 12 * 3600.0
MOST_SESSIONS = 1000
LONGEST_NAME = 80
MOST_ADDRESSES = 10_000


class TooManyTries(Exception):
    """Too many wrong tokens came from one address within a minute."""


class Access:
    """Knows the token and the sessions; safe to be used by several threads.

    Args:
        token: The word to bring; None lets everybody in.
        tries_a_minute: So many wrong tokens of one address are looked at within a minute.
        clock: Seconds that only grow.
    """

    def __init__(
        self, token: str | None, *, tries_a_minute: int = 10, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._token = None if token is None else token.encode()
        self._tries, self._clock = tries_a_minute, clock
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    @property
    def open_to_all(self) -> bool:
        """Whether no token is needed."""
        return self._token is None

    def is_token(self, text: str) -> bool:
        """Whether a text is the token, compared in a time that tells nothing about it."""
        return self._token is not None and hmac.compare_digest(text.encode("utf-8", "surrogatepass"), self._token)

    def who(self, bearer: str | None, cookie: str | None, address: str) -> str | None:
        """Who asks, as the record names them; None where nobody who may.

        Args:
            bearer: The token of the header `Authorization: Bearer`, None without one.
            cookie: The session of the cookie, None without one.
            address: Where the request comes from.

        Raises:
            TooManyTries: Too many wrong tokens came from that address within a minute.
        """
        if self._token is None:
            return user_here()
        if bearer is not None:
            return "holder of the token" if self._right(bearer, address) else None
        if cookie is None:
            return None
        return self.user_of(cookie)

    def user_of(self, session: str) -> str | None:
        """Who began a session; None where it has ended, or never was."""
        now = self._clock()
        with self._lock:
            until, name = self._sessions.get(session, (now, ""))
        return name if until > now else None

    def login(self, token: str, name: str, address: str) -> str | None:
        """Begin a session.

        Args:
            token: What was typed.
            name: Who it is, for the record; empty names nobody.
            address: Where the request comes from.

        Returns:
            The session's secret for the cookie; None where the token is wrong.

        Raises:
            TooManyTries: Too many wrong tokens came from that address within a minute.
        """
        if not self._right(token, address):
            return None
        session = secrets.token_urlsafe(32)
        who = "".join(one for one in name if one.isprintable()).strip()[:LONGEST_NAME] or "holder of the token"
        with self._lock:
            self._sessions[session] = (self._clock() + SESSION_SECONDS, who)
            while len(self._sessions) > MOST_SESSIONS:
                self._sessions.popitem(last=False)
        return session

    def logout(self, cookie: str | None) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(cookie or "", None)

    def _right(self, token: str, address: str) -> bool:
        now = self._clock()
        with self._lock:
            wrong = self._wrong.setdefault(address, deque())
            self._wrong.move_to_end(address)
            while len(self._wrong) > MOST_ADDRESSES:
                self._wrong.popitem(last=False)
            while wrong and wrong[0] <= now - 60:
                wrong.popleft()
            if len(wrong) >= self._tries:
                raise TooManyTries
            right = self.is_token(token)
            if not right:
                wrong.append(now)
            return right


def user_here() -> str:
    """The user of this machine, as the record names them where no token tells people apart."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container without a list of users
        return "user of this machine"
