"""Report pages: self-contained, escaped, showing what they were given."""

import dataclasses
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from asking import ask

from datasets.files import write_whole
from datasets.samples import Frame
from detection.detections import Detections
from search.gallery.description import GalleryDescription
from search.gallery.gallery import Gallery
from search.gallery.sightings import ClockZones, Sighting, display_time
from search.models.embedded_by import EmbeddedBy
from search.pages.drawing import TRACK_END, TRACK_START, plot, timeline
from search.pages.find_page import find_page
from search.pages.page import (
    Answer,
    Curve,
    Headline,
    MarkedBox,
    Picture,
    RankedRow,
    Section,
    Table,
    best_median_worst,
    report_page,
)

VOID = {"meta", "img", "br", "link", "input", "hr"}
NASTY = "<script>alert('x')</script> & \"quoted\""


class Page(HTMLParser):
    """Parses a page; every element must be closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def read(path: Path) -> tuple[str, Page]:
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert not re.search(r"https?://|//[a-z]|@import|url\(", re.sub(r"base64,[A-Za-z0-9+/=]+", "", text))
    assert page.tags["script"] == page.tags["link"] == page.tags["iframe"] == 0
    for tag, name, value in page.attributes:
        if name in ("src", "href"):
            assert (value or "").startswith(("data:image/jpeg;base64,", "#")), (tag, name, value)
    return text, page


def picture(color: tuple[int, int, int] = (90, 120, 160)) -> np.ndarray:
    return np.full((90, 160, 3), color, dtype=np.uint8)


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    """Three cameras, 12 frames of two people; image files for camera c0 only."""
    gallery = Gallery.create(tmp_path / "people", GalleryDescription(4, EmbeddedBy("x")))
    embeddings = np.random.default_rng(0).standard_normal((24, 4)).astype(np.float32)
    for number in range(12):
        frame = Frame(f"{number}.jpg", picture(), ["c0", "c1", NASTY][number % 3], 1.7142e9 + 600 * number)
        location = None
        if number % 3 == 0:
            location = str(tmp_path / frame.name)
            cv2.imwrite(location, frame.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])
        boxes = torch.tensor([[10.0, 10, 30, 60], [50, 20, 75, 80]])
        rows = torch.from_numpy(embeddings[2 * number : 2 * number + 2])
        gallery.add(frame, Detections(boxes, torch.ones(2), rows), source="square", location=location)
    gallery.flush()
    return gallery


def test_find_page(gallery: Gallery, tmp_path: Path) -> None:
    results = ask(gallery, np.ones(4), limit=20)
    path = tmp_path / "new" / "find.html"
    write_whole(path, find_page(results, gallery, picture()[:60, :30], title=NASTY, note="camera " + NASTY))
    text, page = read(path)
    assert page.tags["article"] == 20
    assert page.tags["img"] == 21  # the probe, and a cut-out for each sighting
    assert page.tags["circle"] == 20
    assert page.tags["image"] == sum(one.camera == "c0" for one in results)  # frames in context
    assert page.tags["rect"] == page.tags["image"]
    assert NASTY not in text
    assert page.text.count(NASTY) >= 3
    assert "20 of 24 compared" in page.text
    anchors = {value for tag, name, value in page.attributes if tag == "article" and name == "id"}
    links = {value for tag, name, value in page.attributes if tag == "a" and name == "href"}
    assert {f"#{anchor}" for anchor in anchors} == links
    assert f"{results[0].score:.3f}" in page.text
    times = sorted(one.timestamp for one in results if one.timestamp is not None)
    assert f"earliest of them {display_time(times[0])} latest of them {display_time(times[-1])}" in page.text


def test_the_bars_part_similarities_that_lie_close_together(gallery: Gallery, tmp_path: Path) -> None:
    results = ask(gallery, np.ones(4), limit=20)
    near = dataclasses.replace(
        results, sightings=tuple(dataclasses.replace(one, score=0.99 - 0.001 * row) for row, one in enumerate(results))
    )
    write_whole(tmp_path / "find.html", find_page(near, gallery, picture()))
    widths = [float(width) for width in re.findall(r"<i style=\"width: ([0-9.]+)%", read(tmp_path / "find.html")[0])]
    assert widths[0] == 100
    assert widths[-1] == pytest.approx(6)
    assert np.diff(widths) == pytest.approx(-94 / 19, abs=0.11)
    alike = dataclasses.replace(near, sightings=tuple(dataclasses.replace(one, score=0.5) for one in near))
    write_whole(tmp_path / "find.html", find_page(alike, gallery, picture()))
    assert read(tmp_path / "find.html")[0].count("width: 100.0%") == 20


def test_the_earliest_and_the_latest_time_are_in_the_zones_of_their_cameras(gallery: Gallery, tmp_path: Path) -> None:
    results = ask(gallery, np.ones(4), limit=24)
    timed = sorted((one.timestamp, one.camera) for one in results if one.timestamp is not None)
    (first, first_camera), (last, last_camera) = timed[0], timed[-1]
    assert first_camera != last_camera
    zones = ClockZones(of_cameras=((str(first_camera), "Europe/Berlin"), (str(last_camera), "Asia/Tokyo")))
    path = tmp_path / "find.html"
    write_whole(path, find_page(dataclasses.replace(results, zones=zones), gallery, picture()))
    _, page = read(path)
    ends = zones.display(first, first_camera), zones.display(last, last_camera)
    assert f"earliest of them {ends[0]} latest of them {ends[1]}" in page.text


def test_find_page_limits_frames_in_context(gallery: Gallery, tmp_path: Path) -> None:
    results = ask(gallery, np.ones(4))
    path = tmp_path / "find.html"
    reads: list[str] = []

    def frame(sighting: Sighting) -> np.ndarray:
        reads.append(sighting.frame)
        return picture()

    probe = Picture(picture(), "the probe's frame", [MarkedBox([10, 10, 30, 60])])
    write_whole(
        path, find_page(results, gallery, [picture()] * 2, probe_frame=probe, frames_in_context=6, read_frame=frame)
    )
    _, page = read(path)
    assert page.tags["image"] == 7
    assert len(reads) == len(set(reads)) <= 6


def test_find_page_of_nobody(tmp_path: Path) -> None:
    gallery = Gallery.create(tmp_path / "empty", GalleryDescription(4, EmbeddedBy("x")))
    write_whole(tmp_path / "find.html", find_page(ask(gallery, np.ones(4)), gallery, picture()))
    _, page = read(tmp_path / "find.html")
    assert page.tags["article"] == page.tags["circle"] == 0
    assert "0 of 0 compared" in page.text


def test_a_page_replaces_the_old_one_whole(gallery: Gallery, tmp_path: Path) -> None:
    path = tmp_path / "find.html"
    path.write_text("old")
    with pytest.raises(ValueError, match="at least one pixel"):
        write_whole(
            path,
            report_page(
                title="t",
                introduction="",
                sections=[Section("s", pictures=[Picture(np.zeros((0, 4, 3), np.uint8), "")])],
            ),
        )
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir() if "find" in file.name] == ["find.html"]


def test_demo_page(tmp_path: Path) -> None:
    jpeg = cv2.imencode(".jpg", picture())[1].tobytes()
    answers = [Answer(picture(), "c1 0.8", "right"), Answer(jpeg, NASTY, "wrong"), Answer(None, "lost")]
    sections = [
        Section(
            "Figures",
            "of the unseen world",
            tables=[
                Table("Search", ["", "mAP"], [["model", "0.52"], [NASTY, "0.03"]], note="by a command", highlight=0)
            ],
            curves=[Curve("Loss", {"detection": [(0, 2.0), (1, 1.0)], NASTY: [(0, 1.0)]}, "step"), Curve("None", {})],
        ),
        Section(
            "Pictures",
            pictures=[Picture(picture(), NASTY, [MarkedBox([5, 5, 40, 60], NASTY, "right"), MarkedBox([1, 1, 9, 9])])],
            rankings=[RankedRow("Best query", picture(), answers, "note")],
            commands=["personsearch find people --crop probe.jpg > out", NASTY],
        ),
    ]
    path = tmp_path / "report.html"
    write_whole(
        path,
        report_page(
            title="Demo", introduction=NASTY, headlines=[Headline("0.93", "AP", "recall 0.95")], sections=sections
        ),
    )
    text, page = read(path)
    assert NASTY not in text
    assert page.tags["table"] == 1
    assert page.tags["polyline"] == 2
    assert page.tags["rect"] == 2
    assert page.tags["image"] == 1
    assert page.tags["img"] == 3
    assert "nothing recorded" in page.text
    assert "✓" in page.text
    assert "✗" in page.text
    assert "0.93" in page.text
    assert page.text.count(NASTY) == 7


def test_best_median_worst() -> None:
    assert best_median_worst([0.2, 0.9, 0.5, float("nan"), 0.1, 0.4]) == (1, 5, 4)
    assert best_median_worst([0.5]) == (0,)
    assert best_median_worst([0.5, 0.5]) == (0, 1)
    assert best_median_worst([]) == ()


def test_timeline_places_times_in_order(gallery: Gallery) -> None:
    results = ask(gallery, np.ones(4), limit=100)
    drawn = timeline(results, ["c0", "c1", "c9"])
    assert drawn is not None
    assert [lane.name for lane in drawn.lanes] == sorted([NASTY, "c0", "c1", "c9"])
    dots = [dot for lane in drawn.lanes for dot in lane.dots]
    assert len(dots) == 24
    times = [results[dot.rank - 1].timestamp for dot in dots]
    assert np.argsort(times, kind="stable").tolist() == np.argsort([dot.place for dot in dots], kind="stable").tolist()
    assert min(dot.place for dot in dots) == TRACK_START
    assert max(dot.place for dot in dots) == pytest.approx(TRACK_END)
    assert 2 <= len(drawn.ticks) <= 5
    assert all(TRACK_START <= tick.place <= TRACK_END for tick in drawn.ticks)
    assert drawn.missing == 0
    assert drawn.days == "2024-04-27 UTC"


def at(gallery: Gallery, times: list[float | None]) -> list[Sighting]:
    """Sightings at these times."""
    found = ask(gallery, np.ones(4), limit=len(times))
    return [dataclasses.replace(one, timestamp=time) for one, time in zip(found, times, strict=True)]


@pytest.mark.parametrize("span", [0.0, 0.3, 5.0, 90.0, 4000.0, 9e4, 3e6, 4e8])
def test_timeline_of_any_length(gallery: Gallery, span: float) -> None:
    for start in (0.0, 1.7e9):
        drawn = timeline(at(gallery, [start, start + span / 3, start + min(span, 9e7)]))
        assert drawn is not None
        assert 1 <= len(drawn.ticks) <= 5
        assert len({tick.text for tick in drawn.ticks}) == len(drawn.ticks)
        assert all(0 <= tick.place <= 100 for tick in drawn.ticks)


def test_timeline_of_two_clocks_and_none(gallery: Gallery) -> None:
    drawn = timeline(at(gallery, [5.0, 6.0, 1.7e9, None]))
    assert drawn is not None
    assert (drawn.missing, drawn.days) == (2, "")
    assert timeline(at(gallery, [None, None])) is None
    assert timeline([]) is None


def test_plot() -> None:
    assert plot({}) is None
    assert plot({"a": [], "b": [(0, float("nan"))]}) is None
    flat = plot({"one point": [(3, 0.0)]})
    assert flat is not None
    assert len(flat.series[0].points.split()) == 1
    curve = plot({"long": [(step, 1 / (step + 1)) for step in range(5000)], "negative": [(0, -1.0), (4999, 1.0)]})
    assert curve is not None
    assert len(curve.series[0].points.split()) == 300
    heights = [tick.place for tick in curve.y_ticks]
    assert heights == sorted(heights, reverse=True)
    assert [tick.text for tick in curve.y_ticks] == ["-1", "-0.5", "0", "0.5", "1"]
    x, y = map(float, curve.series[1].points.split()[0].split(","))
    assert (x, y) == (48.0, 208.0)
