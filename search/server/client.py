"""Asking a server of `personsearch serve` from Python, with nothing but the standard library.

client = Client("http://127.0.0.1:8420/")
probe = client.upload(Path("suspect.jpg"))
answer = client.search([{"probe": probe["probe"], "person": 0}], cameras=["gate"])
"""

import json
import ssl
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from http.client import HTTPMessage
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlencode, urlsplit

from search.server.settings import is_loopback

Answered = dict[str, Any]
Example = Mapping[str, Any]
"""{"sighting"}, {"probe", "person"}, {"probe", "box"} or {"frame", "box"}."""


class ServerError(Exception):
    """The server refused.

    Args:
        status: The status of HTTP.
        text: One sentence that says why.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{text} (status {status})")
        self.status, self.text = status, text


class Client:
    """One server, asked in the words of docs/api.md; every answer is a dictionary as JSON knows it.

    Args:
        address: The address that the server printed, such as "https://desk.example.org:8420/".
        token: The server's token, which is sent as a header; None where it needs none.
        certificate: A PEM file of the authority that signed the server's certificate, where the machine does not know
            it.
        seconds: How long to wait for an answer.

    Raises:
        ValueError: The address is none of HTTP.
    """

    def __init__(
        self, address: str, *, token: str | None = None, certificate: Path | None = None, seconds: float = 120.0
    ) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"address {address!r}, expected one such as http://127.0.0.1:8420/")
        self._address, self._seconds = address.rstrip("/"), seconds
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
        if is_loopback(parts.hostname):
            handlers.append(urllib.request.ProxyHandler({}))
        if certificate is not None:
            handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=certificate)))
        self._opener = urllib.request.build_opener(*handlers)

    def gallery(self) -> Answered:
        """The gallery: its cameras, times and counts."""
        return self._json("GET", "/api/gallery")

    def status(self) -> Answered:
        """The version, the models, and who asks."""
        return self._json("GET", "/api/status")

    def jobs(self) -> list[Answered]:
        """What is running now."""
        return list(self._json("GET", "/api/jobs")["jobs"])

    def frames(self, camera: str, **asked: float | str) -> Answered:
        """The frames of a camera in the order of time.

        Args:
            camera: The camera's id.
            **asked: after, before, time_zone, limit and offset.
        """
        return self._json("GET", f"/api/cameras/{quote(camera)}/frames", asked)

    def people(self, frame: str) -> list[Answered]:
        """The people found in a frame."""
        return list(self._json("GET", f"/api/frames/{_safe(frame)}/people")["people"])

    def frame_picture(self, frame: str, width: int | None = None) -> bytes:
        """A whole frame as JPEG, at most so many pixels wide."""
        return self._bytes("GET", f"/api/frames/{_safe(frame)}/picture", {} if width is None else {"width": width})

    def upload(self, picture: Path | bytes) -> Answered:
        """Upload a picture; the answer names it and the people in it.

        Args:
            picture: A file, or its bytes.
        """
        content = picture if isinstance(picture, bytes) else picture.read_bytes()
        border = uuid.uuid4().hex
        head = f'--{border}\r\nContent-Disposition: form-data; name="picture"; filename="picture"\r\n\r\n'
        body = head.encode() + content + f"\r\n--{border}--\r\n".encode()
        return dict(json.loads(self._ask("POST", "/api/probes", body, f"multipart/form-data; boundary={border}")))

    def search(
        self,
        examples: Sequence[Example],
        *,
        others: Sequence[Example] = (),
        case: str | None = None,
        **filters: Any,
    ) -> Answered:
        """Look for a person.

        Args:
            examples: The person.
            others: People who are not that person.
            case: The case that keeps the search; None keeps it nowhere.
            **filters: cameras, after, before, time_zone, minimum_similarity and limit.
        """
        asked = {"examples": list(examples), "others": list(others), "filters": filters, "case": case}
        return self._json("POST", "/api/searches", body=asked)

    def sighting(self, sighting: str) -> Answered:
        """One sighting."""
        return self._json("GET", f"/api/sightings/{_safe(sighting)}")

    def person_picture(self, sighting: str) -> bytes:
        """The person of a sighting as JPEG."""
        return self._bytes("GET", f"/api/sightings/{_safe(sighting)}/picture")

    def nearby(self, sighting: str, seconds: float = 60) -> list[Answered]:
        """Who was near, at the same camera."""
        return list(self._json("GET", f"/api/sightings/{_safe(sighting)}/nearby", {"seconds": seconds})["sightings"])

    def clip(self, sighting: str, seconds: float = 10) -> bytes:
        """The seconds around a sighting as MP4."""
        return self._bytes("GET", f"/api/sightings/{_safe(sighting)}/clip", {"seconds": seconds})

    def cases(self) -> list[Answered]:
        """All cases, those that changed last first."""
        return list(self._json("GET", "/api/cases")["cases"])

    def create_case(self, name: str) -> Answered:
        """Begin a case."""
        return self._json("POST", "/api/cases", body={"name": name})

    def case(self, case: str) -> Answered:
        """A case with its searches, marks and notes."""
        return self._json("GET", f"/api/cases/{_safe(case)}")

    def mark(self, case: str, sighting: str, mark: str | None) -> Answered:
        """Say of a sighting that it is "confirmed" or "rejected"; None takes the mark away."""
        return self._json("POST", f"/api/cases/{_safe(case)}/marks", body={"sighting": sighting, "mark": mark})

    def note(self, case: str, text: str) -> Answered:
        """Add a note to a case."""
        return self._json("POST", f"/api/cases/{_safe(case)}/notes", body={"text": text})

    def export(self, case: str) -> bytes:
        """A case as one ZIP file, which `personsearch case verify` checks."""
        return self._bytes("POST", f"/api/cases/{_safe(case)}/export")

    def _json(self, method: str, path: str, asked: Mapping[str, Any] | None = None, body: Any = None) -> Answered:
        content = None if body is None else json.dumps(body).encode()
        return dict(json.loads(self._ask(method, _with(path, asked), content, "application/json")))

    def _bytes(self, method: str, path: str, asked: Mapping[str, Any] | None = None) -> bytes:
        return self._ask(method, _with(path, asked), b"{}" if method == "POST" else None, "application/json")

    def _ask(self, method: str, path: str, body: bytes | None, kind: str) -> bytes:
        headers = self._headers | ({} if body is None else {"Content-Type": kind})
        request = urllib.request.Request(self._address + path, body, headers, method=method)
        try:
            with self._opener.open(request, timeout=self._seconds) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise ServerError(error.code, _sentence(error)) from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect, for the token would be sent to wherever it leads."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Give no request, so that the redirect is an error."""
        return


def _safe(key: str) -> str:
    return quote(key, safe="")


def _with(path: str, asked: Mapping[str, Any] | None) -> str:
    return f"{path}?{urlencode(asked)}" if asked else path


def _sentence(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["error"])
    except (ValueError, KeyError, TypeError, OSError):
        return f"The server answered {error.reason}"
