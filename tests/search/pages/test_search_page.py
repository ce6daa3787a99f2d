"""The page of a search evaluation: who was found, as the protocol judges, and links to whole frames."""

import re
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from datasets.samples import FrameSample, Query
from detection.detections import Detections
from search.evaluation.protocols import evaluate_search
from search.pages.search_page import ANSWERS, JudgedSearch, search_page, who_was_found

BOX = np.array([10, 10, 30, 60], dtype=np.float32)


def judged(folder: Path) -> JudgedSearch:
    """Four frames with two detections each; person 0 stands at BOX in the first three, the fourth cannot be read."""
    samples, found = {}, {}
    gallery = []
    for number in range(4):
        name = f"f{number}.png"
        Image.fromarray(np.full((80, 100, 3), 60 * number, dtype=np.uint8)).save(folder / name)
        samples[name] = FrameSample(name, folder / name, boxes=BOX[None], person_ids=np.array([0]), camera=number)
        boxes = torch.tensor(np.stack([BOX, BOX + 40]))
        embeddings = torch.nn.functional.normalize(torch.tensor([[1.0, 0.1 * number], [0.5, 1.0]]), dim=1)
        found[name] = Detections(boxes, torch.tensor([0.9, 0.8]), embeddings)
        gallery.append((name, BOX if number < 3 else None))
    (folder / "f3.png").unlink()
    queries = [Query(0, gallery[1:], "f0.png", BOX, camera=0)]
    probes = torch.tensor([[1.0, 0.0]])
    metrics = evaluate_search(found, queries, probes)
    return JudgedSearch("other cameras", samples, queries, probes, found, metrics, 0.5)


def test_answers_are_ranked_and_judged_as_the_protocol_does(tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []

    def link(name: str, box: object, status: str) -> str:
        asked.append((name, status))
        return f"frames/{name}"

    row = who_was_found(judged(tmp_path), 0, "best", link)
    assert [answer.status for answer in row.answers] == ["right", "right", "wrong", "wrong", "wrong", "wrong"]
    assert [answer.link for answer in row.answers][:2] == ["frames/f1.png", "frames/f2.png"]
    assert row.answers[0].caption.startswith("camera 1, 1.00")
    assert (row.link, asked[-1]) == ("frames/f0.png", ("f0.png", "plain"))
    assert row.title == "Best of 1: AP 1.00"
    assert len(row.answers) <= ANSWERS


def test_the_page_links_every_picture_that_has_a_frame(tmp_path: Path) -> None:
    one = judged(tmp_path)
    rows = [["other cameras", 1, 1.0, 1.0, 1.0, 1.0], ["random <b>", 1, 0.5, 0.5, 0.5, 0.5]]
    text = search_page("Search on square", rows, one, lambda name, *_: "" if name == "f2.png" else f"frames/{name}")
    assert len(re.findall(r'<a class="frame" href="frames/f\d\.png"', text)) == 1 + 4
    assert "random &lt;b&gt;" in text
    assert text.count("<a ") == text.count("</a>")
