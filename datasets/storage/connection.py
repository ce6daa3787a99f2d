"""The way to a server of object storage, which the usual environment variables describe."""

import functools
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem

SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")
"""Variables whose values no message may show."""

WHAT_TO_CHECK = (
    "check the bucket, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and, for a server of your own, "
    "AWS_ENDPOINT_URL"
)

CONNECT_SECONDS, REQUEST_SECONDS, ATTEMPTS = 10.0, 60.0, 4


def endpoint() -> str | None:
    """The address of the server, None for the one of Amazon.

    Raises:
        OSError: The variable holds something else than an address.
    """
    address = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None
    if address is not None and not address.startswith(("http://", "https://")):
        raise OSError(f"AWS_ENDPOINT_URL is {address!r}, expected an address such as https://storage.example.org")
    return None if address is None else address.rstrip("/")


def table_options() -> Mapping[str, str]:
    """What the store of tables is told beside the variables that it reads by itself; never a credential."""
    address = endpoint()
    if address is None:
        return {}
    return {"aws_endpoint": address} | ({"allow_http": "true"} if address.startswith("http://") else {})


def file_system() -> "S3FileSystem":
    """The files of the server, by keys "bucket/name"."""
    return _connected(endpoint())


@functools.cache
def _connected(address: str | None) -> "S3FileSystem":
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

    scheme, _, host = (address or "https://").partition("://")
    return S3FileSystem(
        scheme=scheme,
        endpoint_override=host or None,
        connect_timeout=CONNECT_SECONDS,
        request_timeout=REQUEST_SECONDS,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
        allow_delayed_open=True,  # a small file is one request
    )


@contextmanager
def said_plainly(place: object, what: str) -> Iterator[None]:
    """Say in one line what the server refused; a file that is missing stays a FileNotFoundError.

    Args:
        place: The file or folder.
        what: What was tried: "read", "written".

    Raises:
        FileNotFoundError: There is no such file.
        OSError: The server cannot be reached, or refuses.
    """
    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(f"{place} is not there") from None
    except OSError as error:
        raise OSError(refusal(place, what, str(error))) from None


def is_refused(text: str) -> bool:
    """Whether the store of tables says that a server does not answer or refuses, not that something is lost there."""
    return any(words in text for words in ("Generic S3 error", "necessary privileges", "authenticat"))


def refusal(place: object, what: str, text: str) -> str:
    """One line about what a server of object storage refused, without a credential.

    Args:
        place: The file, folder or gallery.
        what: What was tried: "read", "written".
        text: What the library says of it.
    """
    reason = text.strip().splitlines()[0].split(" (Request ID")[0]
    # "When reading ...: AWS Error ACCESS_DENIED during ...": what was tried is said already.
    reason = reason[reason.find("AWS Error ") :] if "AWS Error " in reason else reason
    for name in SECRETS:
        if value := os.environ.get(name):
            reason = reason.replace(value, f"<{name}>")
    return f"{place} could not be {what}: {reason[:300]}; {WHAT_TO_CHECK}"
