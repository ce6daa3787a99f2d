"""Addresses of streams: cameras told apart, secrets kept; and streams that break off."""

import functools
import http.server
import socket
import threading
import time
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from datasets.footage import streams
from datasets.footage.reading import Reading
from datasets.footage.sources import SourceError, frames_from_source
from datasets.footage.streams import StreamState, public_name

APART = [
    "http://h/playback?channel={}", "rtsp://u:p@h:554/cam/realmonitor?channel={}&subtype=0", "http://h/play?id={}&token=a",
    "rtsp://h/Streaming/Channels/{}01", "rtsp://h/user=admin&password=x&channel={}&stream=0.sdp",
    "rtsp://h/user=admin_password=tlJwpbo6_channel={}_stream=0.sdp?real_stream", "http://h/axis?camera={}",
    "http://h/cgi-bin/snap?chn={}&u=admin&p=admin", "rtsp://h/live?stream_id={}", "http://h/v;channel={}",
    "http://h/play?feed=gate{}", "http://h/play?whatever=north-gate-{}", "http://h/api/stream.mp4?src=cam_{}",
    "http://h/x?src=rtsp://u:p@inside/ch{}", "http://h/?{}", "rtsp://h:55{}/live", "http://h/VIDEO?Channel={}",
]  # fmt: skip


@pytest.mark.parametrize("url", APART)
def test_two_cameras_of_a_recorder_have_two_names(url: str) -> None:
    assert public_name(url.format(1)) != public_name(url.format(2))
    assert public_name(url.format(1)) == public_name(url.format(1))


SECRETS = [
    "rtsp://admin:{}@h/live", "http://{}@h/live", "http://h/p?channel=1&token={}", "http://h/p?channel=1&access_token={}",
    "http://h/p?channel=1&apikey={}", "http://h/p?channel=1&api_key={}", "http://h/v?loginuse=a&loginpas={}&channel=1",
    "http://h/v?usr={}&pwd={}&ch=1", "http://h/v?user={}&password={}", "http://h/v?PASSWORD={}", "http://h/v?auth={}",
    "http://h/v?X-Amz-Signature={}&id=1", "http://h/v?session={}", "http://h/v?sid={}", "http://h/v?key={}&camera=1",
    "rtsp://h/user=admin_password={}_channel=1_stream=0.sdp", "rtsp://h/user={}&password={}&channel=1", "http://h/v#{}",
    "http://h/v?channel=1;token={}", "http://h/v?%70assword={}", "http://h/v?camera=1&jwt={}", "http://h/v?code={}",
    "http://h/v?src=rtsp://admin:{}@inside/", "http://h/v?channel=rtsp://admin:{}@inside/", "http://h/v?{}",
    "http://h/v?something={}", "http://h/v?passphrase={}&streamid=1", "http://h/v?username={}", "http://h/v?signature={}",
]  # fmt: skip


@pytest.mark.parametrize("url", SECRETS)
@pytest.mark.parametrize("secret", ["hunter2hunter2hunter2", "S3cr3t!"])
def test_no_name_shows_a_secret(url: str, secret: str) -> None:
    assert secret not in public_name(url.replace("{}", secret))


@pytest.mark.parametrize("url", ["http://h/p?channel=1&token={}", "http://h/p?sid={}&channel=1", "http://h/p?auth={}"])
def test_a_new_token_is_no_new_camera(url: str) -> None:
    assert public_name(url.format("abc")) == public_name(url.format("xyz"))


def test_the_order_of_parameters_does_not_matter() -> None:
    assert public_name("http://h/p?channel=1&subtype=0") == public_name("http://h/p?subtype=0&channel=1")
    assert public_name("http://h/p/") == "h/p"


class Camera(http.server.BaseHTTPRequestHandler):
    """A few pictures, then the connection breaks."""

    def do_GET(self) -> None:
        if self.path.startswith("/closed"):
            self.send_error(401)
            return
        if self.path.startswith("/page"):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>no video</html>")
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        picture = cv2.imencode(".jpg", np.full((48, 64, 3), 200, np.uint8))[1].tobytes()
        try:
            for _ in range(8):
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                self.wfile.write(head.encode() + picture + b"\r\n")
                time.sleep(0.02)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def log_message(self, *values: object) -> None:
        return None


class Reusing(http.server.ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True


@pytest.fixture
def port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def camera_on(port: int) -> Reusing:
    web = Reusing(("127.0.0.1", port), functools.partial(Camera))
    threading.Thread(target=web.serve_forever, daemon=True).start()
    return web


def closed(web: Reusing) -> None:
    web.shutdown()
    web.server_close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_WAITS", (0.1,))


def frames(port: int, minutes: float, failures: list[tuple[str, str]]) -> Iterator[object]:
    reading = Reading(every_seconds=0, reconnect_minutes=minutes)
    return frames_from_source(f"http://127.0.0.1:{port}/live", reading=reading, failures=failures)


@pytest.mark.usefixtures("quick")
def test_a_camera_that_restarts_is_found_again(port: int) -> None:
    web, failures = camera_on(port), []
    seen = frames(port, 0.5, failures)
    for _ in range(3):
        next(seen)
    closed(web)
    begun, back = time.monotonic(), {}
    threading.Timer(1.5, lambda: back.update(web=camera_on(port))).start()
    found = [next(seen) for _ in range(12)]  # more than the first connection had left
    assert len(found) == 12
    assert time.monotonic() - begun > 1
    assert failures[0][1] == "the stream broke off"
    seen.close()  # type: ignore[attr-defined]
    closed(back["web"])


@pytest.mark.usefixtures("quick")
def test_a_camera_that_stays_away_is_given_up_after_the_time_asked_for(port: int) -> None:
    web, failures = camera_on(port), []
    seen = frames(port, 0.02, failures)
    next(seen)
    closed(web)
    begun = time.monotonic()
    list(seen)
    assert 1 < time.monotonic() - begun < 8
    assert failures[0][1] == "the stream broke off"
    reason = failures[-1][1]
    assert "connection refused" in reason
    assert "in 0.02 minutes without a frame, raise --reconnect-minutes" in reason


@pytest.mark.usefixtures("quick")
def test_a_camera_that_is_off_at_first_is_waited_for(port: int) -> None:
    failures: list[tuple[str, str]] = []
    state, on = StreamState(), {}
    reading = Reading(every_seconds=0, reconnect_minutes=0.5)
    seen = frames_from_source(f"http://127.0.0.1:{port}/live", reading=reading, failures=failures, state=state)
    threading.Timer(1.0, lambda: on.update(doing=state.doing, live=state.live, web=camera_on(port))).start()
    begun = time.monotonic()
    assert len([next(seen) for _ in range(3)]) == 3
    assert time.monotonic() - begun > 0.9
    assert "connection refused" in on["doing"]
    assert not on["live"]
    assert state.live
    why = "was off at first: the stream does not open: connection refused; check address, login, network"
    assert failures == [(f"127.0.0.1:{port}/live", why)]
    seen.close()  # type: ignore[attr-defined]
    closed(on["web"])


@pytest.mark.usefixtures("quick")
def test_a_camera_that_stays_off_is_given_up_after_the_time_asked_for(port: int) -> None:
    failures: list[tuple[str, str]] = []
    begun = time.monotonic()
    with pytest.raises(SourceError, match=r"refused; .*; given up after \d+ attempts in 0\.02 minutes without a frame"):
        list(frames(port, 0.02, failures))
    assert 1 < time.monotonic() - begun < 8
    assert len(failures) == 1
    begun = time.monotonic()
    with pytest.raises(SourceError, match="does not open: connection refused"):
        list(frames(port, 0, []))
    assert time.monotonic() - begun < 1


def test_a_wrong_login_and_what_is_no_video_are_given_up_at_once(port: int) -> None:
    web = camera_on(port)
    with pytest.raises(SourceError, match=r"does not open: .*(401|nauthorized)") as error:
        list(frames_from_source(f"http://admin:secret@127.0.0.1:{port}/closed?token=abc"))
    assert "secret" not in str(error.value)
    assert "abc" not in str(error.value)
    with pytest.raises(SourceError, match="does not open"):
        list(frames_from_source(f"http://127.0.0.1:{port}/page"))
    closed(web)
