"""What keeps a command from a cluster is said in one line, at once, before a model is loaded."""

import importlib.util
import os
import socket
from pathlib import Path

import pytest

from search.cluster.connection import RayActors, _reason, connected, require_address, workers_of
from tools.main import main

INDEX = ["index", "footage", "--gallery", "people"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "footage").mkdir()
    return tmp_path


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def nobody() -> int:
    """A port on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_without_the_engine_the_remedy_is_named(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *_: None if name == "ray" else known(name))
    line = refused([*INDEX, "--cluster", "local"], capsys)
    assert line == (
        "personsearch: a cluster needs ray, which is not installed; `pip install 'personsearch[cluster]'` installs it"
    )


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_an_address_at_which_nobody_answers_is_refused_at_once(
    here: Path, capsys: pytest.CaptureFixture[str], scheme: str
) -> None:
    address = f"{scheme}127.0.0.1:{nobody()}"
    line = refused([*INDEX, "--cluster", address], capsys)
    assert line.startswith(
        f"personsearch: --cluster {address}: no cluster answers there (Connection refused); start it"
    )
    assert not (here / "people").exists()


def test_what_is_no_address_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for address in ("here", "10.0.0.2", "http://10.0.0.2:80", "10.0.0.2:99999", "ray://", ""):
        with pytest.raises(ValueError, match="is no address, expected local, auto, HOST:PORT or ray://HOST:PORT"):
            require_address(address)
    assert "--cluster here is no address" in refused([*INDEX, "--cluster", "here"], capsys)
    assert refused([*INDEX, "--workers", "2"], capsys) == (
        "personsearch: --workers 2 is given without --cluster, expected both; --cluster local works here"
    )
    assert refused([*INDEX, "--cluster", "local", "--workers", "0"], capsys) == (
        "personsearch: --workers 0, expected at least 1"
    )


def test_a_stream_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["index", "footage", "rtsp://me:secret@10.0.0.7/live", "--gallery", "people", "--cluster", "local"]
    line = refused(words, capsys)
    assert line == (
        "personsearch: 10.0.0.7/live is a stream, and a cluster looks at recordings only, which can be read again "
        "where a worker dies; index streams by a command of their own, without --cluster"
    )


def test_a_machine_without_a_cluster_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("ray.init", lambda **_: _raise("Could not find any running Ray instance. Please specify"))
    with (
        pytest.raises(ConnectionError, match="--cluster auto: no cluster of Ray runs on this machine"),
        connected("auto"),
    ):
        pass
    monkeypatch.setattr("ray.init", lambda **_: _raise("Invalid token"))
    lines = {"auto": "does not take this machine", "local": "the processes could not be started"}
    for address, words in lines.items():
        with pytest.raises(ConnectionError, match=rf"{words} \(Invalid token\)"), connected(address):
            pass


def test_a_token_is_sent_to_every_address_and_the_environment_stays_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With HOST:PORT and ray:// the engine sends none unless it is told to, and the cluster refuses."""
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    monkeypatch.setattr("ray.shutdown", lambda: None)
    monkeypatch.setattr("search.cluster.connection.require_address", lambda _: None)
    modes: list[str | None] = []
    monkeypatch.setattr("ray.init", lambda **_: modes.append(os.environ.get("RAY_AUTH_MODE")))
    before = dict(os.environ)
    for address in ("auto", "10.0.0.2:6379", "ray://10.0.0.2:10001", "local"):
        with connected(address):
            pass
    assert modes == ["token"] * 4
    assert dict(os.environ) == before
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with connected("auto"):
        pass
    assert modes[-1] == "disabled", "who runs a cluster without tokens says so"


def _raise(text: str) -> None:
    raise ConnectionError(text)


def test_how_many_work() -> None:
    class Cluster(RayActors):
        def __init__(self, gpus: int, processors: int) -> None:
            self._counts = gpus, processors

        gpus = property(lambda self: self._counts[0])  # type: ignore[assignment]
        processors = property(lambda self: self._counts[1])  # type: ignore[assignment]

    assert workers_of(Cluster(0, 8), None) == 7
    assert workers_of(Cluster(0, 1), None) == 1
    assert workers_of(Cluster(3, 64), None) == 3
    assert workers_of(Cluster(3, 64), 12) == 12


def test_the_reason_of_a_death_is_said_in_a_few_words() -> None:
    assert _reason("The actor is dead because its node has died. The node died.") == "its machine left the cluster"
    assert (
        _reason("Task was killed due to the node running low on memory: OutOfMemory")
        == "its machine had no memory left"
    )
    listed = "The actor died. Some common causes include: (1) the process was killed by the OOM killer, out of memory"
    assert _reason(listed) == "its process was ended"
