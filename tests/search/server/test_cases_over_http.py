"""Cases over HTTP: searches that are kept, marks, notes; the clip around a sighting; and the record of all of it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
from served import Served, fill, serving
from test_gallery_over_http import frames, photo, search, upload

from search.cases.audit import verify
from search.cases.verification import verify_case


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose record holds what these tests did, and nothing else."""
    with serving(fill(tmp_path_factory.mktemp("cases"))) as running:
        yield running


@pytest.fixture(scope="module")
def client(own: Served) -> Iterator[httpx.Client]:
    with own.client() as asking:
        yield asking


@pytest.fixture
def case(client: httpx.Client) -> str:
    return str(client.post("/api/cases", json={"name": "The red coat"}).json()["case"])


def asked(client: httpx.Client, case: str) -> dict[str, Any]:
    probe = upload(client, photo(0))
    question = {"examples": [{"probe": probe["probe"], "person": 0}], "filters": {"limit": 5}, "case": case}
    answer = client.post("/api/searches", json=question)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_case_keeps_searches_marks_and_notes(client: httpx.Client, case: str) -> None:
    answer = asked(client, case)
    assert answer["search"] == "1"
    first, second = (one["sighting"] for one in answer["sightings"][:2])
    client.post(f"/api/cases/{case}/marks", json={"sighting": first, "mark": "confirmed"})
    client.post(f"/api/cases/{case}/marks", json={"sighting": second, "mark": "rejected"})
    client.post(f"/api/cases/{case}/notes", json={"text": "seen by the guard"})
    kept = client.get(f"/api/cases/{case}").json()
    assert [(one["sighting"], one["mark"]) for one in kept["marks"]] == [(first, "confirmed"), (second, "rejected")]
    assert kept["marks"][0]["similarity"] == answer["sightings"][0]["similarity"]
    assert [one["text"] for one in kept["notes"]] == ["seen by the guard"]
    (made,) = kept["searches"]
    assert (made["sightings"], made["filters"]["limit"], made["search"]) == (5, 5, "1")
    assert client.get(f"/api/cases/{case}/probes/{made['probes'][0]}").headers["content-type"] == "image/jpeg"
    again = asked(client, case)
    assert again["search"] == "2"
    assert {one["sighting"]: one["mark"] for one in again["sightings"] if one["mark"]} == {
        first: "confirmed",
        second: "rejected",
    }
    client.post(f"/api/cases/{case}/marks", json={"sighting": first, "mark": None})
    listed = {one["case"]: one for one in client.get("/api/cases").json()["cases"]}[case]
    assert (listed["searches"], listed["confirmed"], listed["rejected"], listed["notes"]) == (2, 0, 1, 1)


def test_a_sighting_that_no_search_found_can_be_marked(client: httpx.Client, case: str) -> None:
    frame = frames(client, "north")[0]["frame"]
    sighting = client.get(f"/api/frames/{frame}/people").json()["people"][0]["sighting"]
    marked = client.post(f"/api/cases/{case}/marks", json={"sighting": sighting, "mark": "confirmed"}).json()
    assert [one["sighting"] for one in marked["marks"]] == [sighting]


def test_a_case_gets_another_name_and_refuses_an_empty_one(client: httpx.Client, case: str) -> None:
    assert client.patch(f"/api/cases/{case}", json={"name": "The blue coat"}).json()["name"] == "The blue coat"
    for answer in (
        client.patch(f"/api/cases/{case}", json={"name": "   "}),
        client.post("/api/cases", json={"name": "\u2028 "}),
        client.post(f"/api/cases/{case}/notes", json={"text": " "}),
    ):
        assert answer.status_code == 400
        assert "empty" in answer.json()["error"]


@pytest.mark.parametrize("name", ["0123456789abcdef", "..", "x" * 64, "0123456789ABCDEF"])
def test_a_case_that_is_not_there(client: httpx.Client, name: str) -> None:
    for answer in (
        client.get(f"/api/cases/{name.replace('.', '%2e')}"),
        client.post(f"/api/cases/{name.replace('.', '%2e')}/notes", json={"text": "x"}),
        client.post("/api/searches", json={"examples": [{"sighting": "x.0"}], "case": name}),
    ):
        assert answer.status_code == 404
        assert "/" not in answer.json()["error"]


def test_the_clip_of_a_video_plays_and_shows_the_seconds_around(client: httpx.Client, tmp_path: Path) -> None:
    frame = frames(client, "gate")[4]["frame"]
    person = client.get(f"/api/frames/{frame}/people").json()["people"][0]
    answer = client.get(f"/api/sightings/{person['sighting']}/clip", params={"seconds": 4})
    assert answer.headers["content-type"] == "video/mp4"
    (tmp_path / "clip.mp4").write_bytes(answer.content)
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        stream = clip.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert 3 <= float(stream.duration * stream.time_base) <= 5
    assert client.get(f"/api/sightings/{person['sighting']}/clip", params={"seconds": 4}).content == answer.content


def test_a_clip_without_footage_says_so(tmp_path: Path) -> None:
    with serving(fill(tmp_path)) as served, served.client() as client:
        frame = frames(client, "gate")[4]["frame"]
        person = client.get(f"/api/frames/{frame}/people").json()["people"][0]
        (tmp_path / "footage" / "gate.mp4").unlink()
        answer = client.get(f"/api/sightings/{person['sighting']}/clip")
        assert answer.status_code == 404
        assert "is gone" in answer.json()["error"]
        assert str(tmp_path) not in answer.text


def test_everything_that_was_done_is_in_the_record(own: Served, client: httpx.Client, case: str) -> None:
    before = len(own.actions())
    answer = asked(client, case)
    first = answer["sightings"][0]
    client.get(f"/api/sightings/{first['sighting']}")
    client.get(f"/api/sightings/{first['sighting']}/picture")
    client.get(f"/api/sightings/{first['sighting']}/nearby")
    client.get(f"/api/frames/{first['frame']}/picture")
    client.get(f"/api/frames/{first['frame']}/picture?width=200")
    client.post(f"/api/cases/{case}/marks", json={"sighting": first["sighting"], "mark": "confirmed"})
    entries = list(own.desk.record.entries())[before:]
    assert [one.action for one in entries] == [
        "upload", "search", "view sighting", "view nearby", "view frame", "mark",
    ]  # fmt: skip
    assert entries[1].what["sightings"] == [one["sighting"] for one in answer["sightings"]]
    assert entries[-1].what["case"] == case
    assert {one.who for one in entries} == {client.get("/api/status").json()["user"]}
    assert verify(own.desk.record.path).is_whole


def test_an_export_verifies(own: Served, client: httpx.Client, case: str, tmp_path: Path) -> None:
    answer = asked(client, case)
    client.post(f"/api/cases/{case}/marks", json={"sighting": answer["sightings"][0]["sighting"], "mark": "confirmed"})
    client.patch(f"/api/cases/{case}", json={"name": "Mantel / rot"})
    sent = client.post(f"/api/cases/{case}/export", json={})
    assert sent.headers["content-type"] == "application/zip"
    assert "Mantel%20_%20rot.zip" in sent.headers["content-disposition"]
    (tmp_path / "case.zip").write_bytes(sent.content)
    report = verify_case(tmp_path / "case.zip", audit=own.desk.record.path)
    assert report.is_whole, report
    assert client.get("/api/jobs").json() == {"jobs": []}
    folder, until = Path(own.desk.exports._folder.name), time.monotonic() + 10
    while list(folder.iterdir()) and time.monotonic() < until:
        time.sleep(0.01)  # the file is removed when its last byte is sent, and the reader may be faster
    assert not list(folder.iterdir())
    assert own.actions()[-1] == "case exported"
    assert client.post("/api/cases/0123456789abcdef/export", json={}).status_code == 404


def test_the_search_of_no_case_is_kept_nowhere(client: httpx.Client, case: str) -> None:
    probe = upload(client, photo(0))
    search(client, {"probe": probe["probe"], "person": 0})
    assert client.get(f"/api/cases/{case}").json()["searches"] == []
