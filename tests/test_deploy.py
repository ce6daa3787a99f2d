"""The image and the services of deploy/: what they may do, and that their commands are those of the program."""

import functools
import http.server
import json
import os
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import sysconfig
import threading
import tomllib
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from tools.main import main
from tools.parsing import Call

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NO_BODY = 10001


@functools.cache
def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their words, each in one line."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    lines = [line for line in re.sub(r"\\\n", "", text).splitlines() if line.strip()]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def last_stage() -> list[tuple[str, str]]:
    start = max(number for number, (name, _) in enumerate(instructions()) if name == "FROM")
    return instructions()[start:]


def environment_of_image() -> dict[str, str]:
    (words,) = [words for name, words in last_stage() if name == "ENV"]
    return dict(word.split("=", 1) for word in shlex.split(words))


def substituted(text: str) -> str:
    """A compose file as it is read where no variable is set: its defaults."""
    assert not re.search(r"\$\{\w+\}|\$\w", text), "a variable without a default"
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


@functools.cache
def compose(name: str = "compose.yaml") -> dict[str, Any]:
    content = yaml.safe_load(substituted((DEPLOY / name).read_text(encoding="utf-8")))
    assert isinstance(content, dict)
    return content


def binds(words: list[str], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the command line takes the words; nothing is done."""
    monkeypatch.setattr(Call, "run", lambda call: 0)
    return main(words) == 0


def test_the_image_is_pinned_built_in_stages_and_runs_as_nobody() -> None:
    stages = [words for name, words in instructions() if name == "FROM"]
    assert stages == ["python:${PYTHON} AS built", "python:${PYTHON}"]
    (python,) = [words.split("=")[1] for name, words in instructions() if (name, words[:7]) == ("ARG", "PYTHON=")]
    assert re.fullmatch(r"\d+\.\d+\.\d+-slim-\w+", python), "a version that moves makes another image tomorrow"
    assert Version(python.split("-")[0]) >= Version(PROJECT["requires-python"].removeprefix(">="))
    assert f"python:{python}" in dict(last_stage())["LABEL"]
    names = [name for name, _ in last_stage()]
    assert [words for name, words in last_stage() if name == "USER"] == [f"{NO_BODY}:{NO_BODY}"]
    assert set(names[names.index("USER") :]) == {
        "USER",
        "WORKDIR",
        "EXPOSE",
        "STOPSIGNAL",
        "HEALTHCHECK",
        "ENTRYPOINT",
        "CMD",
    }
    assert not [words for name, words in instructions() if name == "ADD" or "curl" in words or "wget" in words]
    labels = {word.split("=")[0].rpartition(".")[2] for word in shlex.split(dict(last_stage())["LABEL"])}
    assert {"title", "description", "version", "revision", "licenses", "device"} <= labels
    (version,) = [words.split("=")[1] for name, words in instructions() if (name, words[:8]) == ("ARG", "VERSION=")]
    assert version == PROJECT["version"]


def test_the_image_holds_the_packages_and_nothing_that_the_engine_is_not_sent() -> None:
    own = [words.split() for name, words in instructions() if name == "COPY" and not words.startswith("--from")]
    copied = [word for words in own for word in words[:-1]]
    sent = {
        line.removeprefix("!") for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if "!" in line
    }
    assert set(copied) == sent
    assert all((ROOT / one).exists() for one in sent)
    packages = {
        one.split(".")[0]
        for one in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    }
    assert packages <= sent


def test_what_libraries_keep_goes_to_the_place_that_may_be_written() -> None:
    places = environment_of_image()
    assert {name for name in places if "CACHE" in name or name in ("HOME", "MPLCONFIGDIR")} >= {
        "HOME",
        "XDG_CACHE_HOME",
        "MPLCONFIGDIR",
    }
    assert all(places[name].startswith("/tmp") for name in ("HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR"))


def test_the_commands_of_the_image_bind(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run = " && ".join(words for name, words in instructions() if name == "RUN")
    commands = re.findall(r"(?:^|&& )personsearch ([^&]*)", run)
    assert commands
    assert all(binds(shlex.split(one), monkeypatch) for one in commands), capsys.readouterr().err
    assert json.loads(dict(last_stage())["ENTRYPOINT"]) == ["personsearch"]


def test_the_versions_of_the_image_are_those_that_the_project_takes() -> None:
    lines = [line for line in (DEPLOY / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pinned = {name: Version(version) for name, version in (line.split("==") for line in lines)}
    extras = PROJECT["optional-dependencies"]
    wanted = map(Requirement, [*PROJECT["dependencies"], *extras["ui"], *extras["cluster"]])
    for one in wanted:
        name = one.name.lower().replace("_", "-")
        assert name in pinned, f"{name} would be of any version"
        assert one.specifier.contains(pinned[name]), f"{name} {pinned[name]}, expected {one.specifier}"


@pytest.mark.parametrize("name", ["serve", "personsearch", "head", "worker"])
def test_a_service_may_do_what_it_must_and_no_more(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"] == f"{NO_BODY}:{NO_BODY}"
    assert [one.split(":")[0] for one in service["tmpfs"]] == ["/tmp"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & set(service)
    mounted = dict(
        one.rsplit(":", 2)[-2:] if one.endswith(":ro") else (one.split(":")[1], "rw") for one in service["volumes"]
    )
    assert mounted["/recordings"] == "ro", "footage is never written"
    assert set(mounted) <= {"/recordings", "/galleries", "/cases"}
    assert not any("docker.sock" in one for one in service["volumes"])
    assert "healthcheck" not in service if name == "serve" else service["healthcheck"] == {"disable": True}
    for one in service.get("secrets", []):
        assert one in compose()["secrets"]
    assert all(value is None for key, value in service["environment"].items() if key.startswith("AWS_")), (
        "a secret in a file"
    )


def test_only_the_server_is_reached_from_outside_and_by_default_only_from_its_machine() -> None:
    services = compose()["services"]
    assert services["serve"]["ports"] == ["127.0.0.1:8420:8420"]
    assert not [name for name, one in services.items() if name != "serve" and ("ports" in one or "expose" in one)]
    assert {name for name, one in services.items() if one.get("profiles")} == {"personsearch", "head", "worker"}
    for name in ("head", "worker"):
        assert services[name]["networks"] == ["cluster"], "who reaches Ray's ports may run any program"
        assert services[name]["environment"]["RAY_AUTH_MODE"] == "token"


def test_the_commands_of_the_services_bind(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    services = compose()["services"]
    assert not {"entrypoint"} & {*services["serve"], *services["personsearch"]}
    assert binds(services["serve"]["command"], monkeypatch), capsys.readouterr().err
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ray.scripts.scripts import cli as rays
    words = services["serve"]["command"]
    given = {word.split("=")[0]: word.partition("=")[2] for word in words}
    secrets = {given[option].removeprefix("/run/secrets/") for option in ("--token-file", "--tls-cert", "--tls-key")}
    assert secrets == set(services["serve"]["secrets"])
    assert "--token" not in given, "a token on the command line is read by everybody"
    for name in ("head", "worker"):
        assert services[name]["entrypoint"] == ["ray"]
        command, *options = services[name]["command"]
        rays.commands[command].make_context(command, options)  # refuses what it does not know
    assert f"--address={services['head']['hostname']}:6379" in services["worker"]["command"]


def test_the_file_for_gpus_is_about_the_same_services() -> None:
    gpus = compose("compose.cuda.yaml")["services"]
    assert set(gpus) == set(compose()["services"])
    assert all(one == {"build": {"args": {"DEVICE": "cuda"}}, "gpus": "all"} for one in gpus.values())


class Answer(http.server.BaseHTTPRequestHandler):
    """Answers every request with one status."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def answering(status: int, certificate: Path | None = None) -> Iterator[int]:
    """A server at a free port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Answer,), {"status": status}))
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))  # seconds until it sees that it shall end
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def is_healthy(port: int) -> bool:
    check = dict(last_stage())["HEALTHCHECK"].partition(" CMD ")[2]
    words = [sys.executable if word == "python" else word.replace("8420", str(port)) for word in json.loads(check)]
    return subprocess.run(words, timeout=60, check=False, capture_output=True).returncode == 0


def test_the_health_check_tells_a_server_that_answers(tmp_path: Path) -> None:
    made = tmp_path / "both.pem"
    subject = ["-subj", "/CN=localhost", "-days", "2"]
    words = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        str(made),
        "-out",
        str(tmp_path / "c"),
        *subject,
    ]
    subprocess.run(words, check=True, capture_output=True)
    made.write_text(made.read_text() + (tmp_path / "c").read_text())
    with answering(200) as port:
        assert is_healthy(port)
    with answering(401) as port:
        assert is_healthy(port)
    with answering(200, made) as port:
        assert is_healthy(port)
    with answering(500) as port:
        assert not is_healthy(port)
    assert not is_healthy(port), "nobody listens there any more"


def test_the_commands_in_containers_that_the_page_shows_bind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
    lines = [line.strip() for line in re.sub(r"\\\n\s*", "", text).splitlines() if line.startswith("    docker ")]
    ran = [re.split(r" personsearch(?::\w+)? ", line) for line in lines if " build " not in line]
    commands = [shlex.split(parts[-1]) for parts in ran if len(parts) > 1 and parts[-1]]
    assert len(commands) > 1
    for words in commands:
        assert binds(words, monkeypatch), (words, capsys.readouterr().err)
    files = re.findall(r"-f (\S+)", text)
    assert files
    assert all((ROOT / file).is_file() or (DEPLOY / file).is_file() for file in files)


CONFINED = """
set -eu
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /mnt
for place in python image lent recordings galleries; do mkdir /mnt/$place; mount --bind "$1" /mnt/$place; shift; done
for place in /mnt/python /mnt/image /mnt/lent /mnt/recordings /; do mount -o remount,bind,ro $place; done
mount -o remount,ro /mnt
mount -t tmpfs -o mode=1777,noexec,nosuid,nodev tmpfs /tmp
cd /tmp
exec setpriv --reuid 10001 --regid 10001 --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs env -i "$@"
"""
"""What an engine does for a container that may write to one volume and to /tmp: mounts, nobody's number, no rights."""

STEPS = """
set -eu
personsearch() { python -m tools.main "$@"; }
test "$(id -u)" = 10001
! touch /mnt/image/x 2>/dev/null && ! touch /x 2>/dev/null && ! touch /mnt/recordings/x 2>/dev/null
personsearch data plaza square --seed 3 --persons 4 --minutes 0.02 --frame-width 160
personsearch index /mnt/recordings --gallery /mnt/galleries/people
personsearch find /mnt/galleries/people --crop /mnt/recordings/1.png --html /mnt/galleries/answer.html \
    --montage /mnt/galleries/montage.png
python -m tools.main serve /mnt/galleries/people --token 0123456789abcdef --host 0.0.0.0 --port $PORT > /tmp/said &
until grep -q "is at http" /tmp/said; do sleep 0.2; kill -0 $!; done
python -c "$HEALTH"
kill -INT $!
wait $!
"""


@pytest.fixture
def confined(tmp_path: Path) -> list[str]:
    """The words that run something in what an engine would make of the image: the wheel's files, nobody, no rights."""
    missing = [name for name in ("unshare", "setpriv", "mount") if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(f"needs the rights to mount and {', '.join(missing) or 'nothing more'}: run it as root on Linux")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("datasets", "reid", "detection", "search", "tools"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--wheel-dir", str(tmp_path)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(tmp_path)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = tmp_path / "image" / "lib" / python / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    (packages / "lent.pth").write_text("/mnt/lent\n")
    (tmp_path / "image" / "bin").mkdir()
    (tmp_path / "image" / "bin" / "python").symlink_to(f"/mnt/python/bin/{python}")
    (tmp_path / "image" / "pyvenv.cfg").write_text("home = /mnt/python/bin\ninclude-system-site-packages = false\n")
    for name in ("recordings", "galleries"):
        (tmp_path / name).mkdir()
    os.chown(tmp_path / "galleries", NO_BODY, NO_BODY)
    places = [sys.base_prefix, tmp_path / "image", sysconfig.get_path("purelib"), tmp_path / "recordings"]
    return ["unshare", "--mount", "sh", "-c", CONFINED, "sh", *map(str, places), str(tmp_path / "galleries")]


@pytest.mark.slow
def test_the_program_works_as_nobody_where_nothing_can_be_written(tmp_path: Path, confined: list[str]) -> None:
    """The Dockerfile's environment and its check of health, around the files of the wheel; no engine is needed."""
    pictures = np.random.default_rng(0).integers(0, 255, (2, 120, 90, 3), dtype=np.uint8)
    for number, picture in enumerate(pictures, 1):
        cv2.imwrite(str(tmp_path / "recordings" / f"{number}.png"), picture)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    health = json.loads(dict(last_stage())["HEALTHCHECK"].partition(" CMD ")[2])[-1].replace("8420", port)
    given = environment_of_image() | {"PATH": "/mnt/image/bin:/usr/bin:/bin", "PORT": port, "HEALTH": health}
    given["LD_LIBRARY_PATH"] = "/mnt/python/lib"  # of a Python that was not installed where it lies now
    words = [*confined, *(f"{name}={value}" for name, value in given.items()), "sh", "-c", STEPS]
    done = subprocess.run(words, capture_output=True, text=True, timeout=1500, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert "Traceback" not in done.stderr + done.stdout
    assert "frames searched                2" in done.stdout
    made = {one.name for one in (tmp_path / "galleries").iterdir()}
    assert {"people"} <= made <= {"people", "answer.html", "montage.png"}
    assert (tmp_path / "galleries" / "people" / "gallery.json").stat().st_uid == NO_BODY
    assert not list((tmp_path / "image").rglob("__pycache__"))
