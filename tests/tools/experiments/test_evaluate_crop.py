"""evaluate crop as its user types it, on miniature data sets of people who are colors, with good and with bad input."""

import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from search.models.noted_paths import weights_folder
from tools.main import main

PEOPLE, CAMERAS = 4, 3
COLORS = [(200, 40, 40), (40, 200, 40), (40, 40, 200), (190, 190, 40), (30, 30, 30)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that nobody trained: colors alone tell these people apart, at least better than chance."""
    from reid.crops.sphere_reid import SphereReID, SphereReIDConfig

    torch.manual_seed(0)
    config = SphereReIDConfig(
        network="A", backbone="mobilenet_v2", height=32, width=16, resize_height=32, resize_width=16
    )
    path = tmp_path_factory.mktemp("run") / "model.safetensors"
    SphereReID(config).save(path)
    return path


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Market-1501's layout: four people in three cameras, two pictures each, distractors, junk, and gt_bbox."""
    root = tmp_path_factory.mktemp("data") / "Market-1501"
    rng = np.random.default_rng(0)
    for person in range(1, PEOPLE + 1):
        for camera in range(1, CAMERAS + 1):
            name = f"{person:04d}_c{camera}s1_000000"
            write(root / "query" / f"{name}_00.jpg", person, rng)
            write(root / "bounding_box_test" / f"{name}_01.jpg", person, rng)
            write(root / "gt_bbox" / f"{name[:-1]}1_00.jpg", person, rng)
            shutil.copytree(root / "query", root / "gt_bbox", dirs_exist_ok=True)
    for number in range(3):
        write(root / "bounding_box_test" / f"0000_c1s1_{number:06d}_01.jpg", 0, rng)
        write(root / "bounding_box_test" / f"-1_c1s1_{number:06d}_02.jpg", 0, rng)
    return root


def write(path: Path, person: int, rng: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.clip(rng.normal(COLORS[person % len(COLORS)], 25, (40, 20, 3)), 0, 255).astype(np.uint8)
    cv2.imwrite(str(path), picture)


class Pictures(HTMLParser):
    """What a page shows: pictures, drawn lines, words."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.images: list[str] = []
        self.lines = 0
        self.statuses: list[str] = []
        self.words = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "img":
            self.images.append(values["src"] or "")
        self.lines += tag == "polyline"
        if tag == "figure":
            self.statuses.append(values.get("class") or "")

    def handle_data(self, data: str) -> None:
        self.words += data + " "


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_all_protocols_in_one_table_and_the_same_in_json(
    model: Path, market: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    words = ["evaluate", "crop", str(model.parent), str(market), "--rerank", "--expand"]
    assert main([*words, "--report", str(tmp_path / "page"), "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    figures = json.loads(file.read_text())
    names = [row["protocol"] for row in figures["rows"]]
    assert names == [
        "market1501", "market1501, official AP", "allshots", "cuhk03, single gallery shot", "market1501, multi-query",
        "market1501, query expansion", "market1501, re-ranking",
    ]  # fmt: skip
    for row in figures["rows"] + figures["random_ranking"]:
        assert row["queries"] == PEOPLE * CAMERAS
        assert f"{row['mean_ap']:.4f}" in printed
        assert len(row["cmc"]) == 50
        assert np.all(np.diff([0, *row["cmc"], 1]) >= -1e-12)
    assert figures["rows"][0]["mean_ap"] > 0.9 > 0.6 > figures["random_ranking"][0]["mean_ap"]
    assert figures["rows"][1]["mean_ap"] <= figures["rows"][0]["mean_ap"]
    counts = figures["counts"]
    assert (counts["queries"], counts["gallery"], counts["people"], counts["cameras"]) == (12, 15, 4, 3)
    assert (counts["pairs_same"], counts["pairs_different"]) == (12 * 2, 12 * (15 - 3))
    assert set(figures["thresholds"]) == {"equal error", "false match 0.01"}
    assert len(figures["settings"]["model"]["fingerprint"]) == 16
    assert set(figures["seconds"]) == {"embedding", "protocols", "multi-query", "query expansion", "re-ranking"}
    assert len(figures["per_query"]["average_precision"]) == len(figures["per_query"]["name"]) == 12
    assert figures["command_line"].split()[-4:] == ["--rerank", "true", "--expand", "true"]

    page = Pictures(tmp_path / "page" / "report.html")
    assert page.statuses.count("asked") == 6
    assert "right" in page.statuses
    assert all(image.startswith("data:image/jpeg;base64,") for image in page.images)
    assert page.lines >= 6 + 1 + 3
    assert figures["settings"]["model"]["fingerprint"] in page.words
    assert f"{figures['rows'][0]['mean_ap']:.4f}" in page.words


def test_the_command_that_is_shown_gives_the_same_figures(model: Path, market: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    words = [
        "evaluate",
        "crop",
        str(model),
        str(market),
        "--mirrored",
        "false",
        "--multi-query",
        "false",
        "--seed",
        "7",
    ]
    assert main([*words, "--data.split-by", "identities", "--json", str(first)]) == 0
    shown = json.loads(first.read_text())
    assert main([*shown["command_line"].split()[1:], "--json", str(second)]) == 0
    again = json.loads(second.read_text())
    assert again["rows"] == shown["rows"]
    assert again["random_ranking"] == shown["random_ranking"]
    assert shown["counts"]["queries"] == 24  # open-reid's split takes the gallery's crops too


def test_stored_embeddings_give_the_same_figures(model: Path, market: Path, tmp_path: Path) -> None:
    figures = []
    for number in range(2):
        file = tmp_path / f"{number}.json"
        words = ["evaluate", "crop", str(model), str(market), "--embeddings", str(tmp_path / "kept.npz")]
        assert main([*words, "--json", str(file)]) == 0
        figures.append(json.loads(file.read_text()))
    assert figures[0]["rows"] == figures[1]["rows"]
    assert figures[1]["seconds"]["embedding"] < figures[0]["seconds"]["embedding"]


def test_embeddings_are_kept_beside_the_run_by_fingerprint(
    model: Path, market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(model, run)
    words = ["evaluate", "crop", str(run), str(market)]
    assert main([*words, "--keep", "false"]) == 0
    assert [file.name for file in run.iterdir()] == ["model.safetensors"]
    assert main(words) == 0
    (kept,) = (run / "embeddings").iterdir()
    assert f"embeddings: {kept}" in capsys.readouterr().out
    monkeypatch.setattr("reid.crops.sphere_reid.SphereReID.embed", None)  # nothing is embedded a second time
    assert main(words) == 0


def test_nothing_is_written_beside_a_model_that_comes_with_the_program(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shipped = weights_folder("reid") / "people.safetensors"
    before = sorted(shipped.parent.iterdir())
    assert main(["evaluate", "crop", str(shipped), str(market)]) == 0
    assert sorted(shipped.parent.iterdir()) == before
    (kept,) = (tmp_path / "cache" / "personsearch" / "embeddings").iterdir()
    assert f"embeddings: {kept}" in capsys.readouterr().out


def test_a_run_that_cannot_be_written_to_is_evaluated_all_the_same(
    model: Path, market: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    assert main(["evaluate", "crop", str(model), str(market)]) == 0
    assert f"not kept: {model.parent} cannot be written" in capsys.readouterr().out


def test_a_broken_crop_is_named_and_the_rest_counts(
    model: Path, market: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "market"
    shutil.copytree(market, root)
    (root / "query" / "0002_c1s1_000000_00.jpg").write_bytes(b"")
    (root / "bounding_box_test" / "0003_c1s1_000000_01.jpg").write_bytes(b"no picture")
    (root / "bounding_box_test" / "holiday.jpg").write_bytes(b"")
    file = tmp_path / "figures.json"
    words = ["evaluate", "crop", str(model), str(root), "--report", str(tmp_path / "page"), "--json", str(file)]
    assert main(words) == 1
    told = capsys.readouterr().err
    for name in ("0002_c1s1_000000_00.jpg", "0003_c1s1_000000_01.jpg", "holiday.jpg"):
        assert name in told
    figures = json.loads(file.read_text())
    assert (figures["counts"]["queries"], figures["counts"]["gallery"]) == (11, 14)
    assert len(figures["failures"]) == 3
    assert "2 crops could not be read" in Pictures(tmp_path / "page" / "report.html").words


def test_without_cameras_only_the_identical_crop_is_left_out(model: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    lines = ["path,person_id,split"]
    for person in range(3):
        for number in range(3):
            name = f"{person}_{number}.png"
            write(tmp_path / name, person, rng)
            lines.append(f"{name},{person},gallery")
        lines.append(f"{person}_0.png,{person},query")
    write(tmp_path / "somebody.png", 3, rng)
    lines.append("somebody.png,-1,gallery")
    (tmp_path / "crops.csv").write_text("\n".join(lines) + "\n")
    file, page = tmp_path / "figures.json", tmp_path / "page"
    words = ["evaluate", "crop", str(model), str(tmp_path), "--format", "csv", "--report", str(page)]
    assert main([*words, "--json", str(file)]) == 0
    counts = json.loads(file.read_text())["counts"]
    assert (counts["queries"], counts["gallery"], counts["cameras"]) == (3, 10, 0)
    # Two other views of each; strangers are six views of others and the person without identity.
    assert (counts["pairs_same"], counts["pairs_different"]) == (3 * 2, 3 * (6 + 1))
    shown = Pictures(page / "report.html").words
    assert "No camera is known" in shown
    assert "camera None" not in shown


def test_crops_cut_from_frames(model: Path, shared: Path, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    words = ["evaluate", "crop", str(model), str(shared / "oracles" / "mini_a" / "prw"), "--format", "prw"]
    assert main([*words, "--report", str(tmp_path), "--json", str(file)]) == 0
    across = json.loads(file.read_text())
    assert main([*words, "--data.same-camera", "true", "--data.unlabelled", "true", "--json", str(file)]) == 0
    everywhere = json.loads(file.read_text())
    assert everywhere["counts"]["pairs_same"] > across["counts"]["pairs_same"] > 0
    assert everywhere["counts"]["gallery"] > across["counts"]["gallery"]


def test_bad_input_is_one_line(model: Path, market: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*words: str) -> str:
        assert main(["evaluate", "crop", *words]) == 2
        return last_line(capsys)

    assert "does not exist" in refused(str(tmp_path / "none.safetensors"), str(market))
    assert "Market-1501" in refused(str(model), str(tmp_path))
    assert "split_by" in refused(str(model), str(market), "--format", "csv", "--data.split-by", "identities")
    assert "expected one of" in refused(str(model), str(market), "--format", "nowhere")
    assert "only market1501's official split" in refused(
        str(model), str(market), "--multi-query", "--data.split-by", "identities"
    )
    assert "batch size 0" in refused(str(model), str(market), "--batch-size", "0")

    lonely = tmp_path / "lonely"
    for folder in ("query", "bounding_box_test"):
        shutil.copytree(market / folder, lonely / folder)
    for picture in lonely.glob("bounding_box_test/000[1-9]*"):
        picture.unlink()
    assert "none of 12 queries has another view of its person" in refused(str(model), str(lonely))

    from safetensors.torch import save_file

    joint = tmp_path / "joint.safetensors"
    save_file({"weight": torch.zeros(1)}, joint, metadata={"format": "personsearch-joint-1"})
    assert "a file written by `train crop`" in refused(str(joint), str(market))
    (tmp_path / "kept.npz").write_text("a letter")
    assert "no file of stored embeddings" in refused(
        str(model), str(market), "--embeddings", str(tmp_path / "kept.npz")
    )


def test_no_picture_at_all_is_one_line(
    model: Path, market: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "market"
    shutil.copytree(market, root)
    for picture in (root / "query").iterdir():
        picture.write_bytes(b"")
    assert main(["evaluate", "crop", str(model), str(root)]) == 2
    assert "can be read, the first: 0001_c1s1_000000_00.jpg: the file is empty" in last_line(capsys)
