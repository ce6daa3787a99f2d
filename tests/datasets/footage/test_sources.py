"""Footage as frames: names that allow resuming, broken items named, losses counted, decoding ahead of use."""

import functools
import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.ahead import prefetched
from datasets.footage import streams
from datasets.footage.reading import Reading
from datasets.footage.sources import SourceError, count_frames, frames_from_source
from datasets.samples import Frame


def write_image(path: Path, value: int = 0, height: int = 24) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((height, 32, 3), value, np.uint8))
    return path


def write_video(path: Path, frames: int = 60, rate: float = 10.0, code: str = "MJPG") -> Path:
    """A video whose frame k is grey of value 40 k (modulo 240)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*code), rate, (64, 48))
    assert writer.isOpened()
    for index in range(frames):
        writer.write(np.full((48, 64, 3), 40 * index % 240, np.uint8))
    writer.release()
    return path


def names(frames: Iterator[Frame]) -> list[str]:
    return [frame.name for frame in frames]


def test_an_image_file(tmp_path: Path) -> None:
    path = write_image(tmp_path / "photo.png", 7)
    (frame,) = frames_from_source(path, start_time=5.0)
    assert (frame.name, frame.camera, frame.timestamp, frame.image.shape) == ("photo.png", None, 5.0, (24, 32, 3))
    assert (frame.image == 7).all()
    assert count_frames(str(path)) == 1


def test_a_folder_in_natural_order_with_cameras(tmp_path: Path) -> None:
    for name in ("img10.png", "img2.png", "gate/x1.png", "gate/deep/x0.png", "3/y.png", "any/c5s2_000007.png"):
        write_image(tmp_path / name)
    for name in (".hidden.png", ".cache/a.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("not a picture")
    found = [(frame.name, frame.camera) for frame in frames_from_source(tmp_path)]
    assert found == [
        ("3/y.png", 3), ("any/c5s2_000007.png", 5), ("gate/deep/x0.png", "gate"), ("gate/x1.png", "gate"),
        ("img2.png", None), ("img10.png", None),
    ]  # fmt: skip
    assert {frame.camera for frame in frames_from_source(tmp_path, camera="all")} == {"all"}
    assert count_frames(tmp_path) == 6


def test_cameras_of_plaza_and_of_folders_that_only_say_what_lies_in_them(tmp_path: Path) -> None:
    wanted = {
        "frames/c2_000001.png": 2,
        "frames/c12_000001.png": 12,
        "c3p1_000001.png": 3,
        "frames/a.png": None,
        "gate/images/a.png": "gate",
        "img1/4/a.png": 4,
        "Frames/car_1.png": None,
        "gate/c1.png": "gate",
    }
    for name in wanted:
        write_image(tmp_path / name)
    assert {frame.name: frame.camera for frame in frames_from_source(tmp_path)} == wanted


def test_links_are_followed_once(tmp_path: Path) -> None:
    write_image(tmp_path / "data" / "a.png")
    (tmp_path / "data" / "loop").symlink_to(tmp_path / "data", target_is_directory=True)
    write_image(tmp_path / "elsewhere" / "b.png")
    (tmp_path / "data" / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert names(frames_from_source(tmp_path / "data")) == ["a.png", "link/b.png"]


def test_images_get_times_only_when_a_start_is_given(tmp_path: Path) -> None:
    for name in ("c1s1_000001.png", "c1s1_000002.png", "c2s1_000001.png"):
        write_image(tmp_path / name)
    assert [frame.timestamp for frame in frames_from_source(tmp_path)] == [None] * 3
    times = [frame.timestamp for frame in frames_from_source(tmp_path, start_time=100.0, every_seconds=2)]
    assert times == [100.0, 102.0, 100.0]


def test_broken_images_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    write_image(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes(b"")
    (tmp_path / "c.jpg").write_text("a text")
    (tmp_path / "d.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:-9])
    write_image(tmp_path / "e.jpg")
    failures: list[tuple[str, str]] = []
    assert names(frames_from_source(tmp_path, failures=failures)) == ["a.jpg", "e.jpg"]
    assert [name for name, _ in failures] == ["b.jpg", "c.jpg", "d.jpg"]
    for (_, reason), what in zip(failures, ("is empty", "no readable image", "truncated"), strict=True):
        assert what in reason
        assert "\n" not in reason


def test_a_source_without_a_readable_frame_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    (tmp_path / "b.jpg").write_bytes(b"")
    with pytest.raises(SourceError, match=r"gives no readable frame: a\.jpg: the file is empty.*\(and 1 more\)"):
        list(frames_from_source(tmp_path))
    with pytest.raises(SourceError, match=r"a\.jpg: the file is empty"):
        list(frames_from_source(tmp_path / "a.jpg"))


def test_wrong_sources_are_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(SourceError, match=r"holds 1 file of other kinds \(\.txt \(1\)\), expected images"):
        frames_from_source(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=r"empty holds nothing, expected images"):
        frames_from_source(tmp_path / "empty")
    with pytest.raises(FileNotFoundError, match="does not exist; give an image, a folder"):
        frames_from_source(tmp_path / "none.mp4")
    with pytest.raises(ValueError, match=r"s3://footage/gate.mp4 is on object storage.*mount the bucket as a folder"):
        frames_from_source("s3://footage/gate.mp4")
    with pytest.raises(ValueError, match=r"suffix '\.txt', expected images"):
        frames_from_source(tmp_path / "notes.txt")
    with pytest.raises(ValueError, match="every_seconds is -1"):
        frames_from_source(tmp_path, every_seconds=-1)


def test_what_is_skipped_is_not_decoded(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"broken, but done in an earlier run")
    write_image(tmp_path / "b.jpg")
    failures: list[tuple[str, str]] = []
    done = {"a.jpg"}
    assert names(frames_from_source(tmp_path, failures=failures, skip=done.__contains__)) == ["b.jpg"]
    assert failures == []
    assert names(frames_from_source(tmp_path, skip=lambda name: True)) == []  # all done is no error


def test_a_custom_layout_file(tmp_path: Path) -> None:
    for name in ("x/1.png", "x/2.png"):
        write_image(tmp_path / name)
    images = [
        {"id": 1, "file_name": "x/2.png", "camera_id": "gate", "timestamp": "1970-01-01T00:01:00+00:00"},
        {"id": 2, "file_name": "x/1.png", "camera_id": 2},
        {"id": 3, "file_name": "x/missing.png"},
        {"id": 1, "file_name": "x/double.png"},
    ]
    path = tmp_path / "test.json"
    path.write_text(json.dumps({"images": images, "annotations": "whatever"}))
    failures: list[tuple[str, str]] = []
    found = [(frame.name, frame.camera, frame.timestamp) for frame in frames_from_source(path, failures=failures)]
    assert found == [("x/2.png", "gate", 60.0), ("x/1.png", 2, None)]
    assert [name for name, _ in failures] == ["test.json images[3] (x/double.png)", "x/missing.png"]
    assert count_frames(path) == 3
    for text in ("[]", "{", '{"images": []}'):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"test\.json"):
            frames_from_source(path)


@pytest.mark.parametrize(("suffix", "code"), [("avi", "MJPG"), ("mp4", "mp4v"), ("mkv", "mp4v")])
@pytest.mark.parametrize("every_seconds", [0, 0.5, 1, 0.25, 100])
def test_a_video_gives_the_frames_at_their_times(tmp_path: Path, suffix: str, code: str, every_seconds: float) -> None:
    path = write_video(tmp_path / f"clip.{suffix}", frames=60, rate=10, code=code)
    frames = list(frames_from_source(path, every_seconds=every_seconds, start_time=1000.0))
    slots = [index if every_seconds == 0 else int(index / 10 / every_seconds + 1e-6) for index in range(60)]
    expected = [index for index in range(60) if index == 0 or slots[index] > slots[index - 1]]
    assert [frame.name for frame in frames] == [f"clip.{suffix}#t={index / 10:010.3f}" for index in expected]
    assert [frame.timestamp for frame in frames] == pytest.approx([1000 + index / 10 for index in expected])
    values = [float(frame.image.mean()) for frame in frames]
    assert values == pytest.approx([40 * index % 240 for index in expected], abs=15)
    assert count_frames(path, every_seconds=every_seconds) == len(expected)


def test_names_of_video_frames_are_the_same_when_resuming(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.avi")
    everything = names(frames_from_source(path))
    assert everything[0] == "clip.avi#t=000000.000"
    assert names(frames_from_source(path, skip=set(everything[:3]).__contains__)) == everything[3:]


def test_the_real_video(shared: Path) -> None:
    path = next((shared / "data" / "video").glob("*.mp4"))
    frames = list(frames_from_source(path, every_seconds=10))
    assert len(frames) == 14  # 1,394 frames, ten a second
    assert count_frames(path) == 140
    assert count_frames(path, every_seconds=0) == 1394
    assert frames[0].image.shape == (432, 768, 3)
    assert [frame.timestamp for frame in frames] == pytest.approx([10.0 * index for index in range(14)])


def test_a_video_damaged_in_the_middle_loses_only_the_middle(tmp_path: Path, shared: Path) -> None:
    content = bytearray(next((shared / "data" / "video").glob("*.mp4")).read_bytes())
    third = len(content) // 3
    content[third : third + 60_000] = bytes(60_000)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(content)
    failures: list[tuple[str, str]] = []
    frames = list(frames_from_source(path, every_seconds=1, failures=failures))
    assert frames[-1].name == "damaged.mp4#t=000139.000"  # what follows the damage is read, at its true time
    assert 130 < len(frames) < 140
    ((name, reason),) = failures
    assert name == "damaged.mp4"
    assert "of 1394 frames could not be read" in reason


def test_a_video_cut_off_is_read_as_far_as_it_goes(tmp_path: Path, shared: Path) -> None:
    content = next((shared / "data" / "video").glob("*.mp4")).read_bytes()
    path = tmp_path / "half.mp4"
    path.write_bytes(content[: len(content) // 2])
    failures: list[tuple[str, str]] = []
    assert 60 < len(list(frames_from_source(path, failures=failures))) < 80
    assert int(failures[0][1].split()[0]) > 600


def test_videos_that_do_not_open(tmp_path: Path) -> None:
    for name, content, what in (("a.mp4", b"", "is empty"), ("b.mp4", b"text", "no readable video")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SourceError, match=what):
            list(frames_from_source(tmp_path / name))
    whole = write_video(tmp_path / "whole.mp4", code="mp4v")
    (tmp_path / "c.mp4").write_bytes(whole.read_bytes()[:-1000])  # this writer puts the index at the end
    with pytest.raises(SourceError, match="no readable video"):
        list(frames_from_source(tmp_path / "c.mp4"))


def test_a_folder_of_videos_and_images(tmp_path: Path) -> None:
    write_video(tmp_path / "gate" / "clip.avi", frames=20)
    write_image(tmp_path / "hall" / "a.png")
    (tmp_path / "hall" / "b.mp4").write_bytes(b"broken")
    failures: list[tuple[str, str]] = []
    frames = list(frames_from_source(tmp_path, failures=failures))
    assert [(frame.name, frame.camera) for frame in frames] == [
        ("gate/clip.avi#t=000000.000", "gate"), ("gate/clip.avi#t=000001.000", "gate"), ("hall/a.png", "hall"),
    ]  # fmt: skip
    assert [name for name, _ in failures] == ["hall/b.mp4"]


class LiveHandler(http.server.SimpleHTTPRequestHandler):
    """Files of a folder, and under /live an endless-looking camera of 12 pictures, ten a second."""

    def do_GET(self) -> None:
        if self.path.split("?")[0] != "/live":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        picture = cv2.imencode(".jpg", np.full((48, 64, 3), 200, np.uint8))[1].tobytes()
        try:
            for _ in range(12):
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                self.wfile.write(head.encode() + picture + b"\r\n")
                time.sleep(0.05)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return None

    def log_message(self, *values: object) -> None:
        return None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    write_video(tmp_path / "web" / "clip.avi", frames=30)
    handler = functools.partial(LiveHandler, directory=str(tmp_path / "web"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        thread = threading.Thread(target=web.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{web.server_port}"
        web.shutdown()


def test_a_video_file_on_a_web_server(server: str) -> None:
    found = names(frames_from_source(f"http://user:secret@{server}/clip.avi?token=abc"))
    assert found == [f"{server}/clip.avi#t={second:010.3f}" for second in range(3)]
    assert count_frames(f"http://{server}/clip.avi") is None


def test_a_live_stream_that_breaks_off_is_reopened(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_WAITS", (0.01,))
    failures: list[tuple[str, str]] = []
    frames = frames_from_source(f"http://{server}/live", every_seconds=0, camera=4, failures=failures)
    before = time.time()
    found = [next(frames) for _ in range(20)]  # more than one connection gives
    assert all(frame.camera == 4 and (frame.image > 150).all() for frame in found)
    times = [frame.timestamp for frame in found]
    assert times == sorted(times)  # type: ignore[type-var]
    assert before - 1 < times[0] < time.time()  # type: ignore[operator]
    assert len({frame.name for frame in found}) == 20
    assert failures == [(f"{server}/live", "the stream broke off")]
    frames.close()  # type: ignore[attr-defined]


def test_a_stream_that_does_not_open_is_an_error_without_its_password() -> None:
    with pytest.raises(SourceError, match=r"127\.0\.0\.1:9/cam gives no readable frame.*does not open") as error:
        list(frames_from_source("rtsp://user:secret@127.0.0.1:9/cam", reading=Reading(reconnect_minutes=0)))
    assert "secret" not in str(error.value)


def test_prefetched_frames_equal_the_plain_ones(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.avi")
    plain = list(frames_from_source(path, every_seconds=0))
    ahead = list(prefetched(frames_from_source(path, every_seconds=0), depth=2))
    assert [frame.name for frame in ahead] == [frame.name for frame in plain]
    assert all(np.array_equal(one.image, other.image) for one, other in zip(ahead, plain, strict=True))
