"""personsearch serve: it says where it is, answers, ends with Ctrl-C, and refuses what would not be safe."""

import importlib.util
import os
import signal
import socket
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import httpx
import pytest
from separate_processes import finish, run_program, start
from served import TOKEN, fill

from tools.main import main


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("serve"))


def first_line(said: Path, process: BaseProcess) -> str:
    """Wait for the first line that a process writes."""
    begun = time.monotonic()
    while process.is_alive() and time.monotonic() < begun + 120:
        text = said.read_text(encoding="utf-8") if said.is_file() else ""
        if "\n" in text:
            return text.partition("\n")[0]
        time.sleep(0.02)
    raise AssertionError("it said nothing within two minutes, or ended before")


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main(["serve", *map(str, words)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("personsearch: ")
    assert error.count("\n") == 1
    return error


def test_it_says_where_it_is_and_ends_cleanly(gallery: Path, tmp_path: Path, repository: Path) -> None:
    words = ["serve", str(gallery), "--port", "0", "--cases", str(tmp_path / "cases")]
    said, errors = tmp_path / "said", tmp_path / "errors"
    server = start(run_program, repository, *words, said=said, errors=errors)
    try:
        first = first_line(said, server)
        address = first.split()[-1]
        assert address.startswith("http://127.0.0.1:"), first
        assert httpx.get(f"{address}api/gallery", trust_env=False, timeout=60).json()["frames"] == 20
        assert httpx.get(f"{address}api/cases", trust_env=False, timeout=60).json() == {"cases": []}
    finally:
        assert server.pid is not None
        os.kill(server.pid, signal.SIGINT)
        told = finish(server, said)
    assert "the server has ended" in told
    assert errors.read_text(encoding="utf-8") == ""


def test_another_host_needs_a_token(gallery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--token" in refused(capsys, gallery, "--host", "0.0.0.0")
    assert "5 characters" in refused(capsys, gallery, "--host", "0.0.0.0", "--token", "short")
    assert "--token" in refused(capsys, gallery, "--host", "example.org")
    assert "--names" in refused(capsys, gallery, "--names", "desk.example.org")


def test_the_token_comes_from_one_place(
    gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tools.commands.serve import Listening

    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert Listening(token_file=tmp_path / "token").settings().token == TOKEN
    monkeypatch.setenv("PERSONSEARCH_TOKEN", TOKEN)
    assert Listening(host="192.0.2.1").settings().token == TOKEN
    assert TOKEN not in repr(Listening().settings())
    assert "one of them" in refused(capsys, gallery, "--token", TOKEN, "--token-file", tmp_path / "token")


def test_a_port_that_is_taken(gallery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "cannot listen" in refused(capsys, gallery, "--port", taken.getsockname()[1])


def test_files_that_are_no_certificate(gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.pem").write_text("no certificate")
    assert "both or none" in refused(capsys, gallery, "--tls-cert", tmp_path / "x.pem")
    assert "no pair" in refused(capsys, gallery, "--tls-cert", tmp_path / "x.pem", "--tls-key", tmp_path / "x.pem")
    assert "not there" in refused(capsys, gallery, "--tls-cert", tmp_path / "y.pem", "--tls-key", tmp_path / "x.pem")


def test_no_gallery(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no gallery" in refused(capsys, tmp_path / "nowhere")


def test_a_missing_library_is_named(
    gallery: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "uvicorn" else known(name))
    assert "uvicorn, which is not installed; `pip install 'personsearch[ui]'`" in refused(capsys, gallery)
