"""Times that programs ask by: without a zone they are read as `find` reads them, and the answer names the zone."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from served import BEGAN, fill, serving

from datasets.footage.cameras import CameraDescription
from datasets.moments import machine_zone
from search.desk import opened_gallery
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
        choice = Choice(camera=["north"], after=text, time_zone=zone)
        read = choice.filters(None, choice.times(people))
        assert read.after == BEGAN + 10
        asked = {"examples": [example], "filters": {"cameras": ["north"], "after": text, "time_zone": zone}}
        answer = client.post("/api/searches", json=asked).json()
        assert answer["time_zone"] == (zone or "Asia/Tokyo")
        assert min(one["time"] for one in answer["sightings"]) == BEGAN + 10


def test_what_names_no_zone_is_refused_where_the_cameras_have_several(asking: tuple[httpx.Client, Path]) -> None:
    client, _ = asking
    text = "2026-09-21T14:13:30"
    frame = client.get("/api/cameras/north/frames").json()["frames"][0]["frame"]
    example = {"sighting": client.get(f"/api/frames/{frame}/people").json()["people"][0]["sighting"]}
    refused = client.post("/api/searches", json={"examples": [example], "filters": {"after": text}})
    assert (refused.status_code, refused.json()["code"]) == (400, "filters_cannot_be_met")
    assert refused.json()["error"] == (
        f'The filters cannot be met: "after" {text} names no time zone, and the cameras do not share one: UTC (cameras '
        "gate, south/east, of which none is noted: the zone of this machine), Asia/Tokyo (camera north); write the "
        f'zone, such as {text}+00:00, or give "time_zone" or "cameras".'
    )
    asked = {"examples": [example], "filters": {"after": text, "cameras": ["gate", "south/east"]}}
    answer = client.post("/api/searches", json=asked).json()
    said = f'"after" {text} is read as {text}Z, in UTC, the zone of this machine'
    assert (answer["time_zone"], answer["times_read"]) == ("UTC", said)
    assert min(one["time"] for one in answer["sightings"]) >= BEGAN + 10
    asked["filters"] = {"after": f"{text}Z"}
    answer = client.post("/api/searches", json=asked).json()
    assert (answer["time_zone"], answer["times_read"]) == ("UTC", None)
    wrong = client.post("/api/searches", json={"examples": [example], "filters": {"cameras": ["hall"], "after": text}})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "cannot_be_met")
    assert "Camera 'hall' is not in gallery people; it has: gate, north, south/east" in wrong.json()["error"]
    read = client.get("/api/cameras/north/frames", params={"before": text}).json()
    assert read["times_read"] == f'"before" {text} is read as {text}+09:00, in Asia/Tokyo, the zone of camera north'


def test_times_that_nothing_can_lie_between_are_refused(asking: tuple[httpx.Client, Path]) -> None:
    client, _ = asking
    asked: list[tuple[dict[str, str | float], str]] = [
        (
            {"after": int(BEGAN) + 20, "before": "2026-09-21T14:13:30Z"},
            f'"after" {BEGAN + 20:.0f} is not before "before" 2026-09-21T14:13:30Z; nothing can lie between: exchange '
            "them.",
        ),
        (
            {"after": int(BEGAN), "before": int(BEGAN)},
            f'"after" {BEGAN:.0f} is not before "before" {BEGAN:.0f}; nothing can lie between: give a later "before".',
        ),
    ]
    for params, error in asked:
        refused = client.get("/api/cameras/gate/frames", params=params)
        assert (refused.status_code, refused.json()["code"]) == (400, "filters_cannot_be_met")
        assert refused.json()["error"] == f"The filters cannot be met: {error}"
    unknown = client.get("/api/cameras/unknown/frames", params={"after": "2026-09-21"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "no_camera")


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


def test_a_zone_that_is_noted_meanwhile_is_known_to_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened_gallery, "SECONDS_BETWEEN_LOOKS", 0.0)
    people = fill(tmp_path)
    with serving(people) as served, served.client() as client:
        assert times(client, "north")[1] == "UTC"
        note_cameras(people, read_description(people), [CameraDescription("north", "North", time_zone="Asia/Tokyo")])
        assert times(client, "north", after="2026-09-21T23:13:30") == ([10, 20, 30, 40, 50], "Asia/Tokyo")


def test_the_zone_of_the_machine_follows_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert machine_zone() == "Asia/Tokyo"
    monkeypatch.setenv("TZ", "nowhere")
    assert machine_zone() == "UTC" or "/" in machine_zone()
    monkeypatch.undo()
    time.tzset()
