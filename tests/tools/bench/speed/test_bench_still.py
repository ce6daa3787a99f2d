"""personsearch bench still: what passing over still frames saves, and whom it overlooks, on frames with labels."""

import json
from pathlib import Path
from typing import Any

import pytest
from blob_scenes import HEIGHT, WIDTH, BlobModel, scene, write

import search.still_scenes
from search.pipeline import PersonSearch
from tools.main import main

WITH_PEOPLE = (9, 10, 17)


@pytest.fixture
def labelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """24 frames of one camera, two people in three of them, searched by a model that knows colors."""
    images, people = [], []
    for number in range(24):
        shown = [1, 2] if number in WITH_PEOPLE else []
        write(tmp_path / "data" / "frames" / f"{number:06d}.png", scene(shown))
        image = {
            "id": number,
            "file_name": f"frames/{number:06d}.png",
            "width": WIDTH,
            "height": HEIGHT,
            "camera_id": 1,
        }
        images.append({**image, "timestamp": number})
        for place, person in enumerate(shown):
            box = [8 + 40 * place, 30, 18, 40]
            people.append({"id": len(people), "image_id": number, "category_id": 1, "bbox": box, "person_id": person})
    categories = [{"id": 1, "name": "person"}]
    content = {"images": images, "annotations": people, "categories": categories}
    (tmp_path / "data" / "test.json").write_text(json.dumps(content))
    searching = PersonSearch(BlobModel(), batch_size=3, device="cpu")
    monkeypatch.setattr(PersonSearch, "from_files", lambda *_, **__: searching)
    return tmp_path / "data"


def measured(root: Path, capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], str]:
    file = root.parent / "still.json"
    assert main(["bench", "still", "--root", str(root), "--empty-frames", "40", "--json", str(file)]) == 0
    return json.loads(file.read_text()), capsys.readouterr().out


def test_the_same_people_are_found_in_fewer_frames(labelled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures, text = measured(labelled, capsys)
    looked, spared = figures["ways"]
    assert (looked["frames"], looked["without people"]) == (24, 21)
    assert (looked["passed over"], spared["passed over"]) == (0, 24 - 3 - 3)  # a first batch of three, and three frames
    assert looked["recall"] == spared["recall"] == 1
    assert figures["lost_recall"] == 0
    by_name = {one["name"]: one for one in figures["measured"]}
    assert by_name["recall lost by --skip-still"]["asked"] == 0.005
    assert by_name["a camera with nobody in it, with --skip-still"]["asked_ratio"] == pytest.approx(10)
    assert "a camera that shows nobody costs" in text


def test_who_is_passed_over_is_missed(
    labelled: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search.still_scenes, "CHANGE", 255.0)
    figures, _ = measured(labelled, capsys)
    assert figures["ways"][1]["recall"] == 0
    assert figures["lost_recall"] == 1


def test_where_somebody_is_in_every_frame_nobody_films_an_empty_one(
    labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = json.loads((labelled / "test.json").read_text())
    content["images"] = [image for image in content["images"] if image["id"] in WITH_PEOPLE]
    (labelled / "test.json").write_text(json.dumps(content))
    figures, text = measured(labelled, capsys)
    assert figures["empty_share"] is None
    assert "a camera that shows nobody was not measured" in text


def test_a_film_of_no_frame_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "still", "--empty-frames", "0"]) == 2
    assert "empty_frames is 0, expected 1 or more" in capsys.readouterr().err
