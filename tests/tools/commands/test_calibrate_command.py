"""calibrate on a small square with the shipped model, and what find then says; wrong and damaged calibrations."""

import json
import shutil
from pathlib import Path

import pytest

from search.query.calibration_files import calibration_file
from tools.main import main


@pytest.fixture(scope="module")
def model(small_plaza: Path, square: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model, for small frames, in a folder of its own, calibrated."""
    folder = tmp_path_factory.mktemp("calibrated")
    shutil.copy(small_plaza, folder)
    words = ["calibrate", str(square), "--model", str(folder / "plaza.safetensors"), "--report", str(folder / "report")]
    words += ["--match-rate", "0.05", "--possible-rate", "0.25", "--json", str(folder / "calibrate.json")]
    assert main(words) == 0
    return folder / "plaza.safetensors"


@pytest.fixture(scope="module")
def gallery(model: Path, square: Path) -> Path:
    folder = model.parent / "people"
    assert main(["index", str(square / "test.json"), "--gallery", str(folder), "--model", str(model)]) == 0
    return folder


def probe(square: Path) -> list[str]:
    query = json.loads((square / "queries.json").read_text())[0]
    x, y, width, height = query["bbox"]
    return ["--frame", str(square / query["file_name"]), "--box", f"{x},{y},{x + width},{y + height}"]


def test_the_calibration_lies_beside_the_model(model: Path, square: Path, small_plaza: Path) -> None:
    assert model.read_bytes() == small_plaza.read_bytes()
    figures = json.loads((model.parent / "calibrate.json").read_text())
    assert figures["file"] == str(model.parent / "plaza.calibration.json")
    (one,) = figures["calibrations"]
    assert (one["match_rate"], one["possible_rate"]) == (0.05, 0.25)
    assert one["data"]["name"] == square.name
    assert one["data"]["probe_kind"] == "box"
    assert one["data"]["probes"] > 0
    for size in one["rates"]:
        assert size["match"]["false_positive"] <= 0.05 + 1e-9
    assert "Limits by gallery size" in (model.parent / "report" / "report.html").read_text(encoding="utf-8")


def test_find_gives_a_verdict(
    model: Path, gallery: Path, square: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["find", str(gallery), "--model", str(model), *probe(square), "--limit", "3"]
    capsys.readouterr()
    assert main([*words, "--json", str(tmp_path / "a.json"), "--html", str(tmp_path / "a.html")]) == 0
    printed = capsys.readouterr().out.splitlines()
    answer = json.loads((tmp_path / "a.json").read_text())
    level = answer["verdict"]["level"]
    assert printed[0].startswith(
        f"{level}: the most similar sighting has a similarity of {answer['best_similarity']:.3f}; the limit is "
    )
    assert "Measured on world: " in printed[1]
    assert answer["sightings"][0]["verdict"] == level
    assert f'<p class="level">{level.capitalize()}</p>' in (tmp_path / "a.html").read_text(encoding="utf-8")
    assert main([*words, "--rerank", "--json", str(tmp_path / "b.json")]) == 0
    again = json.loads((tmp_path / "b.json").read_text())
    assert again["verdict"] == answer["verdict"]
    assert "similarity  verdict" in capsys.readouterr().out


def test_without_its_own_calibration_find_says_how_to_get_one(
    model: Path, gallery: Path, square: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(model, tmp_path / "plaza.safetensors")
    words = ["find", str(gallery), "--model", str(tmp_path / "plaza.safetensors"), *probe(square), "--limit", "1"]
    beside = tmp_path / "plaza.calibration.json"
    own = (model.parent / beside.name).read_text()
    other = own.replace(json.loads(own)["calibrations"][0]["embedded_by"]["model"], "0123456789abcdef")
    for text, reason in ((None, "has not been calibrated"), ("{", "is damaged"), (other, "one: with another model;")):
        if text is not None:
            beside.write_text(text)
        capsys.readouterr()
        assert main(words) == 0
        line, blank, header = capsys.readouterr().out.splitlines()[:3]
        assert line.startswith("no verdict, the similarity only orders the sightings: ")
        assert reason in line
        assert f"`personsearch calibrate LABELED_DATA --model {tmp_path / 'plaza.safetensors'}` makes one" in line
        assert blank == ""
        assert "verdict" not in header
    beside.write_text("{")
    assert main(["calibrate", str(square), "--model", str(tmp_path / "plaza.safetensors")]) == 2
    assert "is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["prw_c6", "video"])
def test_thresholds_of_rendered_footage_judge_no_real_footage(
    kind: str, repository: Path, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = repository / "detection" / "weights" / "plaza.safetensors"
    footage = tmp_path / "footage"
    footage.mkdir()
    for file in (
        sorted(shared.glob("data/prw_c6/frames/*.jpg"))[:3] if kind == "prw_c6" else shared.glob("data/video/*")
    ):
        shutil.copy(file, footage)
    words = ["index", str(footage), "--gallery", str(tmp_path / "people"), "--model", str(shipped)]
    assert main([*words, "--every-seconds", "10", "--camera", "1"]) == 0
    picture = next(iter(sorted(shared.glob("data/prw_c6/frames/*.jpg"))))
    find = ["find", str(tmp_path / "people"), "--frame", str(picture), "--box", "10,10,60,200", "--limit", "1"]
    for words in ([], ["--calibration", str(calibration_file(shipped))]):
        capsys.readouterr()
        assert main([*find, *words]) == 0
        line = capsys.readouterr().out.splitlines()[0]
        assert line.startswith(
            "no verdict, the similarity only orders the sightings: plaza.calibration.json was made on "
        )
        assert "made on rendered footage, and this gallery holds real footage" in line


def test_another_camera_is_judged_by_a_file_that_is_named(
    model: Path, square: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["index", str(square / "test.json"), "--gallery", str(tmp_path / "roof"), "--model", str(model)]
    assert main([*words, "--camera", "roof"]) == 0
    find = ["find", str(tmp_path / "roof"), *probe(square), "--limit", "1"]
    capsys.readouterr()
    assert main(find) == 0
    assert "on other cameras than roof at " in capsys.readouterr().out.splitlines()[0]
    assert main([*find, "--calibration", str(calibration_file(model))]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert ": the most similar sighting has a similarity of " in lines[0]
    assert lines[2].startswith("but the calibration was made on other cameras than roof at ")
    assert main([*find, "--calibration", str(tmp_path / "none.json")]) == 2
    assert "there is no calibration " in capsys.readouterr().err


def test_an_exported_model_takes_its_calibration_along(
    model: Path, gallery: Path, square: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "passed_on.safetensors"
    assert main(["export", str(model), str(file)]) == 0
    capsys.readouterr()
    assert main(["find", str(gallery), "--model", str(file), *probe(square), "--limit", "1"]) == 0
    assert ": the most similar sighting has a similarity of " in capsys.readouterr().out.splitlines()[0]
    file.unlink()
    assert main(["export", str(model), str(file)]) == 2
    assert "passed_on.calibration.json exists; remove it" in capsys.readouterr().err
    assert not file.exists()
    shutil.copy(model, tmp_path / "damaged.safetensors")
    (tmp_path / "damaged.calibration.json").write_text("{", encoding="utf-8")
    words = ["export", str(tmp_path / "damaged.safetensors"), str(tmp_path / "other.safetensors"), "--half"]
    assert main(words) == 1
    assert "is damaged" in capsys.readouterr().err
    assert (tmp_path / "other.safetensors").is_file()


def test_averaged_galleries_have_thresholds_of_their_own(
    model: Path, square: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / model.name
    shutil.copy(model, own)
    shutil.copy(model.with_name("plaza.calibration.json"), tmp_path)
    words = ["index", str(square / "test.json"), "--gallery", str(tmp_path / "people"), "--model", str(own)]
    assert main([*words, "--tracklets", "--tracklet-blend", "0.4"]) == 0
    find = ["find", str(tmp_path / "people"), "--model", str(own), *probe(square), "--limit", "1"]
    capsys.readouterr()
    assert main(find) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("no verdict, ")
    assert "other searches than this one: without --tracklets" in first
    remedy = f"personsearch calibrate LABELED_DATA --model {own} --tracklets --tracklet-blend 0.4"
    assert f"`{remedy}` makes one" in first
    words = [*remedy.replace("LABELED_DATA", str(square)).split()[1:], "--json", str(tmp_path / "c.json")]
    assert main([*words, "--match-rate", "0.05", "--possible-rate", "0.25"]) == 0
    blends = [
        one["embedded_by"]["tracklet_blend"]
        for one in json.loads((tmp_path / "plaza.calibration.json").read_text())["calibrations"]
    ]
    assert blends == [None, 0.4]
    capsys.readouterr()
    assert main(find) == 0
    assert ": the most similar sighting has a similarity of " in capsys.readouterr().out.splitlines()[0]


def test_weighted_searches_have_thresholds_of_their_own(
    model: Path, gallery: Path, square: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, beside = tmp_path / model.name, tmp_path / "plaza.calibration.json"
    for file in (model, model.with_name(beside.name)):
        shutil.copy(file, tmp_path)
    find = ["find", str(gallery), "--model", str(own), *probe(square), "--limit", "3", "--class-weighted"]
    capsys.readouterr()
    assert main([*find, "--json", str(tmp_path / "a.json"), "--html", str(tmp_path / "a.html")]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("no verdict, ")
    assert "other searches than this one: without --class-weighted" in printed.splitlines()[0]
    assert f"`personsearch calibrate LABELED_DATA --model {own} --class-weighted` makes one" in printed
    assert "similarities are multiplied by the detector's confidence (--class-weighted)" in printed
    assert "similarities multiplied by the detector" in (tmp_path / "a.html").read_text(encoding="utf-8")
    answer = json.loads((tmp_path / "a.json").read_text())
    assert answer["ranking"]["class_weighted"] is True
    assert all(one["score"] == one["similarity"] <= one["detection_score"] for one in answer["sightings"])
    words = ["calibrate", str(square), "--model", str(own), "--class-weighted", "--rate-of", "pairs"]
    assert main([*words, "--report", str(tmp_path), "--json", str(tmp_path / "c.json")]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("one stage, class-weighted: ")
    assert "1 % of pairs of two people are called a match" in printed
    assert "Of all pairs of two people, at most 1 % reach the limit of a match" in (tmp_path / "report.html").read_text(
        encoding="utf-8"
    )
    (figures,) = json.loads((tmp_path / "c.json").read_text())["calibrations"]
    assert figures["ranking"]["class_weighted"] is True
    assert figures["rate_of"] == "pairs"
    stored = json.loads(beside.read_text())["calibrations"]
    assert [one["ranking"]["class_weighted"] for one in stored] == [False, True]
    assert main(find) == 0
    lines = capsys.readouterr().out.splitlines()
    assert ": the most similar sighting has a similarity of " in lines[0]
    assert lines[1].startswith(
        "Of all pairs of sightings that show two different people, 1 % are called a match and 10 %"
    )


def test_sightings_are_probes_where_nobody_wrote_queries(
    model: Path, square: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from reid.crops.sphere_reid import SphereReID, SphereReIDConfig

    shutil.copy(model, tmp_path)
    sizes = {"height": 32, "width": 16, "resize_height": 32, "resize_width": 16}
    config = SphereReIDConfig(backbone="mobilenet_v2", dimension=8, **sizes)
    SphereReID(config).save(tmp_path / "crops.safetensors")
    words = ["calibrate", str(square / "test.json"), "--model", str(tmp_path / model.name), "--probes", "sightings"]
    words += ["--second-stage", str(tmp_path / "crops.safetensors"), "--second-weight", "0.3"]
    assert main([*words, "--json", str(tmp_path / "c.json"), "--same-camera"]) == 0
    assert "joint model alone: " in capsys.readouterr().out
    content = json.loads((tmp_path / "plaza.calibration.json").read_text())["calibrations"]
    assert [one["embedded_by"]["second_stage"] is None for one in content] == [True, False]
    assert content[1]["ranking"]["second_weight"] == 0.3
    assert content[0]["data"]["same_camera"]


def test_a_calibration_is_measured_on_labeled_people(
    model: Path, square: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(model, tmp_path)
    own = model.with_name("plaza.calibration.json")
    words = ["calibrate", str(square), "--model", str(tmp_path / model.name), "--probes", "all", "--same-camera"]
    assert main([*words, "--measure", f"{own},{own}", "--json", str(tmp_path / "m.json")]) == 0
    assert not (tmp_path / own.name).exists()
    printed = capsys.readouterr().out
    assert printed.count("verdict at least  asked for  absent people  present people") == 2
    one, other = json.loads((tmp_path / "m.json").read_text())["searches"]
    assert one == other
    assert one["asked"] == {"match": 0.05, "possible": 0.25}
    for size in one["measured"]:
        assert 0 <= size["match"]["false_positive"] <= size["possible"]["false_positive"] <= 1
    # The thresholds were chosen on other probes of these same people.
    assert one["measured"][0]["match"]["false_positive"] == pytest.approx(0.05, abs=0.04)
    assert main([*words, "--measure", str(tmp_path / "none.json")]) == 2
    assert "there is no calibration " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--model", "nowhere.safetensors"], "nowhere.safetensors does not exist"),
        (["--model", "nowhere.safetensors", "--match-rate", "0.2"], "rates 0.2 and 0.1, expected 0 <"),
        (["--model", "nowhere.safetensors", "--possible-rate", "1"], "rates 0.01 and 1, expected"),
        (["--model", "nowhere.safetensors", "--probes", "queries", "--format", "mot"], "format"),
    ],
)
def test_what_cannot_work_is_one_line(
    words: list[str], line: str, square: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["calibrate", str(square), *words]) == 2
    errors = capsys.readouterr().err.strip().splitlines()
    assert line in errors[-1]
