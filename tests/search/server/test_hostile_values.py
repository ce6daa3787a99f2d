"""Pictures, numbers and texts that an attacker sends: each is refused in one sentence that tells nothing more."""

import socket
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import httpx
import pytest
from blob_scenes import scene
from refusing import refused
from served import Served, blob_search, serving
from test_gallery_over_http import frames, png, upload

from search.desk.desk import Desk, DeskSettings
from search.desk.probes import UploadLimits


def bomb(side: int = 20_000) -> bytes:
    """A PNG of a few KB whose pixels would take gigabytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(200_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_a_picture_bomb_is_refused_from_its_header(client: httpx.Client, tight: Served) -> None:
    began = time.monotonic()
    assert len(bomb()) < 2000
    text = refused(client.post("/api/probes", files={"picture": ("x.png", bomb())}), 413)
    assert "20,000 x 20,000" in text
    assert time.monotonic() - began < 2
    with tight.client() as asking:
        refused(asking.post("/api/probes", files={"picture": ("x.png", png(scene([0], 0).repeat(3, 1)))}), 413)


NO_PICTURES: dict[str, bytes] = {
    "text": b"hello", "empty": b"", "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "html": b"<html><script>alert(1)</script>", "pdf": b"%PDF-1.7", "zip": b"PK\x03\x04",
    "cut": b"\x89PNG\r\n\x1a\n\0\0",
    "jpeg_start": b"\xff\xd8\xff\xe0" + b"\0" * 50, "half": None, "hdr": b"#?RADIANCE\n", "exr": b"v/1\x01",
}  # type: ignore[dict-item]  # fmt: skip


@pytest.mark.parametrize("kind", NO_PICTURES)
def test_what_is_no_picture_is_told_by_its_content(client: httpx.Client, kind: str) -> None:
    content = NO_PICTURES[kind] if kind != "half" else png(scene([0]))[:-40]
    refused(client.post("/api/probes", files={"picture": ("photo.jpg", content, "image/jpeg")}), 415)


PLAYLISTS = {
    "ffconcat": b"ffconcat version 1.0\nfile /etc/passwd\n", "hls": b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x\n",
    "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\n", "address": b"http://127.0.0.1:9/secret.jpg",
    "url_file": b"[InternetShortcut]",
    "dash": b"<?xml version='1.0'?><MPD><BaseURL>http://127.0.0.1:9/</BaseURL></MPD>",
    "magick": b"push graphic-context\nimage over 0,0 0,0 'http://127.0.0.1:9/'\n",
}  # fmt: skip


@pytest.mark.parametrize("kind", PLAYLISTS)
def test_no_playlist_and_no_address_is_followed(client: httpx.Client, kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        port = str(listening.getsockname()[1]).encode()
        content = PLAYLISTS[kind].replace(b":9/", b":" + port + b"/")
        refused(client.post("/api/probes", files={"picture": ("clip.mp4", content, "video/mp4")}), 415)
        with pytest.raises(BlockingIOError):
            listening.accept()


@pytest.mark.parametrize("field", ["url", "path", "picture"])
def test_an_address_or_a_path_is_no_probe(client: httpx.Client, field: str) -> None:
    for value in (
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "/etc/passwd",
        "rtsp://127.0.0.1/live",
    ):
        refused(client.post("/api/probes", files={field: (None, value)}), 415, 422)
        example: dict[str, Any] = {"probe": value, "person": 0}
        refused(client.post("/api/searches", json={"examples": [example]}), 404)
        refused(client.post("/api/searches", json={"examples": [{field: value}]}), 422)


HUGE = [
    "1e400",
    "-1e400",
    "NaN",
    "Infinity",
    "9" * 5000,
    "1e308",
    "-9" * 3,
    '"2026-13-45"',
    '"' + "9" * 100 + '"',
    "[]",
    "{}",
]


@pytest.mark.parametrize("number", HUGE)
def test_numbers_without_sense(client: httpx.Client, number: str) -> None:
    for body in (
        '{"examples": [{"sighting": "x.0"}], "filters": {"after": %s}}',
        '{"examples": [{"sighting": "x.0"}], "filters": {"limit": %s}}',
        '{"examples": [{"sighting": "x.0"}], "filters": {"minimum_similarity": %s}}',
        '{"examples": [{"probe": "x", "person": %s}]}',
        '{"examples": [{"probe": "x", "box": [0, 0, %s, 5]}]}',
    ):
        answer = client.post("/api/searches", content=body % number, headers={"content-type": "application/json"})
        refused(answer, 400, 404, 422)


@pytest.mark.parametrize(
    "question",
    [
        "frames?limit=0",
        "frames?limit=99999999999999999999",
        "frames?offset=-1",
        "frames?after=nan",
        "frames?after=1e999",
        "frames?before=x",
    ],
)
def test_questions_out_of_range(client: httpx.Client, question: str) -> None:
    refused(client.get(f"/api/cameras/north/{question}"), 400, 422)
    frame = frames(client, "north")[0]["frame"]
    for width in ("0", "-5", "99999999", "1e9", "x"):
        refused(client.get(f"/api/frames/{frame}/picture?width={width}"), 422)
    person = client.get(f"/api/frames/{frame}/people").json()["people"][0]["sighting"]
    for asked in ("nearby?seconds=1e9", "nearby?seconds=nan", "clip?seconds=0", "clip?seconds=1e6"):
        refused(client.get(f"/api/sightings/{person}/{asked}"), 422)


def test_thousands_of_examples(client: httpx.Client) -> None:
    frame = frames(client, "north")[0]["frame"]
    sighting = {"sighting": client.get(f"/api/frames/{frame}/people").json()["people"][0]["sighting"]}
    refused(client.post("/api/searches", json={"examples": [sighting] * 2000}), 422)
    refused(client.post("/api/searches", json={"examples": [sighting], "others": [sighting] * 2000}), 422)
    refused(client.post("/api/searches", json={"examples": []}), 422)
    boxes = [{"frame": frame, "box": [1, 1, 9, 9]}] * 11
    refused(client.post("/api/searches", json={"examples": boxes}), 400)


BROKEN = [
    "{",
    "[" * 100_000,
    '{"examples": ' * 5000,
    "\xff\xfe",
    "",
    "null",
    "[]",
    '"x"',
    '{"examples": 5}',
    '{"wrong": 1}',
    "{'a': 1}",
]


@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
def test_broken_json(client: httpx.Client, body: str) -> None:
    content = body.encode("latin-1")
    refused(client.post("/api/searches", content=content, headers={"content-type": "application/json"}), 400, 422)


@pytest.mark.parametrize("box", [[5, 5, 5, 5], [9, 9, 1, 1], [-9, -9, -1, -1], [900, 900, 950, 950]])
def test_boxes_without_a_person(client: httpx.Client, box: list[int]) -> None:
    probe = upload(client, scene([0]))["probe"]
    text = refused(client.post("/api/searches", json={"examples": [{"probe": probe, "box": box}]}), 400)
    assert "box" in text
    refused(client.post("/api/searches", json={"examples": [{"probe": probe, "person": 99}]}), 404)


def test_sql_in_a_name_is_a_name(client: httpx.Client) -> None:
    frame = frames(client, "north")[0]["frame"]
    sighting = {"sighting": client.get(f"/api/frames/{frame}/people").json()["people"][0]["sighting"]}
    for name in ("north' OR '1'='1", "north'; DROP TABLE sightings; --", "x\0y"):
        refused(client.post("/api/searches", json={"examples": [sighting], "filters": {"cameras": [name]}}), 400)
    assert client.get("/api/gallery").json()["sightings"] > 0


def test_uploads_are_counted_and_forgotten(gallery: Path, tight: Served) -> None:
    desk = Desk(DeskSettings(gallery, uploads=UploadLimits(a_minute=3)), blob_search())
    with serving(gallery, desk=desk) as served, served.client() as asking:
        for _ in range(3):
            upload(asking, scene([0]))
        refused(asking.post("/api/probes", files={"picture": ("x.png", png(scene([0])))}), 429)
    with tight.client() as asking:
        first = upload(asking, scene([0]))["probe"]
        for _ in range(3):
            upload(asking, scene([0]))
        refused(asking.get(f"/api/probes/{first}/picture"), 404)
