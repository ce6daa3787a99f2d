"""Large protocol files are read a record at a time, as SciPy reads them whole; what is unusual is left to SciPy."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from datasets.layouts import cuhk_sysu
from datasets.matlab.located import NamesAndBoxes
from datasets.matlab.stream import Element, StructHeader, UnusualFileError, records
from datasets.samples import Query

FRAMES = tuple(f"s{number}.jpg" for number in range(1, 41))
KINDS = (np.uint8, np.uint16, np.int16, np.int32, np.float64)
NOTHING = np.zeros((1, 0))


def structs(rows: list[tuple[Any, ...]], names: list[str]) -> np.ndarray:
    """A MATLAB struct array 1 x N."""
    array = np.empty((1, len(rows)), dtype=[(name, "O") for name in names])
    for index, row in enumerate(rows):
        array[0, index] = row
    return array


def write(path: Path, change: Callable[[list[Any]], None] = lambda rows: None, **options: bool) -> Path:
    """A protocol of twelve queries whose boxes are of every type, 14 and 5 (the numbers of tags) among their sides."""
    random = np.random.default_rng(3)
    rows = []
    for number in range(12):
        gallery = []
        for row in random.choice(len(FRAMES), 20):  # a frame may come twice
            kind = KINDS[random.integers(len(KINDS))]
            box = np.array([random.choice([0, 5, 14, 200 if kind != np.uint8 else 99], 4)], dtype=kind)
            gallery.append((FRAMES[row], box if random.random() < 0.4 else NOTHING, [NOTHING, 1][row % 2]))
        asked = (FRAMES[number], np.array([[250, 14, 0, 14]], dtype=np.uint8), 0, f"p{number}")
        rows.append([[asked], gallery])
    change(rows)
    content = [
        (structs(asked, ["imname", "idlocate", "ishard", "idname"]), structs(gallery, ["imname", "idlocate", "ishard"]))
        for asked, gallery in rows
    ]
    savemat(path, {"TestG500": structs(content, ["Query", "Gallery"])}, **options)
    return path


def by_scipy(path: Path) -> list[Query]:
    from datasets.layouts.scan import read_variable

    rows = {name: row for row, name in enumerate(FRAMES)}
    found = read_variable(path, ["TestG500"]).ravel()
    return [cuhk_sysu._query(number, record, FRAMES, rows) for number, record in enumerate(found)]


@pytest.mark.parametrize("compressed", [False, True])
def test_equals_what_scipy_reads(tmp_path: Path, compressed: bool) -> None:
    path = write(tmp_path / "large.mat", do_compression=compressed)
    streamed = cuhk_sysu.streamed_queries(path, "TestG500", FRAMES)
    assert streamed is not None
    for one, other in zip(streamed, by_scipy(path), strict=True):
        assert (one.person_id, one.frame) == (other.person_id, other.frame)
        assert one.box is not None
        assert other.box is not None
        assert one.box.tolist() == other.box.tolist()
        assert len(one.gallery) == 20
        for (name, box), (same, again) in zip(one.gallery, other.gallery, strict=True):
            assert name == same
            assert (box is None) == (again is None)
            if box is not None and again is not None:
                assert (box.dtype, box.tolist()) == (np.float32, again.tolist())


def test_small_and_large_files_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tools.bench.peers.protocol_file import write_protocol

    root = tmp_path / "made"
    write_protocol(root, 3, 500, 600, seed=1)
    streamed, problems = cuhk_sysu.scan_queries(root, 500)
    assert not problems
    monkeypatch.setattr(cuhk_sysu, "LARGE_FILE", 2**40)
    monkeypatch.setattr(cuhk_sysu, "streamed_queries", None)
    whole, _ = cuhk_sysu.scan_queries(root, 500)
    for one, other in zip(streamed, whole, strict=True):
        assert one.gallery.members.tolist() == other.gallery.members.tolist()  # type: ignore[attr-defined]
        assert one.gallery.true_boxes.keys() == other.gallery.true_boxes.keys() != set()  # type: ignore[attr-defined]


def nowhere(rows: list[Any]) -> None:
    rows[5][1][3] = ("elsewhere.jpg", NOTHING, 0)


def no_box(rows: list[Any]) -> None:
    rows[2][0][0] = (FRAMES[0], NOTHING, 0, "p")


def half_a_pixel(rows: list[Any]) -> None:
    rows[0][1][0] = (FRAMES[0], np.array([[1.5, 2, 3, 4]]), 0)


def three_numbers(rows: list[Any]) -> None:
    rows[0][1][0] = (FRAMES[0], np.array([[1, 2, 3]]), 0)


def not_ascii(rows: list[Any]) -> None:
    rows[4][1][0] = ("s\u00e9.jpg", NOTHING, 0)


def no_name(rows: list[Any]) -> None:
    rows[1][1][19] = (NOTHING, NOTHING, 0)


@pytest.mark.parametrize("change", [nowhere, no_box, half_a_pixel, three_numbers, not_ascii, no_name])
@pytest.mark.parametrize("compressed", [False, True])
def test_what_is_broken_is_left_to_scipy(tmp_path: Path, change: Callable[[list[Any]], None], compressed: bool) -> None:
    path = write(tmp_path / "broken.mat", change, do_compression=compressed)
    assert cuhk_sysu.streamed_queries(path, "TestG500", FRAMES) is None


def test_another_variable_and_a_file_that_is_cut_are_left_to_scipy(tmp_path: Path) -> None:
    path = write(tmp_path / "whole.mat", do_compression=True)
    assert cuhk_sysu.streamed_queries(path, "TestG4000", FRAMES) is None
    content = path.read_bytes()
    for length in (0, 100, 130, 140, 200, len(content) // 2, len(content) - 5):
        (tmp_path / "cut.mat").write_bytes(content[:length])
        assert cuhk_sysu.streamed_queries(tmp_path / "cut.mat", "TestG500", FRAMES) is None
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 0xFF
    (tmp_path / "damaged.mat").write_bytes(damaged)
    assert cuhk_sysu.streamed_queries(tmp_path / "damaged.mat", "TestG500", FRAMES) is None


def test_every_byte_may_change_without_a_traceback(tmp_path: Path) -> None:
    """Whatever a damaged file holds: it is left to SciPy, or its numbers are others."""
    content = write(tmp_path / "plain.mat").read_bytes()
    for place in range(128, 6000, 47):
        damaged = bytearray(content)
        damaged[place] ^= 0x5A
        (tmp_path / "damaged.mat").write_bytes(damaged)
        read = cuhk_sysu.streamed_queries(tmp_path / "damaged.mat", "TestG500", FRAMES)
        assert read is None or len(read) == 12


def test_tags_are_read_small_and_whole() -> None:
    assert Element.at(struct.pack("<HH", 1, 3) + b"abc\0", 0) == (1, 4, 3, 8)
    assert Element.at(b"\0" * 8 + struct.pack("<II", 4, 12) + b"x" * 16, 8) == (4, 16, 12, 32)


def test_records_name_their_header(tmp_path: Path) -> None:
    path = write(tmp_path / "whole.mat")
    queries = [StructHeader.of(query) for query, _ in records(path, "TestG500", ("Query", "Gallery"))]
    assert len(queries) == 12
    assert queries[0][:3] == ("", 1, ("imname", "idlocate", "ishard", "idname"))
    galleries = [NamesAndBoxes(FRAMES)(gallery) for (gallery,) in records(path, "TestG500", ("Gallery",))]
    assert all(len(one.rows) == 20 for one in galleries)


def test_names_that_cannot_be_looked_up_are_refused() -> None:
    with pytest.raises(UnusualFileError, match="not ASCII"):
        NamesAndBoxes(["s\u00e9.jpg"])
    with pytest.raises(UnusualFileError, match="told apart"):
        NamesAndBoxes(["s1.jpg", "s1.jpg"])
