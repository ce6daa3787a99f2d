"""What takes minutes to an hour: the figures that the project promises, on real frames and on an unseen square.

`make check` runs these; `make test` does not.
"""

import json
from pathlib import Path

import pytest

from tools.main import main

pytestmark = pytest.mark.slow


def figures(words: list[str], file: Path) -> dict:
    assert main([*words, "--json", str(file)]) == 0
    return json.loads(file.read_text(encoding="utf-8"))


def test_real_people_are_detected_by_a_model_trained_from_nothing(shared: Path, tmp_path: Path) -> None:
    data = str(shared / "data" / "prw_c6")
    run = str(tmp_path / "run")
    figures(["train", "joint", data, "--config", "small", "--output", run], tmp_path / "train.json")
    found = figures(["evaluate", "detection", data, "--model", run], tmp_path / "detection.json")
    assert found["ap"] >= 0.90
    words = ["evaluate", "search", data, "--model", run, "--unlabelled", "ignore"]
    plain, chance = figures(words, tmp_path / "search.json")["rows"]
    assert plain["metrics"]["mean_ap"] > 3 * chance["metrics"]["mean_ap"]


def test_the_demo_keeps_its_promises_on_a_square_it_has_never_seen(tmp_path: Path) -> None:
    shown = figures(["demo", "--output", str(tmp_path / "report")], tmp_path / "demo.json")
    assert shown["ap"] >= 0.90
    assert shown["search"]["mean_ap"] >= 0.40
    assert shown["random_ranking"]["mean_ap"] < 0.05


def test_a_real_video_becomes_a_gallery(shared: Path, repository: Path, tmp_path: Path) -> None:
    video = shared / "data" / "video" / "one-by-one-person-detection.mp4"
    model = str(repository / "detection" / "weights" / "plaza.safetensors")
    words = ["index", str(video), "--gallery", str(tmp_path / "people"), "--model", model]
    indexed = figures(words, tmp_path / "index.json")
    assert indexed["run"]["frames"] == 140
    again = figures(words, tmp_path / "again.json")
    assert again["run"]["frames"] == 0
    assert again["run"]["skipped"] == 140


def test_crops_of_market_are_told_apart_by_a_model_trained_from_nothing(shared: Path, tmp_path: Path) -> None:
    data = str(shared / "data" / "Market-1501-v15.09.15")
    run = str(tmp_path / "run")
    figures(["train", "crop", data, "--config", "crop_small", "--output", run], tmp_path / "train.json")
    rows = figures(["evaluate", "crop", run, data], tmp_path / "crop.json")["rows"]
    market = next(row for row in rows if row["protocol"] == "market1501")
    assert market["cmc"][0] >= 0.75
    assert market["mean_ap"] >= 0.52


def test_metrics_and_reranking_at_the_size_of_market_take_seconds(tmp_path: Path) -> None:
    shown = figures(["bench", "evaluation"], tmp_path / "bench.json")
    rerank = next(row for row in shown["rows"] if row["name"] == "rerank")
    assert rerank["peak_mb"] < 2500
    assert shown["plain_over_ours"] > 1
