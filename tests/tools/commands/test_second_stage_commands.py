"""index, find and evaluate search with a second stage, and with a detector and a crop model alone."""

import inspect
import json
import shutil
import socket
from pathlib import Path

import cv2
import pytest
import torch

from detection.checkpoints import save_model
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig, PersonSearchRCNN
from reid.crops.sphere_reid import SphereReID, SphereReIDConfig
from search.query.ranking import Ranking
from tools.commands import find
from tools.experiments import evaluate
from tools.main import main

BOX = ["--box", "40,30,80,120"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an untrained joint model and two crop models: good for nothing but the way of the data."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    structure = DetectorConfig(
        backbone="resnet18", pyramid_levels=(1, 2), pyramid_channels=16, anchor_sizes=((24,), (48,), (96,)),
        anchor_ratios=(2.5,), box_features=32, min_size=120, max_size=240, rpn_post_nms=20, score_threshold=0.0,
        detections_per_frame=6,
    )  # fmt: skip
    embedding = EmbeddingConfig(dimension=16, pool_height=8, pool_width=4, channels=16)
    save_model(folder / "joint.safetensors", PersonSearchRCNN(structure, embedding))
    for name in ("crops", "others"):
        config = SphereReIDConfig(
            backbone="mobilenet_v2", dimension=8, height=32, width=16, resize_height=32, resize_width=16
        )
        SphereReID(config).save(folder / f"{name}.safetensors")
    return folder


@pytest.fixture(scope="module")
def footage(square: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("footage")
    for picture in sorted((square / "frames").iterdir())[:4]:
        shutil.copy(picture, folder)
    return folder


@pytest.fixture(scope="module")
def gallery(models: Path, footage: Path) -> Path:
    words = ["index", str(footage), "--gallery", str(models / "people"), "--model", str(models / "joint.safetensors")]
    words += ["--second-stage", str(models / "crops.safetensors"), "--minimum-confidence", "0"]
    assert main([*words, "--json", str(models / "index.json")]) == 0
    return models / "people"


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def test_the_gallery_says_which_second_stage_it_has(models: Path, gallery: Path) -> None:
    figures = json.loads((models / "index.json").read_text())
    crops = SphereReID.from_checkpoint(models / "crops.safetensors")
    assert figures["summary"]["embedded_by"]["second_stage"] == crops.fingerprint()
    assert figures["summary"]["sightings"] > 0


def test_find_ranks_by_both_stages_and_reranks(
    models: Path, gallery: Path, footage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = sorted(footage.iterdir())[0]
    words = ["find", str(gallery), "--model", str(models / "joint.safetensors"), "--frame", str(picture)]
    words += [*BOX, "--limit", "5", "--json", str(tmp_path / "answer.json")]
    twice = [*words, "--second-stage", str(models / "crops.safetensors")]

    def answer(*typed: str) -> list[tuple[str, float]]:
        assert main(list(typed)) == 0
        found = json.loads((tmp_path / "answer.json").read_text())["sightings"]
        return [(one["id"], one["score"]) for one in found]

    joint = answer(*words)
    assert "by the joint model alone; the gallery has a second stage too" in capsys.readouterr().out
    assert [name for name, _ in answer(*twice, "--second-weight", "0")] == [name for name, _ in joint]
    both = answer(*twice)
    assert "by the joint model alone" not in capsys.readouterr().out
    assert both != joint
    reranked = answer(*twice, "--rerank", "--candidates", "10", "--html", str(tmp_path / "answer.html"))
    assert all(0 <= score <= 1 for _, score in reranked)
    assert [score for _, score in reranked] == sorted((score for _, score in reranked), reverse=True)
    assert "data:image/jpeg;base64" in (tmp_path / "answer.html").read_text(encoding="utf-8")
    cv2.imwrite(str(tmp_path / "crop.png"), cv2.imread(str(picture))[30:120, 40:80])
    crop = ["--crop", str(tmp_path / "crop.png"), "--second-stage", str(models / "crops.safetensors")]
    assert answer(*words[:4], *crop, "--json", str(tmp_path / "answer.json"))


def test_serve_says_where_the_joint_model_ranks_alone(
    models: Path, gallery: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("search.server.running.run", lambda app, settings, begun: begun("http://127.0.0.1:8420/"))
    words = ["serve", str(gallery), "--model", str(models / "joint.safetensors")]
    assert main(words) == 0
    assert "\nranked by the joint model alone; the gallery has a second stage too" in capsys.readouterr().out
    assert main([*words, "--second-stage", str(models / "crops.safetensors")]) == 0
    assert "ranked by the joint model alone" not in capsys.readouterr().out


def test_other_second_stages_are_one_line_and_status_2(
    models: Path, gallery: Path, footage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    joint, crops, others = (str(models / f"{name}.safetensors") for name in ("joint", "crops", "others"))
    picture = str(sorted(footage.iterdir())[0])
    index = ["index", str(footage), "--gallery", str(gallery)]
    look = ["find", str(gallery), "--frame", picture, *BOX]
    for words, line in (
        ([*index, "--model", joint], "give --second-stage too"),
        ([*index, "--model", joint, "--second-stage", others], "use the one it was indexed with"),
        ([*index, "--model", joint, "--second-stage", joint], "a file written by `train crop`"),
        ([*index, "--model", joint, "--detector", "coco"], "leave --detector coco out"),
        ([*index, "--detector", joint], "indexed with another model than the one given"),
        ([*index, "--detector", joint, "--second-stage", crops], "indexed with another model than the one given"),
        ([*look, "--model", joint, "--second-stage", others], "use the one it was indexed with"),
        ([*look, "--model", joint, "--second-weight", "1.5"], "second weight 1.5"),
        ([*look, "--model", joint, "--candidates", "0"], "0 candidates"),
    ):
        assert main(words) == 2
        assert line in last_line(capsys)


def test_a_detector_and_a_crop_model_index_and_find_without_a_joint_model(
    models: Path, footage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    joint, crops = str(models / "joint.safetensors"), str(models / "crops.safetensors")
    people = str(tmp_path / "people")
    index = ["index", str(footage), "--gallery", people, "--detector", joint, "--second-stage", crops]
    assert main([*index, "--minimum-confidence", "0", "--json", str(tmp_path / "i.json")]) == 0
    figures = json.loads((tmp_path / "i.json").read_text())
    assert figures["run"]["sightings"] > 0
    assert figures["summary"]["embedding_dim"] == 8
    assert figures["summary"]["embedded_by"]["second_stage"] is None
    assert main([*index, "--minimum-confidence", "0", "--json", str(tmp_path / "i.json")]) == 0
    assert json.loads((tmp_path / "i.json").read_text())["run"]["skipped"] == 4
    picture = str(sorted(footage.iterdir())[0])
    find_ = ["find", people, "--second-stage", crops, "--frame", picture, *BOX, "--json", str(tmp_path / "f.json")]
    assert main([*find_, "--include-own-frame", "--limit", "1"]) == 0
    best = json.loads((tmp_path / "f.json").read_text())["sightings"][0]
    box = ",".join(map(str, best["box"]))
    again = ["find", people, "--second-stage", crops, "--frame", best["location"], "--box", box]
    assert main([*again, "--include-own-frame", "--rerank", "--limit", "1", "--json", str(tmp_path / "f.json")]) == 0
    assert json.loads((tmp_path / "f.json").read_text())["sightings"][0]["id"] == best["id"]
    capsys.readouterr()
    assert main([*find_, "--model", joint]) == 2
    assert "indexed with another model than the one given" in last_line(capsys)
    assert main([*index, "--mirrored"]) == 2
    assert "averages mirrored views by itself" in last_line(capsys)


def test_the_coco_detector_without_a_network_is_one_line(
    models: Path, footage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    words = ["index", str(footage), "--gallery", str(tmp_path / "people"), "--detector", "coco"]
    assert main([*words, "--second-stage", str(models / "crops.safetensors")]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("personsearch: the detector 'coco' could not be downloaded (")
    assert line.endswith("connect to the network once, or give a detector of your own: --detector model.safetensors")
    assert not (tmp_path / "people").exists()


def test_the_evaluation_has_a_row_for_every_stage(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from datasets.plaza import write_plaza

    # Two frames of each recording, so that there is something to link.
    square = tmp_path / "world"
    write_plaza(square, seed=300, persons=6, minutes=0.05, frame_width=240)
    joint, crops = str(models / "joint.safetensors"), str(models / "crops.safetensors")
    words = ["evaluate", "search", str(square), "--minimum-confidence", "0", "--json", str(tmp_path / "s.json")]

    def rows(*more: str) -> dict[str, float]:
        assert main([*words, *more]) == 0
        printed = capsys.readouterr().out
        found = json.loads((tmp_path / "s.json").read_text())["rows"]
        assert all(f"{row['metrics']['mean_ap']:.4f}" in printed and row["protocol"] in printed for row in found)
        return {row["protocol"].removeprefix("other cameras"): row["metrics"]["mean_ap"] for row in found}

    plain = rows("--model", joint)
    assert list(plain) == ["", ", random ranking"]
    stages = rows(
        "--model", joint, "--second-stage", crops, "--second-weight", "1", "--rerank", "--candidates", "50",
        "--context", "--tracklets", "--tracklet-blend", "1", "--tracker.minimum_similarity", "0.4",
    )  # fmt: skip
    over = ", cascade + tracklets"
    assert list(stages) == [
        ", joint alone", ", context", ", SphereReID alone", ", cascade", over, f"{over} + context",
        f"{over} + k-reciprocal", ", random ranking",
    ]  # fmt: skip
    linked = json.loads((tmp_path / "s.json").read_text())["tracklets"]
    assert linked["blend"] == 1
    assert linked["tracker"]["minimum_similarity"] == 0.4
    assert linked["tracklets"] > 0
    assert linked["sightings_each"] > 1
    assert stages[", joint alone"] == plain[""]
    assert stages[", random ranking"] == plain[", random ranking"]
    alone = rows("--detector", joint, "--second-stage", crops)
    assert list(alone) == ["", ", random ranking"]
    assert alone[""] == pytest.approx(stages[", SphereReID alone"], abs=1e-4)
    assert stages[", cascade"] == pytest.approx(stages[", SphereReID alone"], abs=1e-4)


@pytest.mark.parametrize("command", [find.find, evaluate.search])
def test_the_commands_cascade_as_the_library_does(command: object) -> None:
    typed = inspect.signature(command).parameters  # type: ignore[arg-type]
    assert typed["ranking"].default == Ranking()


def test_a_learned_share_counts_from_then_on(
    models: Path,
    square: Path,
    footage: Path,
    small_plaza: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """calibrate stores it beside the model, index notes it, find uses it and says so, and export passes it on."""
    shutil.copy(small_plaza, tmp_path / "joint.safetensors")
    shutil.copy(models / "crops.safetensors", tmp_path)
    pair = ["--model", str(tmp_path / "joint.safetensors"), "--second-stage", str(tmp_path / "crops.safetensors")]
    assert main(["index", str(footage), "--gallery", str(tmp_path / "older"), *pair]) == 0
    learn = ["calibrate", str(square), *pair, "--learn-second-weight", "--json", str(tmp_path / "learned.json")]
    assert main(learn) == 0
    learned = json.loads((tmp_path / "learned.json").read_text())["choice"]["share"]
    weight = learned["second_weight"]
    assert f"learned share: {weight:g}. Where the people are drawn anew" in capsys.readouterr().out
    # A share that nothing else would give, so that it is seen wherever it counts.
    file = tmp_path / "joint.share.json"
    file.write_text(file.read_text().replace(f'"second_weight": {weight}', '"second_weight": 0.3125'))

    capsys.readouterr()
    assert main(["index", str(footage), "--gallery", str(tmp_path / "people"), *pair]) == 0
    assert "the second stage counts 0.3125 of the similarity" in capsys.readouterr().err
    file.rename(tmp_path / "away.json")
    ask = ["find", str(tmp_path / "people"), "--frame", str(sorted(footage.iterdir())[0]), *BOX]
    assert main([*ask, "--json", str(tmp_path / "noted.json")]) == 0
    assert "the second stage counts 0.3125 of the similarity" in capsys.readouterr().out
    assert main([*ask, "--second-weight", "0.3125", "--json", str(tmp_path / "given.json")]) == 0
    noted, given = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("noted", "given"))
    assert noted["sightings"] == given["sightings"]
    assert noted["ranking"]["second_weight"] == given["ranking"]["second_weight"] == 0.3125
    (tmp_path / "away.json").rename(file)

    # A gallery of before answers as before, and is told what could be had.
    assert main(["find", str(tmp_path / "older"), *ask[2:], "--json", str(tmp_path / "older.json")]) == 0
    assert "--second-weight 0.3125 uses it" in capsys.readouterr().out
    assert json.loads((tmp_path / "older.json").read_text())["ranking"]["second_weight"] == 0.8

    assert main(["evaluate", "search", str(square), *pair, "--marks", "3"]) == 0
    printed = capsys.readouterr().out
    assert "3 marks among the first ten answers (" in printed
    assert "0.3125 of SphereReID's, as was learned for these two models on world" in printed
    words = ["export", str(tmp_path / "joint.safetensors"), str(tmp_path / "half.safetensors"), "--half"]
    assert main([*words, "--json", str(tmp_path / "export.json")]) == 0
    (passed,) = json.loads((tmp_path / "half.share.json").read_text())["shares"]
    assert passed["second_weight"] == 0.3125
    assert passed["model"] == json.loads((tmp_path / "export.json").read_text())["fingerprint"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "J"], "--learn-second-weight is about two models"),
        (["--model", "J", "--second-stage", "C", "--second-weight", "0.5"], "--second-weight does not go with"),
        (["--model", "J", "--second-stage", "C", "--tracklets"], "--tracklets does not go with"),
    ],
)
def test_a_share_is_learned_for_two_models_and_nothing_else(
    square: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["calibrate", str(square), "--learn-second-weight", *words]) == 2
    assert message in last_line(capsys)


def test_a_second_stage_that_is_added_later_answers_alike(
    models: Path, gallery: Path, footage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["index", str(footage), "--gallery", str(tmp_path / "later"), "--model", str(models / "joint.safetensors")]
    assert main([*words, "--minimum-confidence", "0"]) == 0
    added = ["gallery", "second-stage", str(tmp_path / "later"), str(models / "crops.safetensors")]
    assert main([*added, "--json", str(tmp_path / "added.json")]) == 0
    assert json.loads((tmp_path / "added.json").read_text())["added"]["from_pictures"] == 0
    picture, answers = sorted(footage.iterdir())[0], []
    for number, place in enumerate((gallery, tmp_path / "later")):
        file = tmp_path / f"{number}.json"
        assert main(["find", str(place), "--frame", str(picture), *BOX, "--json", str(file)]) == 0
        found = json.loads(file.read_text())["sightings"]
        answers.append([(one["id"], round(one["similarity"], 4)) for one in found])
    assert answers[0] == answers[1]
    assert answers[0]
    capsys.readouterr()
    assert main(added) == 2
    assert "has a second stage already" in last_line(capsys)
