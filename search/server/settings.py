"""What a server is told: where it listens, who may ask it, and how much it takes; checked before anything is opened."""

import ipaddress
import ssl
from dataclasses import dataclass, field
from pathlib import Path

SHORTEST_TOKEN = 16

DEFAULT_PORT = 8420


@dataclass(frozen=True)
class RequestLimits:
    """How much of one request is taken.

    Args:
        upload_bytes: A request that uploads a picture may have so many bytes.
        other_bytes: Any other request may have so many bytes.
        seconds: A request must arrive whole within so many seconds.
        header_seconds: Its headers must arrive within so many seconds.
        uploads_at_once: So many uploads may arrive at the same time.
        logins_a_minute: More wrong tokens than this from one address within a minute, and nobody there is let in for
            the rest of it.
    """

    upload_bytes: int = 21 * 1024 * 1024
    other_bytes: int = 256 * 1024
    seconds: float = 60.0
    header_seconds: float = 10.0
    uploads_at_once: int = 4
    logins_a_minute: int = 10


@dataclass(frozen=True)
class ServerSettings:
    """Where a server listens and who may ask it.

    >>> ServerSettings().is_local, ServerSettings("192.0.2.7", token="0123456789abcdef").is_local
    (True, False)
    >>> ServerSettings("0.0.0.0")
    Traceback (most recent call last):
    ValueError: --host 0.0.0.0 lets other machines in, expected a --token that they must know; leave --host out ...

    Args:
        host: The address to listen at. One that other machines reach needs a token.
        port: The port to listen at; 0 takes a free one.
        token: The word that every request must bring; None lets everybody on this machine in.
        certificate: The TLS certificate with its chain, as a PEM file; None speaks plain HTTP.
        key: The private key of the certificate, as a PEM file.
        names: Further names by which browsers may call the server, such as "desk.example.org".
        limits: How much of one request is taken.

    Raises:
        ValueError: The settings would let others in without a token, the token is too short, or the certificate and
            the key do not belong together.
        FileNotFoundError: The certificate or the key is missing.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    token: str | None = field(default=None, repr=False)
    certificate: Path | None = None
    key: Path | None = None
    names: tuple[str, ...] = ()
    limits: RequestLimits = field(default_factory=RequestLimits)

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(f"--port {self.port}, expected 0 to 65535; 0 takes a free one")
        if self.token is None and not self.is_local:
            raise ValueError(
                f"--host {self.host} lets other machines in, expected a --token that they must know; leave --host out "
                "to serve this machine alone"
            )
        if self.token is None and self.names:
            raise ValueError(
                f"--names {','.join(self.names)} lets browsers of other machines in, expected a --token that they must "
                "know; leave --names out to serve this machine alone"
            )
        if self.token is not None and (len(self.token) < SHORTEST_TOKEN or not _printable(self.token)):
            raise ValueError(
                f"the token has {len(self.token)} characters, expected at least {SHORTEST_TOKEN} letters, digits and "
                "signs without blanks; `openssl rand -hex 24` makes a good one"
            )
        if (self.certificate is None) != (self.key is None):
            raise ValueError("only one of --tls-cert and --tls-key is given, expected both or none")
        if self.certificate is not None and self.key is not None:
            _require_pair(self.certificate, self.key)

    @property
    def is_local(self) -> bool:
        """Whether only programs on this machine reach the server."""
        return is_loopback(self.host)

    @property
    def scheme(self) -> str:
        """The beginning of the server's address: "http", or "https" with a certificate."""
        return "http" if self.certificate is None else "https"

    def address(self, port: int) -> str:
        """The address to open in a browser.

        Args:
            port: The port that the server got.
        """
        host = self.host
        if host in ("0.0.0.0", "::", ""):
            host = "127.0.0.1"
        return f"{self.scheme}://{f'[{host}]' if ':' in host else host}:{port}/"


def is_loopback(host: str) -> bool:
    """Whether a host's name means this machine alone.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1", "10.0.0.5", "localhost.example.org")]
    [True, True, True, False, False]
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _printable(token: str) -> bool:
    return token.isascii() and token.isprintable() and " " not in token


def _require_pair(certificate: Path, key: Path) -> None:
    for option, file in (("--tls-cert", certificate), ("--tls-key", key)):
        if not file.is_file():
            raise FileNotFoundError(f"{option} {file} is not there; expected a PEM file")
    try:
        # An encrypted key would ask for its password on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: "")
    except (ssl.SSLError, OSError, ValueError) as error:
        raise ValueError(
            f"--tls-cert {certificate} and --tls-key {key} are no pair ({error}); give a PEM certificate and its key "
            "without a password"
        ) from error
