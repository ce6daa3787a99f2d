"""What every request passes before anything looks at it: host, origin, token, size and time; and the safe headers."""

import asyncio
import ipaddress
import json
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import nullcontext
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from search.desk.refusals import told
from search.server.access import SESSION_COOKIE, Access, TooManyTries
from search.server.settings import RequestLimits, ServerSettings, is_loopback

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
UPLOADS = "/api/probes"
OPEN = ("POST", "/api/login")
"""What may be asked without the token, beside the page's own files, which hold no data."""

SECRET_NAMES = ("token", "access_token", "authorization", "bearer", "password", "secret", "session")
WRITING = ("POST", "PUT", "PATCH", "DELETE")


class Refused(Exception):
    """A request is not answered.

    Args:
        status: The status of HTTP.
        code: The code of the sentence that says why.
        **values: What stands in its braces.
    """

    def __init__(self, status: int, code: str, **values: str | int) -> None:
        super().__init__(code)
        self.status, self.code, self.values = status, code, values


class Guard:
    """Stands before an application and lets through what may pass, with its whole body.

    Args:
        app: The application.
        settings: Where the server listens, and how much it takes.
        access: Knows the token.
    """

    def __init__(self, app: App, settings: ServerSettings, access: Access) -> None:
        self._app, self._settings, self._access = app, settings, access
        self._uploads = asyncio.Semaphore(settings.limits.uploads_at_once)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI servers call an application."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            return
        protected = _with_headers(send, secure=self._settings.certificate is not None, api=_is_api(scope["path"]))
        try:
            headers = _Headers(scope)
            self._check_address(scope, headers)
            scope.setdefault("state", {})["who"] = self._who(scope, headers)
            _check_type(scope, headers)
            if scope["method"] not in WRITING:
                await self._app(scope, receive, protected)
                return
            limits, upload = self._settings.limits, scope["path"] == UPLOADS
            if upload and self._uploads.locked():
                raise Refused(429, "uploads_busy")
            async with self._uploads if upload else nullcontext():
                most = limits.upload_bytes if upload else limits.other_bytes
                body = await _whole_body(receive, headers, most, limits)
                await self._app(scope, _replayed(body, receive), protected)
        except Refused as refused:
            await _answer(protected, refused)

    def _check_address(self, scope: Message, headers: "_Headers") -> None:
        """Refuse what was not sent to this server by its own page or by a program.

        A page of another site can make a browser ask a server on its reader's machine, and can make its own name mean
        that machine (DNS rebinding). Host tells the name, Origin and Sec-Fetch-Site tell the page.
        """
        host = headers.single("host")
        if host is None or not self._is_own_name(_host_name(host)):
            raise Refused(403, "other_name")
        origin = headers.single("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            raise Refused(403, "another_site")
        if _is_api(scope["path"]) and headers.single("sec-fetch-site") in ("cross-site", "same-site"):
            raise Refused(403, "another_site")

    def _is_own_name(self, name: str) -> bool:
        if is_loopback(name) or name in (self._settings.host.lower(), *map(str.lower, self._settings.names)):
            return True
        if self._settings.is_local:
            return False
        try:  # no name can be made to mean something else where there is none
            return bool(ipaddress.ip_address(name))
        except ValueError:
            return name in (socket.gethostname().lower(), socket.getfqdn().lower())

    def _who(self, scope: Message, headers: "_Headers") -> str | None:
        """Who asks; None where the page's own files are asked for, which hold no data."""
        self._check_no_secret(scope)
        if not _is_api(scope["path"]) or (scope["method"], scope["path"]) == OPEN:
            return None
        scheme, _, bearer = (headers.single("authorization") or "").partition(" ")
        try:
            known = bearer.strip() if scheme.lower() == "bearer" else None
            address = scope["client"][0] if scope.get("client") else ""
            who = self._access.who(known, session_of(headers.get("cookie")), address)
        except TooManyTries:
            raise Refused(429, "too_many_tokens") from None
        if who is None:
            raise Refused(401, "needs_token")
        return who

    def _check_no_secret(self, scope: Message) -> None:
        """Refuse a token in an address, which histories, logs and other servers would keep."""
        try:
            asked = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=50)
        except ValueError:
            raise Refused(400, "too_much_asked") from None
        parts = [value for _, value in asked] + unquote(scope["path"]).split("/")
        if any(name.lower() in SECRET_NAMES for name, _ in asked) or any(map(self._access.is_token, parts)):
            raise Refused(400, "token_in_address")


class _Headers:
    """The headers of a request by their names, small letters."""

    def __init__(self, scope: Message) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            self._values.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))

    def get(self, name: str) -> str | None:
        """All values of a header, one behind the other; None without one."""
        return "; ".join(self._values[name]) if name in self._values else None

    def single(self, name: str) -> str | None:
        """The value of a header that may stand there once; None without one."""
        values = self._values.get(name, [])
        if len(values) > 1:
            raise Refused(400, "two_headers", count=len(values), name=name)
        return values[0].strip() if values else None


def session_of(cookie: str | None) -> str | None:
    """The session of the header Cookie; None where it names none."""
    try:
        morsel = SimpleCookie(cookie or "").get(SESSION_COOKIE)
    except CookieError:
        return None
    return None if morsel is None else morsel.value


def _is_api(path: str) -> bool:
    return path == "/api" or path.startswith("/api/")


def _host_name(host: str) -> str:
    """The name of a header Host without its port, small letters."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _check_type(scope: Message, headers: _Headers) -> None:
    """Refuse a body of another type than is read here: a form of another site could send those without being asked."""
    length = headers.single("content-length")
    has_body = headers.get("transfer-encoding") is not None or (length is not None and length != "0")
    if scope["method"] not in WRITING or not _is_api(scope["path"]) or not has_body:
        return
    given = (headers.single("content-type") or "").partition(";")[0].strip().lower()
    expected = "multipart/form-data" if scope["path"] == UPLOADS else "application/json"
    if given != expected:
        raise Refused(415, "wrong_type", given=repr(given[:60] or "unknown"), expected=expected)


async def _whole_body(receive: Receive, headers: _Headers, most: int, limits: RequestLimits) -> bytes:
    """The body of a request, at most so many bytes; it is counted as it comes, whatever its length says."""
    too_large = Refused(413, "request_too_large", most=most)
    length = headers.single("content-length")
    if length is not None and (not length.isdecimal() or len(length) > 12 or int(length) > most):
        raise too_large
    parts, size = [], 0
    try:
        async with asyncio.timeout(limits.seconds):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise Refused(400, "broke_off")
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > most:
                    raise too_large
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise Refused(408, "request_late", seconds=round(limits.seconds)) from None


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Gives a body that was read already, then what else comes."""
    waiting = [body]

    async def again() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return again


def _with_headers(send: Send, *, secure: bool, api: bool) -> Send:
    """Adds the safe headers to every answer; what is not said to be kept is not kept by browsers."""
    added = HEADERS | ({"strict-transport-security": "max-age=31536000"} if secure else {})
    added |= {"cache-control": "no-store" if api else "no-cache"}

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = [(name.lower(), value) for name, value in message.get("headers", [])]
            known = {name for name, _ in own}
            extra = [(name.encode(), value.encode()) for name, value in added.items() if name.encode() not in known]
            message = {**message, "headers": [*own, *extra]}
        await send(message)

    return sending


async def _answer(send: Send, refused: Refused) -> None:
    body = json.dumps(told(refused.code, refused.values)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(b"www-authenticate", b"Bearer")] if refused.status == 401 else []
    # What is left of the body is not read: the connection ends with the answer.
    headers += [(b"connection", b"close")] if refused.status in (408, 413) else []
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
