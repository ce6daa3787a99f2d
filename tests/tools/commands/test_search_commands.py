"""The commands one after another on a small square, as their user types them, with good and with bad input."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from separate_processes import finish, run_program, start

from tools.main import main


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_training_leaves_a_whole_run_directory(run: Path) -> None:
    names = {path.name for path in run.iterdir()}
    assert names == {"model.safetensors", "resume.pt", "metrics.csv", "config.json", "tensorboard"}
    figures = json.loads((run.parent / "train.json").read_text())
    assert figures["steps"] == len((run / "metrics.csv").read_text().splitlines()) - 1
    assert figures["failures"] == []


def test_a_second_training_does_not_harm_the_first(square: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (run / "model.safetensors").read_bytes()
    words = ["train", "joint", str(square), "--config", str(square.parent / "tiny.yaml"), "--output", str(run)]
    assert main(words) == 2
    assert "holds a run already" in last_line(capsys)
    assert (run / "model.safetensors").read_bytes() == before


def test_resuming_a_finished_training_is_done_at_once(
    square: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "joint", str(square), "--config", str(square.parent / "tiny.yaml"), "--output", str(run)]
    assert main([*words, "--resume"]) == 0
    assert str(run / "model.safetensors") in capsys.readouterr().out


def test_evaluation_prints_a_table_and_writes_the_same_figures(
    square: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "detection", str(square), "--model", str(run), "--json", str(tmp_path / "d.json")]) == 0
    assert "COCO AP@0.5" in capsys.readouterr().out
    figures = json.loads((tmp_path / "d.json").read_text())
    assert 0 <= figures["ap"] <= figures["recall"] <= 1
    assert figures["boxes"] > 0

    words = ["evaluate", "search", str(square), "--model", str(run), "--minimum-confidence", "0", "--context"]
    assert main([*words, "--unlabelled", "ignore", "--json", str(tmp_path / "s.json")]) == 0
    printed = capsys.readouterr().out
    rows = json.loads((tmp_path / "s.json").read_text())["rows"]
    assert [row["protocol"] for row in rows] == [
        "other cameras",
        "other cameras, context",
        "other cameras, random ranking",
    ]
    for row in rows:
        assert f"{row['metrics']['mean_ap']:.4f}" in printed


def test_a_probe_is_found_by_box_and_by_crop(
    square: Path, run: Path, gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import cv2

    query = json.loads((square / "queries.json").read_text())[0]
    x, y, width, height = query["bbox"]
    picture = square / query["file_name"]
    box = f"{x},{y},{x + width},{y + height}"
    words = ["find", str(gallery), "--model", str(run)]
    page = tmp_path / "answer.html"
    assert main([*words, "--frame", str(picture), "--box", box, "--limit", "5", "--html", str(page)]) == 0
    assert "rank" in capsys.readouterr().out
    assert "data:image/jpeg;base64" in page.read_text(encoding="utf-8")

    image = cv2.imread(str(picture))
    cv2.imwrite(str(tmp_path / "crop.png"), image[int(y) : int(y + height), int(x) : int(x + width)])
    answer = tmp_path / "answer.json"
    assert main([*words, "--crop", str(tmp_path / "crop.png"), "--camera", "2", "--json", str(answer)]) == 0
    sightings = json.loads(answer.read_text())["sightings"]
    assert sightings
    assert {sighting["camera"] for sighting in sightings} == {"2"}
    scores = [sighting["score"] for sighting in sightings]
    assert scores == sorted(scores, reverse=True)


def test_several_crops_count_together_or_each_alone(square: Path, run: Path, gallery: Path, tmp_path: Path) -> None:
    import cv2

    image = cv2.imread(str(next((square / "frames").iterdir())))
    crops = [tmp_path / "left.png", tmp_path / "right.png"]
    cv2.imwrite(str(crops[0]), image[:80, :40])
    cv2.imwrite(str(crops[1]), 255 - image[:80, -40:])

    def scores(*words: str) -> dict[str, float]:
        answer = tmp_path / "answer.json"
        assert (
            main(["find", str(gallery), "--model", str(run), "--limit", "100000", "--json", str(answer), *words]) == 0
        )
        found = json.loads(answer.read_text())["sightings"]
        return {f"{one['frame']} {one['box']}": one["score"] for one in found}

    left, right = (scores("--crop", str(crop)) for crop in crops)
    both = ["--crop", ",".join(map(str, crops))]
    best, together = scores(*both, "--combine", "max"), scores(*both)
    assert best == pytest.approx({row: max(left[row], right[row]) for row in left}, abs=1e-5)
    assert together != pytest.approx(best, abs=1e-5)
    assert together == scores(*both, "--combine", "mean")


def test_the_probes_own_frame_is_left_out_unless_asked_for(
    square: Path, run: Path, gallery: Path, tmp_path: Path
) -> None:
    query = json.loads((square / "queries.json").read_text())[0]
    x, y, width, height = query["bbox"]
    answer = tmp_path / "answer.json"

    def frames(picture: Path, *more: str) -> set[str]:
        words = ["find", str(gallery), "--model", str(run), "--frame", str(picture), "--limit", "100000"]
        box = f"{x},{y},{x + width},{y + height}"
        assert main([*words, "--box", box, "--json", str(answer), *more]) == 0
        return {sighting["frame"] for sighting in json.loads(answer.read_text())["sightings"]}

    own = query["file_name"]
    everything = frames(square / own, "--include-own-frame")
    assert own in everything
    assert frames(square / own) == everything - {own}
    # Another picture of the same name is another frame.
    other = next(picture for picture in sorted((square / "frames").iterdir()) if picture.name != Path(own).name)
    namesake = tmp_path / Path(own).name
    shutil.copy(other, namesake)
    assert own in frames(namesake)


def test_a_mirrored_gallery_is_found_in_as_it_was_made(
    square: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "footage").mkdir()
    for picture in sorted((square / "frames").iterdir())[:3]:
        shutil.copy(picture, tmp_path / "footage")
    index = ["index", str(tmp_path / "footage"), "--model", str(run), "--gallery", str(tmp_path / "people")]
    answer = tmp_path / "answer.json"
    assert main([*index, "--mirrored", "--minimum-confidence", "0"]) == 0
    picture = next((tmp_path / "footage").iterdir())
    find = ["find", str(tmp_path / "people"), "--model", str(run), "--json", str(answer), "--frame", str(picture)]
    assert main([*find, "--box", "40,30,80,120", "--include-own-frame", "--limit", "1"]) == 0
    best = json.loads(answer.read_text())["sightings"][0]
    box = ",".join(map(str, best["box"]))
    assert main([*find[:-1], best["location"], "--box", box, "--include-own-frame", "--limit", "1"]) == 0
    assert json.loads(answer.read_text())["sightings"][0]["score"] > 0.99
    assert main([*find, "--box", "40,30,80,120", "--after", "2026-05-01T08:30"]) == 2
    assert "has no times to choose by; index into a new gallery with --start-time" in last_line(capsys)
    assert main(index) == 2
    assert "was indexed with --mirrored; give it again" in last_line(capsys)
    assert main([*index, "--mirrored", "--minimum-confidence", "2"]) == 2
    assert "score threshold 2, expected 0.05 to 1" in last_line(capsys)


def test_the_figures_of_a_stream_hold_no_password(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from search import indexing

    def index_nothing(sources: Any, gallery: Any, *_: Any, **__: Any) -> list[indexing.SourceRun]:
        return [indexing.SourceRun(one, gallery, None) for one in sources]

    # No camera to read from: indexing itself is left out.
    monkeypatch.setattr(indexing, "index_sources", index_nothing)
    words = ["index", "rtsp://me:secret@camera.local:554/main?token=abc", "--model", str(run)]
    assert main([*words, "--gallery", str(tmp_path / "people"), "--json", str(tmp_path / "i.json")]) == 0
    assert json.loads((tmp_path / "i.json").read_text())["source"] == "camera.local:554/main"
    assert not any(word in (tmp_path / "i.json").read_text() for word in ("secret", "token"))


def test_broken_records_are_named_by_the_evaluation(
    square: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = tmp_path / "world"
    world.mkdir()
    (world / "frames").symlink_to(square / "frames", target_is_directory=True)
    content = json.loads((square / "test.json").read_text())
    people = {"category_id": 1, "image_id": content["images"][0]["id"], "iscrowd": 0, "person_id": -1}
    content["annotations"] += [{**people, "id": 10_000 + row, "bbox": [5, 5, 0, 40]} for row in range(30)]
    content["annotations"] += [{**content["annotations"][0], "person_id": -1}]  # only doubtful: its id occurs twice
    (world / "test.json").write_text(json.dumps(content))
    assert main(["evaluate", "detection", str(world), "--model", str(run), "--json", str(tmp_path / "d.json")]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("personsearch: ")]
    assert len(lines) == 21
    assert "(id 10000)" in lines[0]
    assert "has no area and is left out; write a width and height > 0" in lines[0]
    assert "10 more broken records; `personsearch data check" in lines[-1]
    assert len(json.loads((tmp_path / "d.json").read_text())["failures"]) == 21


def test_broken_footage_is_named_once_on_the_terminal(
    square: Path, run: Path, tmp_path: Path, repository: Path
) -> None:
    (tmp_path / "footage").mkdir()
    shutil.copy(next((square / "frames").iterdir()), tmp_path / "footage")
    (tmp_path / "footage" / "empty.jpg").touch()
    words = ["index", str(tmp_path / "footage"), "--gallery", str(tmp_path / "people"), "--model", str(run)]
    errors = tmp_path / "errors"
    finish(start(run_program, repository, *words, said=tmp_path / "said", errors=errors), tmp_path / "said", status=1)
    (line,) = [line for line in errors.read_text(encoding="utf-8").splitlines() if "empty.jpg" in line]
    assert line.startswith("personsearch: empty.jpg")


def test_frames_without_a_date_are_left_out_by_one_and_counted(
    run: Path, gallery: Path, tmp_path: Path, square: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mixed, picture = tmp_path / "mixed", next((square / "frames").iterdir())
    shutil.copytree(gallery, mixed)
    (tmp_path / "pictures").mkdir()
    shutil.copy(picture, tmp_path / "pictures" / "undated.jpg")
    find = ["find", str(mixed), "--model", str(run), "--frame", str(picture), "--box", "10,10,60,120"]
    assert main([*find, "--after", "2000-01-01"]) == 0
    assert "no date" not in capsys.readouterr().out
    assert main(["index", str(tmp_path / "pictures"), "--gallery", str(mixed), "--model", str(run)]) == 0
    capsys.readouterr()
    assert main([*find, "--after", "2000-01-01"]) == 0
    assert "1 frame of the gallery has no date, and --after and --before leave out" in capsys.readouterr().out
    assert main(find) == 0
    assert "no date" not in capsys.readouterr().out


def test_filters_by_time_keep_what_lies_between(run: Path, gallery: Path, tmp_path: Path, square: Path) -> None:
    picture = next((square / "frames").iterdir())
    words = ["find", str(gallery), "--model", str(run), "--frame", str(picture), "--box", "10,10,60,120"]
    answer = tmp_path / "answer.json"
    assert main([*words, "--json", str(answer)]) == 0
    times = sorted(sighting["timestamp"] for sighting in json.loads(answer.read_text())["sightings"])
    middle = times[len(times) // 2]
    assert main([*words, "--after", str(middle), "--json", str(answer)]) == 0
    assert all(sighting["timestamp"] >= middle for sighting in json.loads(answer.read_text())["sightings"])
    assert main([*words, "--before", "1999-12-31T23:59", "--json", str(answer)]) == 0
    assert json.loads(answer.read_text())["sightings"] == []


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--frame", "PICTURE"], "it is unclear whom to look for"),
        (["--box", "1,2,3,4"], "it is unclear whom to look for"),
        (["--frame", "PICTURE", "--box", "50,50,20,90"], "no area"),
        (["--frame", "PICTURE", "--box", "5000,10,5100,90"], "outside the frame"),
        (["--frame", "PICTURE", "--box", "1,2,3"], "--box"),
        (["--crop", "missing.jpg"], "the file does not exist"),
        (["--crop", "EMPTY"], "the file is empty"),
        (["--crop", "TEXT"], "TEXT"),
        (["--crop", "PICTURE", "--camera", "77"], "camera '77' is not in gallery"),
        (["--crop", "PICTURE", "--after", "yesterday"], "--after 'yesterday' is no time"),
        (["--crop", "PICTURE", "--limit", "0"], "limit 0"),
    ],
)
def test_a_wrong_probe_is_one_line_and_status_2(
    words: list[str],
    line: str,
    square: Path,
    run: Path,
    gallery: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("not a picture")
    names = {
        "PICTURE": str(next((square / "frames").iterdir())),
        "EMPTY": str(tmp_path / "empty.jpg"),
        "TEXT": str(tmp_path / "text.jpg"),
    }
    typed = [names.get(word, word) for word in words]
    assert main(["find", str(gallery), "--model", str(run), *typed]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert names.get(line, line) in lines[0]


def test_broken_footage_is_named_and_the_rest_is_indexed(
    square: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    footage = tmp_path / "footage"
    footage.mkdir()
    pictures = sorted((square / "frames").iterdir())[:3]
    for picture in pictures:
        shutil.copy(picture, footage)
    whole = pictures[0].read_bytes()
    (footage / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (footage / "empty.jpg").write_bytes(b"")
    (footage / "text.jpg").write_text("not a picture")
    (footage / "clip.mp4").write_bytes(b"not a video")
    words = ["index", str(footage), "--gallery", str(tmp_path / "people"), "--model", str(run)]
    assert main([*words, "--json", str(tmp_path / "index.json")]) == 1
    _computed_by, *lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 4
    for name in ("cut.jpg", "empty.jpg", "text.jpg", "clip.mp4"):
        assert sum(name in line for line in lines) == 1
    figures = json.loads((tmp_path / "index.json").read_text())
    assert figures["run"]["frames"] == 3
    assert main(words) == 1
    assert "frames known before" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["folder", "video", "missing"])
def test_footage_without_a_frame_is_one_line_and_status_2(
    kind: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "video.mp4").write_bytes(b"\x00" * 100)
    source = {"folder": tmp_path / "folder", "video": tmp_path / "video.mp4", "missing": tmp_path / "nothing"}[kind]
    assert main(["index", str(source), "--gallery", str(tmp_path / "people"), "--model", str(run)]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert source.name in lines[0]


def test_training_and_evaluation_go_on_without_a_broken_frame(
    square: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = tmp_path / "world"
    shutil.copytree(square, world)
    for split in ("train.json", "test.json"):
        image = json.loads((world / split).read_text())["images"][1]
        (world / image["file_name"]).write_bytes(b"")
    words = ["train", "joint", str(world), "--config", str(square.parent / "tiny.yaml")]
    assert main([*words, "--output", str(tmp_path / "run")]) == 1
    assert "the file is empty" in last_line(capsys)
    assert (tmp_path / "run" / "model.safetensors").is_file()
    assert main(["evaluate", "detection", str(world), "--model", str(run)]) == 1
    assert "the file is empty" in last_line(capsys)


def test_a_query_that_cannot_be_seen_is_named_and_the_others_are_evaluated(
    square: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = tmp_path / "world"
    shutil.copytree(square, world)
    queries = json.loads((world / "queries.json").read_text())
    frame = world / queries[0]["file_name"]
    lost = sum(query["file_name"] == queries[0]["file_name"] for query in queries)
    people = {query["person_id"] for query in queries}
    frame.write_bytes(frame.read_bytes()[:100])
    (world / "crop.jpg").write_text("not a picture")
    queries.append({"crop": "crop.jpg", "person_id": max(people)})
    (world / "queries.json").write_text(json.dumps(queries))
    words = ["evaluate", "search", str(world), "--model", str(run), "--minimum-confidence", "0", "--context"]
    assert main([*words, "--json", str(tmp_path / "s.json")]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert sum("query of person" in line and frame.name in line for line in lines) == lost
    assert sum("query of person" in line and "crop.jpg" in line for line in lines) == 1
    figures = json.loads((tmp_path / "s.json").read_text())
    assert {row["queries"] for row in figures["rows"]} == {len(queries) - lost - 1}
    (world / "queries.json").write_text(json.dumps(queries[-1:]))
    assert main(words) == 2
    assert "no query can be embedded" in last_line(capsys)


@pytest.mark.parametrize("kind", ["detection", "search"])
@pytest.mark.parametrize("size", ["0", "-1"])
def test_a_batch_of_nothing_is_refused(
    kind: str, size: str, square: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", kind, str(square), "--model", str(run), "--batch-size", size]) == 2
    assert last_line(capsys) == f"personsearch: batch size {size}, expected at least 1"


def test_cuhk_sysu_has_no_cameras_to_choose(square: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "search", str(square), "--format", "cuhk-sysu", "--model", str(run)]
    assert main([*words, "--same-camera"]) == 2
    assert "--same-camera" in last_line(capsys)


def test_a_gallery_of_another_model_is_refused(
    square: Path, gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "joint", str(square), "--config", str(square.parent / "tiny.yaml"), "--training.seed", "9"]
    assert main([*words, "--output", str(tmp_path / "other")]) == 0
    picture = next((square / "frames").iterdir())
    assert main(["find", str(gallery), "--model", str(tmp_path / "other"), "--crop", str(picture)]) == 2
    assert "was indexed with another model than the one given: their weights differ" in last_line(capsys)


def test_an_exported_model_is_half_the_size_and_finds_the_same(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    from detection.checkpoints import load_model

    file = tmp_path / "passed_on.safetensors"
    assert main(["export", str(run), str(file), "--half"]) == 0
    assert file.stat().st_size < 0.6 * (run / "model.safetensors").stat().st_size
    image, box = torch.rand(3, 120, 160), torch.tensor([[20.0, 10.0, 60.0, 110.0]])
    before, after = (load_model(path, device="cpu").embed([image], [box])[0] for path in (run, file))
    assert float((before * after).sum()) > 0.999
    capsys.readouterr()
    assert main(["export", str(run), str(file)]) == 2
    assert "remove it" in last_line(capsys)
    assert main(["export", str(run), str(tmp_path / "model.bin")]) == 2
    assert "expected .safetensors" in last_line(capsys)
