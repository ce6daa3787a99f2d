"""Times that programs ask by: without a zone they are read as `find` reads them, and the answer names the zone."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from served import BEGAN, fill, serving

from datasets.footage.cameras import CameraDescription
from datasets.moments import machine_zone
from search.gallery.description import note_cameras, read_description
from tools.commands.find import Choice


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Path]]:
    """A gallery whose camera north has its clock in Tokyo; of the others nobody said where they are."""
    people = fill(tmp_path_factory.mktemp("zones"))
    note_cameras(people, read_description(people), [CameraDescription("north", "North", time_zone="Asia/Tokyo")])
    with serving(people) as served, served.client() as client:
        yield client, people


def times(client: httpx.Client, camera: str, **asked: str | float) -> tuple[list[float], str]:
    answer = client.get(f"/api/cameras/{camera}/frames", params=asked).json()
    return [one["time"] - BEGAN for one in answer["frames"]], answer["time_zone"]


def test_frames_are_asked_for_on_the_clock_of_their_camera(asking: tuple[httpx.Client, Path]) -> None:
    client, _ = asking
    utc, tokyo = "2026-09-21T14:13:30", "2026-09-21T23:13:30"  # ten seconds after the begin
    assert times(client, "north", after=tokyo) == ([10, 20, 30, 40, 50], "Asia/Tokyo")
    assert times(client, "north", after=f"{utc}Z") == ([10, 20, 30, 40, 50], "Asia/Tokyo")
    assert times(client, "north", before=utc) == ([], "Asia/Tokyo")
    assert times(client, "north", after=utc, time_zone="UTC") == ([10, 20, 30, 40, 50], "UTC")
    assert times(client, "north", after=BEGAN + 35)[0] == [40, 50]
    assert times(client, "gate")[1] == machine_zone() == "UTC"


def test_a_search_reads_times_as_find_does(asking: tuple[httpx.Client, Path]) -> None:
    client, people = asking
    frame = client.get("/api/cameras/north/frames").json()["frames"][0]["frame"]
    example = {"sighting": client.get(f"/api/frames/{frame}/people").json()["people"][0]["sighting"]}
    for text, zone in (
        ("2026-09-21T23:13:30", None), ("2026-09-21T16:13:30", "Europe/Berlin"), ("2026-09-21T14:13:30Z", None),
    ):  # fmt: skip
        choice = Choice(after=text, time_zone=zone)
        read = choice.filters(None, choice.zones(people))
        assert read.after == BEGAN + 10
        asked = {"examples": [example], "filters": {"after": text, "time_zone": zone}}
        answer = client.post("/api/searches", json=asked).json()
        assert answer["time_zone"] == (zone or "Asia/Tokyo")
        assert min(one["time"] for one in answer["sightings"]) == BEGAN + 10


def test_a_zone_that_is_none_and_a_time_that_is_none_are_refused(asking: tuple[httpx.Client, Path]) -> None:
    client, _ = asking
    wrong = client.get("/api/cameras/north/frames", params={"time_zone": "Europe/Brelin"})
    assert wrong.status_code == 400
    assert wrong.json()["error"] == (
        "'Europe/Brelin' is no time zone, expected one such as UTC or Asia/Tokyo; did you mean Europe/Berlin?"
    )
    for params in ({"after": "yesterday"}, {"after": "1e999"}, {"after": "1777617000000"}):
        refused = client.get("/api/cameras/north/frames", params=params)
        assert refused.status_code == 422
        assert refused.json()["error"].startswith("after: ")


def test_the_zone_of_the_machine_follows_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert machine_zone() == "Asia/Tokyo"
    monkeypatch.setenv("TZ", "nowhere")
    assert machine_zone() == "UTC" or "/" in machine_zone()
    monkeypatch.undo()
    time.tzset()
