"""What an attacker tries, one test each: all of it is refused in one sentence, and nothing of the machine is told."""

import contextlib
import http.client
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from blob_scenes import BlobModel, scene
from refusing import refused
from served import TOKEN, Served, serving
from test_gallery_over_http import png

from search.desk.desk import Desk, DeskSettings
from search.server.settings import ServerSettings


def raw(served: Served, request: bytes, seconds: float = 10.0) -> bytes:
    """What the server says to bytes that no client would send."""
    address = urlsplit(served.address)
    with socket.create_connection((address.hostname, address.port), timeout=seconds) as connection:
        connection.sendall(request)
        said = b""
        while chunk := connection.recv(65536):
            said += chunk
    return said


TRAVERSALS = [
    "../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "..%5c..%5cwindows",
    "/etc/passwd", "%00", "file:///etc/passwd", "....//....//etc/passwd", "%c0%ae%c0%ae/etc/passwd", "gallery.json",
]  # fmt: skip
PATHS = [
    "/{}", "/texts/{}", "/api/cameras/{}/frames", "/api/frames/{}", "/api/frames/{}/picture", "/api/frames/{}/people",
    "/api/probes/{}", "/api/probes/{}/picture", "/api/sightings/{}", "/api/sightings/{}/picture",
    "/api/sightings/{}/nearby", "/api/sightings/{}/clip", "/api/cases/{}", "/api/cases/{}/probes/{}",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_out_of_the_gallery(served: Served, path: str) -> None:
    for traversal in TRAVERSALS:
        target = path.replace("{}", traversal)
        said = raw(served, f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        head, _, body = said.partition(b"\r\n\r\n")
        assert int(head.split()[1]) in (400, 404, 405, 422), (target, head)
        assert b"root:" not in body, target
        assert b"embedded_by" not in body, target


def test_a_body_that_says_it_is_too_large_is_not_read(tight: Served) -> None:
    head = b"POST /api/probes HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    said = raw(tight, head + b"Content-Length: 999999999\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 413")
    assert b"larger than" in said


def test_a_body_without_a_length_is_counted(tight: Served) -> None:
    head = b"POST /api/searches HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    said = raw(tight, head + b"Transfer-Encoding: chunked\r\n\r\n" + 8 * chunk)
    assert said.startswith(b"HTTP/1.1 413")


def test_a_body_that_never_ends_is_given_up(tight: Served) -> None:
    head = b"POST /api/searches HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    began = time.monotonic()
    said = raw(tight, head + b"Content-Length: 1000\r\n\r\n{")
    assert said.startswith(b"HTTP/1.1 408")
    assert time.monotonic() - began < 5


def drop_by_drop(served: Served, first: bytes, drop: bytes) -> tuple[bytes, float]:
    """What the server says to headers that come a few bytes at a time, and after how many seconds it hangs up."""
    address = urlsplit(served.address)
    began, said = time.monotonic(), b""
    with socket.create_connection((address.hostname, address.port), timeout=0.2) as connection:
        connection.sendall(first)
        while time.monotonic() - began < 20:
            try:
                connection.sendall(drop)
                if not (chunk := connection.recv(65536)):
                    break
                said += chunk
            except TimeoutError:
                continue
            except OSError:
                break
    return said, time.monotonic() - began


def test_headers_that_come_drop_by_drop_are_given_up(tight: Served) -> None:
    whole = b"GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n"
    begun = ((b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"X-A: b\r\n"), (b"", b""), (b"G", b"E"))
    with ThreadPoolExecutor(4) as together:
        slow = [together.submit(drop_by_drop, tight, first, drop) for first, drop in begun]
        again = together.submit(drop_by_drop, tight, whole, b"GET")
    for said, seconds in (one.result() for one in slow):
        assert said.startswith(b"HTTP/1.1 408"), said
        assert b'"The request\'s headers did not arrive within 1 seconds."' in said
        assert 0.9 < seconds < 10
    # A second request on a connection that has answered one is not waited for longer either.
    said, seconds = again.result()
    assert said.startswith(b"HTTP/1.1 200")
    assert b"HTTP/1.1 408" in said
    assert seconds < 10


def test_a_slow_answer_and_a_pause_between_requests_are_no_slow_headers(tight: Served) -> None:
    address = urlsplit(tight.address)
    with contextlib.closing(http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)) as connection:
        for pause in (1.5, 0):
            connection.request("GET", "/api/status")
            own = connection.sock
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read())["token_needed"]) == (200, False)
            time.sleep(pause)  # longer than headers may take
        assert connection.sock is own is not None, "the connection was kept"


@pytest.mark.parametrize("length", ["-1", "1e3", "9" * 40, "0x10"])
def test_a_length_that_is_none(tight: Served, length: str) -> None:
    head = (
        f"POST /api/searches HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}"
    )
    assert raw(tight, head.encode() + b"\r\n\r\n{}").split()[1] in (b"400", b"413")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8420",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "[::2]",
        "",
        "a@b",
    ],
)
def test_another_host_is_refused(served: Served, host: str) -> None:
    """A name of the attacker that means this machine (DNS rebinding)."""
    with served.client(headers={"host": host}) as asking:
        for path in ("/api/gallery", "/"):
            refused(asking.get(path), 403)


def test_two_hosts_are_refused(served: Served) -> None:
    said = raw(served, b"GET /api/gallery HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
    assert said.split()[1] in (b"400", b"403")


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1.evil.example"]
)
def test_another_origin_is_refused(served: Served, client: httpx.Client, origin: str) -> None:
    """A page of another site makes the reader's browser ask (CSRF)."""
    refused(client.get("/api/gallery", headers={"origin": origin}), 403)
    refused(client.post("/api/cases", json={"name": "x"}, headers={"origin": origin}), 403)
    own = served.address.rstrip("/")
    assert client.get("/api/gallery", headers={"origin": own}).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_picture_in_a_page_of_another_site_is_refused(client: httpx.Client, site: str) -> None:
    refused(client.get("/api/gallery", headers={"sec-fetch-site": site}), 403)
    assert client.get("/api/gallery", headers={"sec-fetch-site": "same-origin"}).status_code == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_a_form_cannot_write(client: httpx.Client, kind: str) -> None:
    """Forms of other sites send these types without asking the server first."""
    body = json.dumps({"name": "x"})
    refused(client.post("/api/cases", content=body, headers={"content-type": kind}), 415)
    refused(client.post("/api/probes", content=body, headers={"content-type": "application/json"}), 415)


EVERYWHERE = [
    "/api/gallery",
    "/api/status",
    "/api/jobs",
    "/api/cases",
    "/api/openapi.json",
    "/api/nothing",
    "/api",
    "/api/",
]


@pytest.mark.parametrize("path", EVERYWHERE)
def test_without_the_token_nothing_is_answered(locked: Served, path: str) -> None:
    for headers in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": TOKEN},
        {"cookie": f"personsearch_session={TOKEN}"},
    ):
        with locked.client(headers=headers) as asking:
            answer = asking.get(path)
            if answer.status_code == 429:  # too many wrong tokens, as the next test wants it
                continue
            refused(answer, 401)


@pytest.mark.parametrize(
    "path",
    ["//api/gallery", "/./api/gallery", "/x/../api/gallery", "/api%2fgallery", "/api/./gallery", "/api;x/gallery"],
)
def test_no_spelling_of_an_address_goes_round_the_token(locked: Served, path: str) -> None:
    said = raw(locked, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert said.split()[1] in (b"401", b"404", b"400"), said[:200]
    assert b"sightings" not in said


def test_guessing_the_token_is_slowed_down(gallery: Path) -> None:
    with serving(gallery, ServerSettings(port=0, token=TOKEN)) as served, served.client() as asking:
        seen = [asking.post("/api/login", json={"token": f"guess {number}"}).status_code for number in range(15)]
        assert seen == [401] * 10 + [429] * 5
        assert asking.post("/api/login", json={"token": TOKEN}).status_code == 429


def test_the_token_lets_in_as_a_header_and_as_a_session(gallery: Path) -> None:
    with serving(gallery, ServerSettings(port=0, token=TOKEN)) as served:
        with served.client(headers={"authorization": f"Bearer {TOKEN}"}) as asking:
            assert asking.get("/api/gallery").status_code == 200
        with served.client() as asking:
            answer = asking.post("/api/login", json={"token": TOKEN, "name": "Anna\n"})
            assert answer.status_code == 204
            cookie = answer.headers["set-cookie"].lower()
            assert "httponly" in cookie
            assert "samesite=strict" in cookie
            assert TOKEN not in cookie
            assert asking.get("/api/status").json()["user"] == "Anna"
            assert asking.post("/api/logout").status_code == 204
            refused(asking.get("/api/gallery"), 401)
        with served.client(cookies={"personsearch_session": cookie.split("=", 1)[1].split(";")[0]}) as asking:
            refused(asking.get("/api/gallery"), 401)
        assert {"login", "logout"} <= set(served.actions())


@pytest.mark.parametrize(
    "path",
    [
        f"/api/gallery?token={TOKEN}",
        "/api/gallery?access_token=x",
        f"/api/gallery?x={TOKEN}",
        f"/api/frames/{TOKEN}",
        f"/?Token={TOKEN}",
    ],
)
def test_a_token_in_an_address_is_refused(locked: Served, path: str) -> None:
    with locked.client(headers={"authorization": f"Bearer {TOKEN}"}) as asking:
        assert "refused" in refused(asking.get(path), 400)


class BrokenModel(BlobModel):
    def detect(self, images: list[Any]) -> list[Any]:
        raise RuntimeError("/secret/path/of/the/machine")


def test_a_fault_of_ours_tells_nothing(gallery: Path, caplog: pytest.LogCaptureFixture) -> None:
    from search.pipeline import PersonSearch

    desk = Desk(DeskSettings(gallery), PersonSearch(BrokenModel(), device="cpu"))
    with serving(gallery, desk=desk) as served, served.client() as asking:
        answer = asking.post("/api/probes", files={"picture": ("x.png", png(scene([0])))})
        text = refused(answer, 500)
        assert "secret" not in text
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "/secret/path/of/the/machine" in caplog.text


@pytest.mark.parametrize("path", ["/", "/api/gallery", "/api/nothing", "/nothing.js", "/api/frames/x/picture"])
def test_every_answer_has_the_safe_headers(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] in ("no-store", "no-cache")
    assert "server" not in headers
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("method", ["PUT", "DELETE", "TRACE", "OPTIONS", "CONNECT"])
def test_other_methods_do_nothing(client: httpx.Client, method: str) -> None:
    assert client.request(method, "/api/gallery").status_code in (400, 404, 405)
