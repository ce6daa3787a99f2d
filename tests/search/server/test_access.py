"""Who may ask: unsafe settings are refused, sessions end, wrong tokens of one address stop only that address."""

import socket

import pytest
from served import TOKEN

from search.desk.jobs import Jobs
from search.desk.loaded_models import MOST_WAITING, LoadedModels
from search.desk.refusals import NotReady, TooMany
from search.server.access import SESSION_SECONDS, Access, TooManyTries
from search.server.running import listening_socket
from search.server.settings import ServerSettings


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_no_part_of_an_answer_waits_for_the_reader_to_confirm_another() -> None:
    """Waiting took 40 ms of each answer (Nagle's algorithm and delayed confirmations)."""
    settings = ServerSettings(port=0)
    with listening_socket(settings) as listening, socket.create_connection(listening.getsockname()):
        connection, _ = listening.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_wrong_tokens_of_one_address_stop_that_address_for_a_minute() -> None:
    clock = Clock()
    access = Access(TOKEN, tries_a_minute=3, clock=clock)
    for _ in range(3):
        assert access.who("wrong", None, "192.0.2.1") is None
    with pytest.raises(TooManyTries):
        access.who(TOKEN, None, "192.0.2.1")
    assert access.who(TOKEN, None, "192.0.2.2") == "holder of the token"
    clock.now = 61
    assert access.login(TOKEN, "", "192.0.2.1") is not None


def test_a_session_ends_with_time_and_when_asked() -> None:
    clock = Clock()
    access = Access(TOKEN, clock=clock)
    first, second = (access.login(TOKEN, name, "a") for name in (" Anna\u202e ", "Ben"))
    assert first is not None
    assert second is not None
    assert (access.who(None, first, "a"), access.who(None, second, "b")) == ("Anna", "Ben")
    access.logout(first)
    assert access.who(None, first, "a") is None
    clock.now = SESSION_SECONDS
    assert access.who(None, second, "a") is None
    assert access.who(None, "", "a") is access.who(None, None, "a") is None


def test_without_a_token_there_is_a_user_and_no_word_is_the_token() -> None:
    access = Access(None)
    assert access.who(None, None, "a")
    assert not access.is_token("")


@pytest.mark.parametrize(
    "token", ["", "short", "fifteen letters", "with a blank in it", "tab\tin the middle of it", "ü" * 20]
)
def test_a_token_that_is_weak_or_no_header(token: str) -> None:
    with pytest.raises(ValueError, match="expected at least 16"):
        ServerSettings(token=token)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org", ""])
def test_every_address_that_others_reach_needs_a_token(host: str) -> None:
    with pytest.raises(ValueError, match="--token"):
        ServerSettings(host)
    assert not ServerSettings(host, token=TOKEN).is_local
    for own in ("127.0.0.1", "127.3.2.1", "::1", "localhost"):
        assert ServerSettings(own).is_local


def test_models_that_cannot_be_loaded_tell_no_path(caplog: pytest.LogCaptureFixture) -> None:
    def load() -> None:
        raise FileNotFoundError("/disk/secret/model.safetensors is missing")

    models = LoadedModels(load, Jobs())  # type: ignore[arg-type]
    with pytest.raises(NotReady, match="log") as refused, models.used():
        pass
    assert "/disk" not in str(refused.value)
    assert "/disk/secret" in caplog.text


def test_only_so_many_wait_for_the_models() -> None:
    models = LoadedModels(lambda: None, Jobs())  # type: ignore[arg-type,return-value]
    for _ in range(MOST_WAITING):
        models._waiting.acquire()
    with pytest.raises(TooMany), models.used():
        pass
