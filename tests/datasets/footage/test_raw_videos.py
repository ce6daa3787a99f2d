"""Videos without a container, which hold no times: the rate that their frames tell, that nobody tells, that is told."""

import re
from pathlib import Path

import av
import numpy as np
import pytest

from datasets.footage.cameras_file import read_cameras
from datasets.footage.names import moment_named
from datasets.footage.planning import planned
from datasets.footage.reading import Reading
from datasets.footage.sources import frames_from_source
from datasets.footage.videos import frame_at, video_rate

CODECS = {"h264": "libx264", "hevc": "libx265", "m4v": "mpeg4", "mjpeg": "mjpeg"}
TELLING = ["h264", "hevc", "m4v"]
"""Whose frames tell how many there are in a second."""


def raw_video(path: Path, count: int = 36, rate: int = 2) -> Path:
    """So many frames, each of another gray."""
    form = path.suffix.removeprefix(".")
    if CODECS[form] not in av.codecs_available:
        pytest.skip(f"this PyAV has no encoder {CODECS[form]}")
    options = {"h264": {"profile": "baseline"}, "hevc": {"x265-params": "log-level=none"}}.get(form, {})
    with av.open(str(path), "w", format=form) as out:
        video = out.add_stream(CODECS[form], rate=rate, options=options)
        video.width, video.height = 64, 48
        video.pix_fmt = "yuvj420p" if form == "mjpeg" else "yuv420p"
        for number in range(count):
            picture = np.full((48, 64, 3), 40 + 5 * number, np.uint8)
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        out.mux(video.encode())
    return path


def without_rate(stream: bytes) -> bytes:
    """An H.264 stream of the baseline profile whose parameter sets end before the part that tells the rate."""

    def shortened(found: re.Match[bytes]) -> bytes:
        content = found[0][1:].replace(b"\0\0\3", b"\0\0")
        bits, at = "".join(f"{one:08b}" for one in content), 24
        assert content[0] == 66

        def skip_number() -> int:
            nonlocal at
            zeros = bits.index("1", at) - at
            at += 2 * zeros + 1
            return int(bits[at - zeros - 1 : at], 2) - 1

        skip_number(), skip_number()
        assert skip_number() == 2  # frames are shown in the order in which they are stored
        skip_number()
        at += 1
        skip_number(), skip_number()
        at += 3
        for _ in range(4 if bits[at - 1] == "1" else 0):
            skip_number()
        assert bits[at] == "1"  # what follows tells the rate
        kept = bits[:at] + "01"
        kept += "0" * (-len(kept) % 8)
        return found[0][:1] + int(kept, 2).to_bytes(len(kept) // 8, "big")

    return re.sub(rb"(?s)(?<=\x00\x00\x01)\x67.*?(?=\x00\x00\x00?\x01)", shortened, stream)


def read(path: Path, **options: float) -> tuple[list[str], list[float | None], list[str]]:
    notes: list[str] = []
    frames = list(frames_from_source(path, reading=Reading(**options), notes=notes))  # type: ignore[arg-type]
    return [one.name for one in frames], [one.timestamp for one in frames], notes


@pytest.mark.parametrize("form", TELLING)
def test_the_rate_that_the_frames_tell_is_taken(tmp_path: Path, form: str) -> None:
    path = raw_video(tmp_path / f"raw.{form}")
    names, times, notes = read(path)
    assert len(names) == 18
    assert times == [float(second) for second in range(18)]
    assert names[3] == f"raw.{form}#t=000003.000"
    assert not any("--recorded-rate" in note for note in notes)
    assert video_rate(path) == 2


@pytest.mark.parametrize("form", ["h264", "mjpeg"])
def test_a_rate_that_nobody_tells_is_assumed_and_said(tmp_path: Path, form: str) -> None:
    path = raw_video(tmp_path / f"raw.{form}")
    if form == "h264":
        path.write_bytes(without_rate(path.read_bytes()))
    names, _, notes = read(path)
    assert len(names) == 2  # of 36 at 25 a second
    (line,) = [note for note in notes if "recorded" in note]
    assert line == (
        f"raw.{form} holds no times, and nothing that says how many frames a second were recorded: 25 are assumed; "
        "--recorded-rate (recorded_rate in a cameras file) says another"
    )
    names, times, notes = read(path, recorded_rate=2)
    assert times == pytest.approx(list(range(18)))
    assert names[3] == f"raw.{form}#t=000003.000@2fps"
    assert not any("recorded" in note for note in notes)


@pytest.mark.parametrize("form", CODECS)
def test_a_told_rate_wins_and_frames_are_found_again_by_their_names(tmp_path: Path, form: str) -> None:
    path = raw_video(tmp_path / f"raw.{form}")
    for rate in (None, 4.0, 29.97003):
        notes: list[str] = []
        reading = Reading(every_seconds=0, recorded_rate=rate)
        frames = list(frames_from_source(path, reading=reading, notes=notes))
        assert len(frames) == 36
        step = 1 / (rate or video_rate(path))
        assert [one.timestamp for one in frames] == pytest.approx([number * step for number in range(36)], abs=1e-4)
        for frame in frames[::7]:
            again = frame_at(path, *moment_named(frame.name.partition("#t=")[2]))
            assert again is not None
            assert abs(again.astype(int) - frame.image).max() <= 2


def test_a_told_rate_changes_nothing_where_the_file_holds_times(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    with av.open(str(path), "w") as out:
        video = out.add_stream("mpeg4", rate=10)
        video.width, video.height = 64, 48
        for number in range(30):
            out.mux(video.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), number, np.uint8), "rgb24")))
        out.mux(video.encode())
    names, _, _ = read(path)
    told, _, notes = read(path, recorded_rate=2)
    assert told == names
    assert "no file here holds frames without times, so --recorded-rate 2 changed nothing" in notes


def test_a_cameras_file_tells_the_rate(tmp_path: Path) -> None:
    raw_video(tmp_path / "gate.mjpeg")
    file = tmp_path / "cameras.yaml"
    file.write_text("cameras:\n  - {id: gate, source: gate.mjpeg, recorded_rate: 2}\n")
    ((one,), _) = planned([], Reading(recorded_rate=10), read_cameras(file))
    frames = list(frames_from_source(one.source, reading=one.reading))
    assert len(frames) == 18
    file.write_text("cameras:\n  - {id: gate, source: gate.mjpeg, recorded_rate: 0}\n")
    with pytest.raises(ValueError, match=r"recorded_rate: 0, expected how many frames a second .* from 0\.02 to 1000"):
        read_cameras(file)
    with pytest.raises(ValueError, match="recorded_rate is 0, expected"):
        Reading(recorded_rate=0)


@pytest.mark.parametrize("text", ["", "x", "1@2", "1@fps", "1@2.3.4fps"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"moment|float"):
        moment_named(text)
