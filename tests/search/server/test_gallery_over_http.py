"""What the server shows of a gallery: cameras, frames, people, pictures, neighbors; and searches with their filters."""

from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from blob_scenes import PEOPLE, scene
from served import BEGAN, Served

from datasets.images import decode_image
from search.gallery.gallery import Gallery


def png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()


def at(seconds: float) -> float:
    """A moment of the recordings."""
    return BEGAN + seconds


def photo(*people: int) -> np.ndarray:
    """People as no frame of the gallery has them: so tall, and at such a place."""
    return scene(list(people), 8)


def upload(client: httpx.Client, image: np.ndarray) -> dict[str, Any]:
    answer = client.post("/api/probes", files={"picture": ("photo.png", png(image), "image/png")})
    assert answer.status_code == 200, answer.text
    return answer.json()


def search(client: httpx.Client, *examples: dict[str, Any], **filters: Any) -> dict[str, Any]:
    answer = client.post("/api/searches", json={"examples": list(examples), "filters": filters})
    assert answer.status_code == 200, answer.text
    return answer.json()


def frames(client: httpx.Client, camera: str, **asked: Any) -> list[dict[str, Any]]:
    return client.get(f"/api/cameras/{camera}/frames", params=asked).json()["frames"]


def test_the_overview_counts_what_the_gallery_holds(client: httpx.Client, gallery: Path) -> None:
    shown = client.get("/api/gallery").json()
    with Gallery.open(gallery) as opened:
        held = opened.summary()
    assert (shown["sightings"], shown["frames"]) == (held.sightings, held.frames)
    assert [one["id"] for one in shown["cameras"]] == list(held.cameras) == ["gate", "north", "south/east"]
    assert (shown["first"], shown["last"]) == (held.first, held.last)
    assert shown["clock"] is True
    assert shown["second_stage"] is False
    assert shown["calibration"]["available"] is False


def test_frames_come_in_the_order_of_time_and_by_pages(client: httpx.Client) -> None:
    every = frames(client, "north")
    assert [one["time"] for one in every] == [at(10 * number) for number in range(6)]
    assert [one["frame"] for one in frames(client, "north", limit=2, offset=3)] == [one["frame"] for one in every[3:5]]
    some = frames(client, "north", after="2026-09-21T14:13:30Z", before=at(30))
    assert [one["frame"] for one in some] == [one["frame"] for one in every[1:3]]
    shown = client.get(f"/api/frames/{every[1]['frame']}").json()
    assert (shown["previous"], shown["next"]) == (every[0]["frame"], every[2]["frame"])
    assert len(frames(client, "south%2Feast")) == 6


def test_a_frame_is_shown_whole_with_its_people(client: httpx.Client) -> None:
    frame = frames(client, "north")[0]["frame"]
    picture = client.get(f"/api/frames/{frame}/picture")
    assert picture.headers["content-type"] == "image/jpeg"
    assert decode_image(picture.content, Path("x")).shape == (120, 160, 3)
    assert decode_image(client.get(f"/api/frames/{frame}/picture?width=80").content, Path("x")).shape == (60, 80, 3)
    people = client.get(f"/api/frames/{frame}/people").json()
    assert people["source_there"] is True
    assert [one["box"] for one in people["people"]] == [[8, 30, 26, 70], [48, 30, 66, 70]]
    person = client.get(f"/api/sightings/{people['people'][1]['sighting']}/picture")
    color = decode_image(person.content, Path("x")).reshape(-1, 3).mean(axis=0)
    assert np.abs(color - PEOPLE[0]).max() < 12


def test_a_frame_of_a_video_is_read_again(client: httpx.Client) -> None:
    frame = frames(client, "gate")[3]["frame"]
    seen = decode_image(client.get(f"/api/frames/{frame}/picture").content, Path("x"))
    assert np.abs(seen.astype(int) - scene([0, 2], 3)).mean() < 4


def test_footage_that_is_gone_or_replaced_is_said(tmp_path: Path) -> None:
    from served import fill, serving

    with serving(fill(tmp_path)) as served, served.client() as client:
        first, second = frames(client, "north")[:2]
        (tmp_path / "footage" / "north" / "0.png").unlink()
        cv2.imwrite(str(tmp_path / "footage" / "north" / "1.png"), scene([3, 3]))
        for frame, why in ((first, "is gone"), (second, "was replaced")):
            answer = client.get(f"/api/frames/{frame['frame']}/picture")
            assert answer.status_code == 404
            assert why in answer.json()["error"]
            assert str(tmp_path) not in answer.text
            people = client.get(f"/api/frames/{frame['frame']}/people").json()
            assert people["source_there"] is False
            assert client.get(f"/api/sightings/{people['people'][0]['sighting']}/picture").status_code == 200


def test_somebody_in_an_upload_is_found(client: httpx.Client) -> None:
    probe = upload(client, photo(3, 0))
    assert probe["hint_codes"] == ["several"]
    assert [one["hint_codes"] for one in probe["people"]] == [["too_small"]] * 2
    boxes = {tuple(one["box"]): one["person"] for one in probe["people"]}
    found = search(client, {"probe": probe["probe"], "person": boxes[49, 30, 67, 86]}, minimum_similarity=0.99)
    assert {one["camera"] for one in found["sightings"]} == {"north", "gate"}
    assert [one["rank"] for one in found["sightings"]] == list(range(1, len(found["sightings"]) + 1))
    assert found["verdict"]["level"] is None
    assert "has not been calibrated" in found["verdict"]["why"]
    assert found["hint_codes"] == ["too_small"]
    by_box = search(client, {"probe": probe["probe"], "box": [49, 30, 67, 86]}, minimum_similarity=0.99)
    assert by_box["sightings"] == found["sightings"]
    picture = client.get(f"/api/probes/{probe['probe']}/picture")
    assert decode_image(picture.content, Path("x")).shape == (120, 160, 3)


def test_filters_choose_and_keep_the_order(client: httpx.Client, served: Served) -> None:
    probe = upload(client, photo(1))
    example = {"probe": probe["probe"], "person": 0}
    every = search(client, example, limit=1000)["sightings"]
    chosen = search(client, example, cameras=["north"], after=at(10), before=BEGAN + 40, limit=1000)
    wanted = [one for one in every if one["camera"] == "north" and at(10) <= one["time"] < at(40)]
    assert [one["sighting"] for one in chosen["sightings"]] == [one["sighting"] for one in wanted]
    assert chosen["searched"] == {"sightings": len(wanted), "cameras": ["north"]}
    assert len(search(client, example, limit=3)["sightings"]) == 3
    assert "search" in served.actions()


def test_a_sighting_is_an_example_whose_own_frame_is_left_out(client: httpx.Client) -> None:
    frame = frames(client, "north")[0]["frame"]
    person = client.get(f"/api/frames/{frame}/people").json()["people"][1]
    found = search(client, {"sighting": person["sighting"]}, limit=1000)
    assert frame not in {one["frame"] for one in found["sightings"]}
    drawn = search(client, {"frame": frame, "box": person["box"]}, limit=1000)
    assert [one["sighting"] for one in drawn["sightings"]] == [one["sighting"] for one in found["sightings"]]


def test_several_examples_count_by_their_mean(client: httpx.Client) -> None:
    one, other = (upload(client, photo(person))["probe"] for person in (0, 2))
    both = [{"probe": one, "person": 0}, {"probe": other, "person": 0}]
    found = search(client, *both, limit=1000)["sightings"]
    middle = PEOPLE[0] / np.linalg.norm(PEOPLE[0].astype(float)) + PEOPLE[2] / np.linalg.norm(PEOPLE[2].astype(float))
    expected = float(middle @ PEOPLE[0] / np.linalg.norm(middle) / np.linalg.norm(PEOPLE[0].astype(float)))
    seen = [one["similarity"] for one in found if one["camera"] == "north" and one["box"][0] >= 48]
    assert max(seen) == pytest.approx(expected, abs=0.02)
    assert search(client, *reversed(both), limit=1000)["sightings"] == found


def test_who_was_near(client: httpx.Client) -> None:
    frame = frames(client, "south%2Feast")[2]["frame"]
    person = client.get(f"/api/frames/{frame}/people").json()["people"][0]
    near = client.get(f"/api/sightings/{person['sighting']}/nearby", params={"seconds": 10}).json()["sightings"]
    assert [one["time"] for one in near] == [at(10)] * 3 + [at(20)] * 2 + [at(30)] * 3
    assert [one["seconds"] for one in near] == [-10] * 3 + [0] * 2 + [10] * 3
    assert {one["camera"] for one in near} == {"south/east"}
    assert person["sighting"] not in {one["sighting"] for one in near}
    same = client.get(f"/api/sightings/{person['sighting']}/nearby", params={"seconds": 0}).json()["sightings"]
    assert {one["frame"] for one in same} == {frame}


def test_activity_counts_every_sighting_once(client: httpx.Client) -> None:
    shown = client.get("/api/activity", params={"buckets": 5}).json()
    assert (shown["edges"][0], shown["edges"][-1], len(shown["edges"])) == (at(0), at(50), 6)
    assert shown["cameras"]["north"] == [2, 2, 2, 2, 4]
    assert sum(map(sum, shown["cameras"].values())) == client.get("/api/gallery").json()["sightings"]


def test_status_and_jobs(client: httpx.Client) -> None:
    status = client.get("/api/status").json()
    assert status["gallery"] == "people"
    assert status["token_needed"] is False
    assert client.get("/api/jobs").json() == {"jobs": []}


def test_somebody_else_counts_against(client: httpx.Client) -> None:
    """People who are said to be somebody else come later, and no verdict is given: none was measured with others."""
    found = client.get("/api/cameras/north/frames").json()["frames"]
    first, second = (client.get(f"/api/frames/{found[0]['frame']}/people").json()["people"][at] for at in (0, 1))
    asked = {"examples": [{"sighting": first["sighting"]}], "filters": {"limit": 500}}
    alone = client.post("/api/searches", json=asked).json()
    against = client.post("/api/searches", json={**asked, "others": [{"sighting": second["sighting"]}]}).json()
    assert against["searched"] == alone["searched"]
    similarity = [{one["sighting"]: one["similarity"] for one in answer["sightings"]} for answer in (alone, against)]
    like_second = client.post("/api/searches", json={"examples": [{"sighting": second["sighting"]}]}).json()[
        "sightings"
    ]
    nearest = like_second[0]["sighting"]
    assert similarity[1][nearest] < similarity[0][nearest] - 0.1
    assert against["verdict"]["level"] is None
    assert "others" in against["verdict"]["why"]


def test_others_come_later_and_end_the_verdict(client: httpx.Client) -> None:
    mixed = upload(client, photo(0, 4))["probe"]
    red, pink = ({"probe": mixed, "person": number} for number in (0, 1))
    plain = search(client, red, limit=1000)
    asked = {"examples": [red], "others": [pink], "filters": {"limit": 1000}}
    with_others = client.post("/api/searches", json=asked).json()
    sims = [{one["sighting"]: one["similarity"] for one in answer["sightings"]} for answer in (plain, with_others)]
    pinks = [key for key in sims[0] if 0.9 < sims[0][key] < 0.99]
    assert all(sims[1][key] < sims[0][key] for key in pinks)
    assert "others" in with_others["verdict"]["why"]
    gone = client.post("/api/searches", json={"examples": [red], "others": [{"sighting": "x.0"}]})
    assert gone.status_code == 404


def test_an_uploaded_frame_of_the_gallery_does_not_find_itself(client: httpx.Client) -> None:
    probe = upload(client, scene([1, 0], 0))["probe"]
    found = search(client, {"probe": probe, "person": 1}, limit=1000)
    own = frames(client, "north")[0]["frame"]
    assert own not in {one["frame"] for one in found["sightings"]}
    assert "own_frame" in found["hint_codes"]
    assert frames(client, "north")[2]["frame"] in {one["frame"] for one in found["sightings"]}
