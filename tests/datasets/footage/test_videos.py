"""Videos as they come: pieces of one recording, gaps in time, sound that is longer, files that are truly damaged."""

import os
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from datasets.footage.containers import examine
from datasets.footage.reading import Reading
from datasets.footage.sources import SourceError, frames_from_source

Failures = list[tuple[str, str]]


def make_video(
    path: Path, times: list[float], *, codec: str = "mpeg4", sound_seconds: float = 0.0, gop: int = 5, begins: int = 0
) -> Path:
    """A video with one frame at each of the times (rate 10 where they are regular), and silence of its own length."""
    path.parent.mkdir(parents=True, exist_ok=True)
    form = {".h264": "h264", ".mjpeg": "mjpeg"}.get(path.suffix)
    with av.open(str(path), "w", format=form) as out:
        video = out.add_stream(codec, rate=10, options={"g": str(gop)})
        video.width, video.height = 64, 48
        video.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        if codec == "mpeg4":
            video.codec_context.time_base = Fraction(1, 100)
        base = video.codec_context.time_base
        sound = out.add_stream("aac", rate=8000) if sound_seconds else None
        for number, moment in enumerate(times):
            picture = np.full((48, 64, 3), 40 * (number + begins) % 240, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = round(moment / base), base
            out.mux(video.encode(frame))
        out.mux(video.encode())
        if sound is not None:
            for start in range(0, int(8000 * sound_seconds), 1024):
                silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
                silence.sample_rate, silence.pts = 8000, start
                out.mux(sound.encode(silence))
            out.mux(sound.encode())
    return path


def regular(count: int) -> list[float]:
    return [number / 10 for number in range(count)]


def read(path: Path, every_seconds: float = 0) -> tuple[list[str], Failures]:
    failures: Failures = []
    return [frame.name for frame in frames_from_source(path, every_seconds=every_seconds, failures=failures)], failures


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "mov", "avi"])
def test_a_gap_in_time_is_no_damage(tmp_path: Path, suffix: str) -> None:
    times = [*regular(18), *(20 + moment for moment in regular(18))]
    path = make_video(tmp_path / f"gap.{suffix}", times)
    names, failures = read(path)
    assert failures == []
    if suffix != "avi":  # AVI fills gaps with empty frames
        assert len(names) == 36
        assert names[18] == f"gap.{suffix}#t=000020.000"


@pytest.mark.parametrize("suffix", ["mkv", "ts", "mp4"])
def test_sound_that_is_longer_is_no_damage(tmp_path: Path, suffix: str) -> None:
    path = make_video(tmp_path / f"long.{suffix}", regular(40), sound_seconds=6.0)
    names, failures = read(path)
    assert (len(names), failures) == (40, [])


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_a_video_that_is_cut_off_is_damaged(tmp_path: Path, suffix: str) -> None:
    options = {"movflags": "faststart"}
    whole = make_video(tmp_path / f"whole.{suffix}", regular(100), gop=1)
    if suffix == "mp4":  # the index in front, as cameras write it
        with av.open(str(whole)) as source, av.open(str(tmp_path / "fast.mp4"), "w", options=options) as out:
            stream = out.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    out.mux(packet)
        whole = tmp_path / "fast.mp4"
    assert read(whole)[1] == []
    content = whole.read_bytes()
    for kept in (0.5, 0.7):
        half = tmp_path / f"half.{suffix}"
        half.write_bytes(content[: int(len(content) * kept)])
        names, failures = read(half)
        assert 100 * kept - 15 < len(names) < 100
        ((name, reason),) = failures
        assert name == half.name
        assert "of 100 frames could not be read: the file is damaged or cut off" in reason
        assert int(reason.split()[0]) == 100 - len(names)


def test_what_an_edit_list_cuts_away_is_not_missing(tmp_path: Path) -> None:
    """An MP4 whose edit list begins two seconds into the media, as cutting without encoding leaves it."""
    whole = make_video(tmp_path / "whole.mp4", regular(60), gop=60)
    content = bytearray(whole.read_bytes())
    at = content.index(b"elst")
    assert int.from_bytes(content[at + 8 : at + 12], "big") == 1  # one edit
    with av.open(str(whole)) as file:
        base = file.streams.video[0].time_base
    assert base is not None
    duration = int.from_bytes(content[at + 12 : at + 16], "big") * 4 // 6  # two seconds of six are cut away
    mvhd = content.index(b"mvhd") + 20
    tkhd = content.index(b"tkhd") + 24
    for place in (at + 12, mvhd, tkhd):
        content[place : place + 4] = duration.to_bytes(4, "big")
    content[at + 16 : at + 20] = round(2 / base).to_bytes(4, "big")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(content)
    contents = examine(str(cut))
    assert contents is not None
    assert 38 <= contents.pictures <= 42
    names, failures = read(cut)
    assert failures == []
    assert 38 <= len(names) <= 42


@pytest.mark.parametrize("suffix", ["mjpeg", "h264"])
def test_a_raw_stream_without_a_length_is_read_past_damage(tmp_path: Path, suffix: str) -> None:
    if suffix == "h264" and "libx264" not in av.codecs_available:
        pytest.skip("this PyAV has no H.264 encoder")
    path = make_video(tmp_path / f"raw.{suffix}", regular(60), codec="mjpeg" if suffix == "mjpeg" else "libx264", gop=5)
    names, failures = read(path)
    assert abs(len(names) - 60) <= 2
    assert failures == []
    assert len(set(names)) == len(names)


def test_an_empty_video_and_one_without_frames_are_named(tmp_path: Path) -> None:
    make_video(tmp_path / "good.mkv", regular(5))
    (tmp_path / "empty.mkv").touch()
    make_video(tmp_path / "soundless.mkv", [], sound_seconds=1.0)
    failures: Failures = []
    names = [frame.name for frame in frames_from_source(tmp_path, every_seconds=0, failures=failures)]
    assert len(names) == 5
    assert sorted(name for name, _ in failures) == ["empty.mkv", "soundless.mkv"]


def test_a_video_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_video(tmp_path / "secret.mkv", regular(5))
    path.chmod(0)
    if os.geteuid() == 0:  # to root everything is open
        monkeypatch.setattr(os, "access", lambda *_: False)
        path.write_bytes(b"x" * 100)
    with pytest.raises(SourceError, match="permission denied"):
        list(frames_from_source(path))


def test_a_video_whose_name_is_no_text_is_read(tmp_path: Path) -> None:
    make_video(tmp_path / "x.mkv", regular(20))
    os.rename(tmp_path / "x.mkv", os.path.join(os.fsencode(tmp_path), b"K\xf6ln.mkv"))
    failures: Failures = []
    frames = list(frames_from_source(tmp_path, failures=failures))
    assert [frame.name for frame in frames] == ["K\\xf6ln.mkv#t=000000.000", "K\\xf6ln.mkv#t=000001.000"]
    assert failures == []


def test_a_video_of_too_many_pixels_is_named(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mkv", regular(5))
    assert len(list(frames_from_source(tmp_path, reading=Reading(max_pixels=64 * 48)))) == 1
    with pytest.raises(SourceError, match=r"frames of 64 x 48 pixels, more than 3,071; raise --max-pixels"):
        list(frames_from_source(tmp_path, reading=Reading(max_pixels=3071)))


# Recordings in pieces


def times_of(folder: Path, **options: object) -> dict[str, float | None]:
    return {frame.name: frame.timestamp for frame in frames_from_source(folder, **options)}  # type: ignore[arg-type]


@pytest.mark.parametrize("start", [None, 1000.0])
def test_the_pieces_of_a_recording_go_on_in_time(tmp_path: Path, start: float | None) -> None:
    for piece, count in ((2, 30), (10, 15), (1, 20)):
        make_video(tmp_path / "gate" / f"part{piece}.mkv", regular(count))
    make_video(tmp_path / "yard" / "part1.mkv", regular(20))
    notes: list[str] = []
    times = times_of(tmp_path, start_time=start, notes=notes)
    begun = start or 0.0
    expected = {
        "gate/part1.mkv": [0, 1], "gate/part2.mkv": [2, 3, 4], "gate/part10.mkv": [5, 6], "yard/part1.mkv": [0, 1],
    }  # fmt: skip
    for file, seconds in expected.items():
        assert [time for name, time in times.items() if name.startswith(file)] == pytest.approx(
            [begun + one for one in seconds], abs=0.02
        )
    assert any("recordings in pieces" in note for note in notes)
    again = times_of(tmp_path, start_time=start, skip=lambda name: "part1." in name)  # an earlier run did these
    assert again == {name: time for name, time in times.items() if "part1." not in name}


def test_videos_of_unknown_cameras_are_pieces_only_where_their_names_say_so(tmp_path: Path) -> None:
    for name in ("gate.mkv", "yard.mkv", "cam1.mkv", "cam2.mkv", "rec_001.mkv", "rec_002.mkv"):
        make_video(tmp_path / name, regular(20))
    first = {name.split("#")[0]: time for name, time in reversed(times_of(tmp_path).items())}
    assert first == pytest.approx(
        {"gate.mkv": 0, "yard.mkv": 0, "cam1.mkv": 0, "cam2.mkv": 0, "rec_001.mkv": 0, "rec_002.mkv": 2}, abs=0.02
    )
    named = {name.split("#")[0]: time for name, time in reversed(times_of(tmp_path, camera="gate").items())}
    assert sorted(named.values()) == pytest.approx([0, 2, 4, 6, 8, 10], abs=0.02)


def test_pictures_and_videos_of_a_camera_share_one_clock(tmp_path: Path) -> None:
    make_video(tmp_path / "gate" / "b.mkv", regular(20))
    for name in ("a1.png", "a2.png", "c.png"):
        cv2.imwrite(str(tmp_path / "gate" / name), np.zeros((8, 8, 3), np.uint8))
    times = times_of(tmp_path, start_time=100.0)
    assert list(times.values()) == pytest.approx([100, 101, 102, 103, 104], abs=0.02)
