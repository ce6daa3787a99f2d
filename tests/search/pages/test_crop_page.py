"""The page of a crop evaluation: what it shows of figures, rankings and thresholds, also where there is little."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from datasets.files import write_whole
from datasets.samples import CropSample
from reid.crops.sphere_reid import SphereReID, SphereReIDConfig
from reid.crops.splits import CropEmbeddings, embed_crops
from reid.ranking.protocols import CropTask, evaluate_crops
from search.pages.crop_page import CropReport, crop_page, figures_row, operating_points

NASTY = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def model() -> SphereReID:
    torch.manual_seed(0)
    config = SphereReIDConfig(
        network="A", backbone="mobilenet_v2", height=32, width=16, resize_height=32, resize_width=16
    )
    return SphereReID(config).eval()


def crops(folder: Path, people: list[int], cameras: list[str | None]) -> list[CropSample]:
    rng = np.random.default_rng(len(people))
    samples = []
    for number, (person, camera) in enumerate(zip(people, cameras, strict=True)):
        path = folder / f"{len(people)}_{number}.png"
        color = np.random.default_rng(person).integers(0, 256, 3)
        cv2.imwrite(str(path), np.clip(rng.normal(color, 30, (40, 20, 3)), 0, 255).astype(np.uint8))
        samples.append(CropSample(path, person, camera))
    return samples


def report(model: SphereReID, query: CropEmbeddings, gallery: CropEmbeddings) -> CropReport:
    task = CropTask.of(query.samples, gallery.samples)
    evaluation = evaluate_crops(task, query.embeddings, gallery.embeddings)
    facts = {"Model": {"file": NASTY}}
    return CropReport(NASTY, evaluation, [], query, gallery, model, facts, ["personsearch evaluate crop"], failures=2)


def test_the_page_shows_what_was_measured(model: SphereReID, tmp_path: Path) -> None:
    query = embed_crops(model, crops(tmp_path, [1, 2, 3, 9], ["a", "a", NASTY, "a"]))
    gallery = embed_crops(model, crops(tmp_path, [1, 2, 3, 1, 2, 4, 1], ["b", "b", "b", "a", "c", "c", "b"]))
    shown = report(model, query, gallery)
    write_whole(tmp_path / "new" / "page.html", crop_page(shown))
    text = (tmp_path / "new" / "page.html").read_text(encoding="utf-8")
    assert NASTY not in text
    assert "&lt;script&gt;" in text
    assert not re.search(r'src="(?!data:image/jpeg;base64,)', text)
    metrics = shown.evaluation.results[0].metrics
    assert f"{metrics.mean_ap:.4f}" in text
    assert "1 queries have none and are not counted" in text
    assert "2 crops could not be read" in text
    best = int(np.nanargmax(metrics.average_precisions))
    ranking = text.split("Best of 3")[1].split("Median of 3")[0]
    order, _ = shown.evaluation.task.nearest(best, query.embeddings, gallery.embeddings)
    right = shown.evaluation.task.gallery_ids[order] == query.samples[best].person_id
    assert re.findall(r'<figure class="(right|wrong)">', ranking) == ["right" if one else "wrong" for one in right]
    assert f"first right answer at rank {metrics.first_ranks[best]}, {right.sum()} in the gallery" in ranking


def test_one_query_and_one_person(model: SphereReID, tmp_path: Path) -> None:
    """No stranger, so no threshold; one query, so no median; a picture that is gone is grey."""
    query = embed_crops(model, crops(tmp_path, [1], [None]))
    gallery = embed_crops(model, crops(tmp_path, [1, 1], [None, None]))
    shown = report(model, query, gallery)
    assert operating_points(shown.evaluation) == {}
    gallery.samples[0].path.unlink()
    write_whole(tmp_path / "page.html", crop_page(shown))
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Best of 1" in text
    assert "Median of" not in text
    assert "Thresholds" not in text
    assert "No camera is known" in text


def test_figures_row_is_what_the_columns_say(model: SphereReID, tmp_path: Path) -> None:
    query = embed_crops(model, crops(tmp_path, [1, 2, 3], ["a", "a", "a"]))
    gallery = embed_crops(model, crops(tmp_path, [1, 2, 3, 4], ["b", "b", "b", "b"]))
    result = report(model, query, gallery).evaluation.results[0]
    metrics = result.metrics
    assert figures_row(result) == [metrics.mean_ap, metrics.mean_inp, *metrics.cmc[[0, 4, 9, 19]]]
