"""Decoding only what is needed: frames and names as OpenCV gives them of everything; nothing named is followed."""

import functools
import http.server
import math
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from datasets.footage import videos
from datasets.footage.sources import SourceError, frames_from_source
from datasets.footage.videos import Picking, frame_at, frames_from, video_items, video_rate

pytestmark = pytest.mark.skipif("libx264" not in av.codecs_available, reason="this PyAV has no H.264 encoder")


def film(path: Path, times: list[float], **options: str) -> Path:
    """A moving picture, 25 frames a second where times are regular, with 3 B-frames and 20 frames a group."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25, options={"g": "20", "bf": "3", "sc_threshold": "0", **options})
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        for number, moment in enumerate(times):
            picture = np.zeros((64, 96, 3), np.uint8)
            picture[:, (3 * number) % 90 : (3 * number) % 90 + 6] = 255
            picture[: number % 60] += np.uint8(60)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = round(1000 * moment), Fraction(1, 1000)
            out.mux(video.encode(frame))
        out.mux(video.encode())
    return path


REGULAR = [number / 25 for number in range(125)]
VARIABLE = [moment for number, moment in enumerate(REGULAR) if number % 7 not in (2, 3)]
GAP = REGULAR[:40] + [7.3 + moment for moment in REGULAR[:60]]
KINDS: dict[str, tuple[list[float], dict[str, str]]] = {
    "b_frames.mp4": (REGULAR, {}),
    "open_groups.mp4": (REGULAR, {"x264-params": "open-gop=1:bframes=3"}),
    "variable.mp4": (VARIABLE, {}),
    "gap.mkv": (GAP, {}),
    "broadcast.ts": (REGULAR, {}),
    "refreshed.mp4": (REGULAR, {"x264-params": "intra-refresh=1"}),
    "one_group.mp4": (REGULAR, {"g": "1000"}),
    "later.mp4": ([3 + moment for moment in REGULAR], {}),
    "flash.flv": (REGULAR, {}),
}


def by_opencv(path: Path, every: float) -> list[tuple[str, bytes]]:
    """Every frame decoded, as this project read videos before: the oracle."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    step, found = 1 / capture.get(cv2.CAP_PROP_FPS), []
    seconds, last = -step, -1
    while capture.grab():
        told = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        seconds = told if told > seconds else seconds + step
        slot = math.floor(seconds / every + 1e-6)
        if slot > last:
            last = slot
            found.append((f"{seconds:010.3f}", capture.retrieve()[1][:, :, ::-1].tobytes()))
    return found


def read(path: Path, every: float) -> tuple[list[tuple[str, bytes]], list[tuple[str, str]]]:
    failures: list[tuple[str, str]] = []
    items = video_items(path, failures, Picking("v", every))
    return [(item.name.removeprefix("v#t="), item.decode().tobytes()) for item in items], failures


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("every", [0.2, 1.0, 2.5])
def test_the_same_frames_and_names_as_by_decoding_everything(tmp_path: Path, kind: str, every: float) -> None:
    times, options = KINDS[kind]
    path = film(tmp_path / kind, times, **options)
    assert read(path, every) == (by_opencv(path, every), [])


def test_an_edit_list_is_followed(tmp_path: Path) -> None:
    path = film(tmp_path / "v.mp4", REGULAR)
    content = bytearray(path.read_bytes())
    at = content.index(b"elst")
    begin = int.from_bytes(content[at + 16 : at + 20], "big")
    with av.open(str(path)) as whole:
        base = whole.streams.video[0].time_base
    assert base is not None
    content[at + 16 : at + 20] = (begin + round(1.3 / base)).to_bytes(4, "big")
    lasts = round(int.from_bytes(content[at + 12 : at + 16], "big") * 3.7 / 5)
    for place in (at + 12, content.index(b"mvhd") + 20, content.index(b"tkhd") + 24):
        content[place : place + 4] = lasts.to_bytes(4, "big")
    path.write_bytes(content)
    found, failures = read(path, 1.0)
    assert (found, failures) == (by_opencv(path, 1.0), [])
    assert len(found) == 4


def test_most_frames_are_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(tmp_path / "v.mp4", REGULAR, g="50", keyint_min="50")
    monkeypatch.setattr(videos, "picked", None)  # decodes everything
    decoded = []
    given = videos.SparseFilm._given

    def counted(self: videos.SparseFilm, frame: av.VideoFrame) -> object:
        decoded.append(frame.pts)
        return given(self, frame)

    monkeypatch.setattr(videos.SparseFilm, "_given", counted)
    assert len(read(path, 2.0)[0]) == 3  # a key frame each
    assert len(decoded) == 3
    assert len(read(path, 1.0)[0]) == 5
    assert len(decoded) - 3 < 70


@pytest.mark.parametrize("place", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("every", [1.0, 3.0])
def test_damage_is_noticed_where_it_is_not_decoded(tmp_path: Path, place: float, every: float) -> None:
    times = [number / 25 for number in range(250)]
    path = film(tmp_path / "v.mp4", times, g="50", keyint_min="50")
    content = bytearray(path.read_bytes())
    at = content.index(b"mdat") + int(place * (content.index(b"moov") - content.index(b"mdat")))
    content[at : at + 600] = bytes(600)
    path.write_bytes(content)
    found, failures = read(path, every)
    ((name, reason),) = failures
    assert name == "v"
    assert "frames could not be read" in reason
    assert len({moment for moment, _ in found}) == len(found)
    assert [moment for moment, _ in found] == sorted(moment for moment, _ in found)


def test_frames_from_a_time_on_and_one_frame(tmp_path: Path) -> None:
    path = film(tmp_path / "v.mp4", REGULAR)
    whole = dict(by_opencv(path, 0.04))
    for moment in ("000000.000", "000000.040", "000002.400", "000004.960"):
        image = frame_at(path, float(moment))
        assert image is not None
        assert image.tobytes() == whole[moment]
    assert frame_at(path, 99.0) is None
    assert frame_at(tmp_path / "none.mp4", 0.0) is None
    assert [round(at, 3) for at, _ in frames_from(path, 4.79)] == [4.8, 4.84, 4.88, 4.92, 4.96]
    assert video_rate(path) == 25
    assert video_rate(tmp_path / "none.mp4") == 0


# Nothing that a file names is followed


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "ts"])
def test_a_list_of_files_is_no_video(tmp_path: Path, suffix: str) -> None:
    film(tmp_path / "private.mp4", REGULAR[:30])
    scripts = {
        "concat": "ffconcat version 1.0\nfile private.mp4\n",
        "playlist": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nprivate.mp4\n#EXT-X-ENDLIST\n",
        "session": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    }
    for name, script in scripts.items():
        path = tmp_path / f"{name}.{suffix}"
        path.write_text(script)
        with pytest.raises(SourceError, match="is no readable video"):
            list(frames_from_source(path))
        assert frame_at(path, 0.0) is None


class Playlists(http.server.SimpleHTTPRequestHandler):
    """Files of a folder, and a playlist that names a file of this machine."""

    secret = ""

    def do_GET(self) -> None:
        if self.path != "/live.m3u8":
            return super().do_GET()
        text = f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile://{self.secret}\n#EXT-X-ENDLIST\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.apple.mpegurl")
        self.end_headers()
        self.wfile.write(text.encode())
        return None

    def log_message(self, *values: object) -> None:
        return None


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    Playlists.secret = str(film(tmp_path / "private.ts", REGULAR))
    handler = functools.partial(Playlists, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_stream_that_names_a_file_of_this_machine_is_not_followed(web: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="gives no readable frame"):
        list(frames_from_source(f"{web}/live.m3u8"))
    (tmp_path / "own.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nprivate.ts\n#EXT-X-ENDLIST\n")
    assert len(list(frames_from_source(f"{web}/own.m3u8"))) == 5  # its own pieces are read
