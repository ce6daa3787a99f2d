"""personsearch serve: the gallery in a browser."""

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from search.models.model_files import ModelFiles
from tools.commands.find import JOINT_ALONE
from tools.installation import loading
from tools.outcome import Outcome

if TYPE_CHECKING:
    from search.server.settings import ServerSettings

TOKEN_VARIABLE = "PERSONSEARCH_TOKEN"


@dataclass(frozen=True)
class Listening:
    """Where the server listens, and who may ask it.

    Args:
        host: The address to listen at. With the default only this machine can open the page; any other address needs a
            token.
        port: The port to listen at; 0 takes a free one.
        token: A password of at least 16 characters that everybody must type before the page opens. Other users of this
            machine can read a typed command. The variable PERSONSEARCH_TOKEN or --token-file keeps the token out of it.
        token_file: A file whose first line is the token.
        tls_cert: The TLS certificate with its chain, a PEM file, so that nobody on the way reads along.
        tls_key: The private key of the certificate, a PEM file without a password.
        names: Further names by which browsers may call the server: desk.example.org,desk.
    """

    host: str = "127.0.0.1"
    port: int = 8420
    token: str | None = None
    token_file: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    names: list[str] | None = None

    def settings(self) -> "ServerSettings":
        """The same as the server takes it."""
        from search.server.settings import ServerSettings

        names = tuple(self.names or ())
        return ServerSettings(self.host, self.port, self._token(), self.tls_cert, self.tls_key, names)

    def _token(self) -> str | None:
        if self.token is not None and self.token_file is not None:
            raise ValueError("--token and --token-file are given, expected one of them; leave one out")
        if self.token_file is not None:
            lines = self.token_file.read_text(encoding="utf-8").splitlines()
            return lines[0].strip() if lines else ""
        return self.token if self.token is not None else os.environ.get(TOKEN_VARIABLE)


def serve(
    gallery: Path,
    *,
    listening: Listening = Listening(),
    model: Path | None = None,
    second_stage: Path | None = None,
    calibration: Path | None = None,
    cases: Path | None = None,
) -> Outcome:
    """Open a gallery in the browser: choose or upload a picture, click a person, see who looks like them elsewhere.

    The address to open is printed. Only this machine can open it, unless --host and a token say otherwise. Ctrl-C ends
    the server. Nothing leaves the machine, and nothing is loaded from the network.

    Example:
        personsearch serve people

    Args:
        gallery: The gallery's folder, made by `personsearch index`.
        listening: Where the server listens, and who may ask it.
        model: Where the joint model of the gallery is now, if its file has been moved. If the gallery has a second
            stage, give --second-stage too. Otherwise the joint model ranks alone, and a line says so.
        second_stage: Where the crop model of the gallery is now, if its file has been moved.
        calibration: A file that `personsearch calibrate` wrote. Verdicts are taken from it even if it was made on other
            cameras than the gallery's.
        cases: The folder of the cases and of audit.jsonl, the log of who did what; by default the folder `cases` in
            the gallery.
    """
    _require_extra()
    settings = listening.settings()
    with loading():
        from search.desk.desk import Desk, DeskSettings
        from search.server.app import make_app
        from search.server.running import run

    desk = Desk(DeskSettings(gallery, ModelFiles(model, second_stage), calibration, cases=cases))

    def begun(address: str) -> None:
        print(f"gallery {gallery} with {len(desk.gallery.catalog()):,} frames is at {address}", flush=True)
        if model is not None and second_stage is None and desk.gallery.description.embedded_by.second_stage is not None:
            print(JOINT_ALONE, flush=True)
        if not settings.is_local and settings.certificate is None:
            print("without --tls-cert, whoever is on the way can read along and learn the token", flush=True)
        print(f"who did what is written to {desk.record.path}; Ctrl-C ends the server", flush=True)

    try:
        run(make_app(desk, settings), settings, begun)
    finally:
        desk.close()
    return Outcome("the server has ended", {"gallery": gallery, "host": settings.host})


def _require_extra() -> None:
    """Say in one line what is to be installed where the libraries of the server are missing."""
    missing = [name for name in ("fastapi", "uvicorn", "python_multipart") if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(
            f"the server needs {', '.join(missing)}, which is not installed; `pip install 'personsearch[ui]'` installs "
            "all that it needs"
        )
