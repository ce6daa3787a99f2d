"""index, find and evaluate with the library that is asked for."""

import json
from pathlib import Path

import pytest

from detection.detections import Detections
from tools.main import main

pytestmark = pytest.mark.usefixtures("own_cache")


def indexed(square: Path, model: Path, gallery: Path, runtime: str) -> dict[str, Detections]:
    from search.gallery.gallery import Gallery

    words = ["index", str(square / "test.json"), "--gallery", str(gallery), "--model", str(model)]
    assert main([*words, "--runtime", runtime, "--precision", "float32", "--batch-size", "1"]) == 0
    with Gallery.open(gallery) as store:
        return store.detections()


def test_both_libraries_fill_one_gallery_alike(square: Path, small_plaza: Path, tmp_path: Path) -> None:
    torch, other = (indexed(square, small_plaza, tmp_path / name, name) for name in ("torch", "openvino"))
    assert torch.keys() == other.keys()
    alike = 0
    for name, found in torch.items():
        distance = (found.boxes[:, None] - other[name].boxes).abs().amax(dim=2)  # (N, M)
        near = distance < 0.05
        alike += int(near.sum())
        one, two = (found.embeddings[near.any(1)], other[name].embeddings[near.any(0)])
        assert (one @ two.T).amax(dim=1).min() > 0.9999
    # Of two boxes of one person that are almost equally sure, rounding decides which is kept.
    assert alike >= 0.8 * max(sum(map(len, torch.values())), sum(map(len, other.values()))) > 5

    query = json.loads((square / "queries.json").read_text())[0]
    x, y, width, height = query["bbox"]
    words = ["find", str(tmp_path / "torch"), "--frame", str(square / query["file_name"])]
    words += ["--box", f"{x},{y},{x + width},{y + height}", "--precision", "float32", "--include-own-frame"]
    scores = {}
    for runtime in ("auto", "openvino"):
        answer = tmp_path / f"{runtime}.json"
        assert main([*words, "--runtime", runtime, "--json", str(answer)]) == 0
        scores[runtime] = [one["score"] for one in json.loads(answer.read_text())["sightings"]]
    assert scores["auto"][0] == pytest.approx(1, abs=0.1)
    assert scores["openvino"] == pytest.approx(scores["auto"], abs=1e-4)


def test_it_is_said_what_computes(
    square: Path, small_plaza: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a line that needs no knowledge of networks, and in the figures."""
    line = "the joint model is computed by {} on the processor in 32-bit numbers (float32)"
    files = {name: tmp_path / f"{name}.json" for name in ("index", "find", "quiet", "detection", "search")}
    gallery, asked = str(tmp_path / "gallery"), ["--precision", "float32"]
    words = ["index", str(square / "test.json"), "--gallery", gallery, "--model", str(small_plaza)]
    assert main([*words, *asked, "--runtime", "openvino", "--json", str(files["index"])]) == 0
    assert line.format("OpenVINO") in capsys.readouterr().err.splitlines()
    words = ["find", gallery, "--crop", str(square / json.loads((square / "queries.json").read_text())[0]["file_name"])]
    assert main([*words, *asked, "--runtime", "onnx", "--json", str(files["find"])]) == 0
    assert line.format("ONNX Runtime") in capsys.readouterr().err.splitlines()
    assert main([*words, "--json", str(files["quiet"])]) == 0
    assert "computed by" not in capsys.readouterr().err
    for what in ("detection", "search"):
        words = ["evaluate", what, str(square), "--model", str(small_plaza), *asked]
        assert main([*words, "--json", str(files[what])]) == 0
        said = line if what == "search" else line.replace("joint model", "detector")
        assert said.format("PyTorch") in capsys.readouterr().err.splitlines()
    figures = {name: json.loads(file.read_text())["computing"] for name, file in files.items()}
    by = {name: next(iter(one.values()))["library"] for name, one in figures.items()}
    assert by == {"index": "openvino", "find": "onnx", "quiet": "torch", "detection": "torch", "search": "torch"}
    assert figures["index"]["joint model"] == {
        "library": "openvino", "precision": "float32", "device": "cpu", "measured": False, "note": "",
    }  # fmt: skip


def test_evaluation_takes_the_same_options(square: Path, small_plaza: Path, tmp_path: Path) -> None:
    figures = []
    for runtime in ("torch", "openvino"):
        file = tmp_path / f"{runtime}.json"
        words = ["evaluate", "detection", str(square), "--model", str(small_plaza), "--json", str(file)]
        assert main([*words, "--runtime", runtime, "--precision", "float32"]) == 0
        figures.append(json.loads(file.read_text()))
    assert figures[0]["ap"] > 0.1
    assert figures[0]["ap_all_scores"] == pytest.approx(figures[1]["ap_all_scores"], abs=2e-3)


def test_what_is_not_installed_is_named_with_the_remedy(
    square: Path, small_plaza: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("reid.runtime.compiled.has_openvino", lambda: False)
    words = ["index", str(square / "test.json"), "--gallery", str(tmp_path / "g"), "--model", str(small_plaza)]
    assert main([*words, "--runtime", "openvino"]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "OpenVINO, which is not installed; `pip install 'personsearch[fast]'` installs it" in last


@pytest.mark.slow
def test_8_bit_numbers_are_chosen_by_the_footage(
    square: Path, small_plaza: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("nncf", reason="the extra `fast` installs NNCF")
    monkeypatch.setattr("search.models.typical.MOST_FRAMES", 3)
    file = tmp_path / "index.json"
    words = ["index", str(square / "test.json"), "--gallery", str(tmp_path / "g"), "--model", str(small_plaza)]
    assert main([*words, "--precision", "int8", "--json", str(file)]) == 0
    figures = json.loads(file.read_text())
    assert figures["computing"]["joint model"]["precision"] == "int8"
    assert figures["run"]["sightings"] > 5
    assert "in 8-bit numbers (int8)" in capsys.readouterr().err
    words = ["evaluate", "detection", str(square), "--model", str(small_plaza), "--json", str(file)]
    assert main([*words, "--precision", "int8", "--runtime", "openvino"]) == 0
    assert json.loads(file.read_text())["ap"] > 0.1


def test_what_8_bit_numbers_lack_is_named_with_the_remedy(
    square: Path, small_plaza: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("reid.runtime.eight_bits.has_nncf", lambda: False)
    words = ["index", str(square / "test.json"), "--gallery", str(tmp_path / "g"), "--model", str(small_plaza)]
    assert main([*words, "--precision", "int8"]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "NNCF, which is not installed; `pip install 'personsearch[fast]'` installs it" in last
    assert main([*words, "--precision", "int8", "--runtime", "torch"]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "OpenVINO alone computes in 8-bit numbers; leave --runtime out" in last
