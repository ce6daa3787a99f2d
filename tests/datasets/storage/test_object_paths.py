"""Places on object storage: read and written as files are, and nothing that object storage has not."""

import os
import pickle
import threading
import time
from pathlib import Path

import pytest

from datasets.files import write_whole
from datasets.storage import leases
from datasets.storage.connection import table_options
from datasets.storage.leases import held
from datasets.storage.places import ObjectPath, place, sizes_below


def folder(bucket: str) -> ObjectPath:
    found = place(f"{bucket}/people")
    assert isinstance(found, ObjectPath)
    return found


def test_only_an_address_leads_to_object_storage() -> None:
    for named in ("people", "/disk/people", "s3", "./s3/people", Path("people")):
        assert place(named) == Path(named)
        assert not isinstance(place(named), ObjectPath)
    for named in ("s3://bucket/people", Path("s3://bucket/people"), place("s3://bucket/people")):
        found = place(named)
        assert isinstance(found, ObjectPath)
        assert str(found) == f"{found}" == "s3://bucket/people"
        assert isinstance(found / "tables" / "a.json", ObjectPath)
        assert isinstance(found.parent, ObjectPath)
        assert str(pickle.loads(pickle.dumps(found / "a"))) == "s3://bucket/people/a"
        assert str((found / "a.json").with_suffix(".txt")) == "s3://bucket/people/a.txt"


def test_a_file_is_written_whole_read_in_parts_and_removed(bucket: str) -> None:
    people = folder(bucket)
    assert not people.exists()
    assert not people.is_dir()
    assert list(people.iterdir()) == []
    people.mkdir(parents=True, exist_ok=True)
    write_whole(people / "a.json", "größer", durable=True)
    write_whole(people / "b.pack", b"0123456789")
    write_whole(people / "below" / "c.pack", b"456")
    assert people.is_dir()
    assert not people.is_file()
    assert (people / "a.json").is_file()
    assert (people / "a.json").read_text(encoding="utf-8") == "größer"
    with (people / "b.pack").open("rb") as file:
        file.seek(3)
        assert file.read(4) == b"3456"
    assert [one.name for one in people.iterdir()] == ["a.json", "b.pack", "below"]
    assert [one.name for one in people.glob("*.pack")] == ["b.pack"]
    assert sorted(sizes_below(people)) == [3, 8, 10]
    (people / "b.pack").unlink()
    (people / "b.pack").unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError, match=r"b.pack is not there"):
        (people / "b.pack").unlink()
    with pytest.raises(FileNotFoundError, match=r"b.pack is not there"):
        (people / "b.pack").read_bytes()


def test_the_number_of_a_file_changes_with_its_content(bucket: str) -> None:
    file = folder(bucket) / "a.json"
    write_whole(file, "one")
    before = file.stat()
    write_whole(file, "two")
    assert file.stat().st_ino != before.st_ino
    assert (before.st_size, before.st_mtime_ns > 0, abs(before.st_mtime - time.time()) < 60) == (3, True, True)


def test_what_object_storage_has_not_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    people = place("s3://bucket/people")
    refused = "s3://bucket/people is on object storage, expected a file or folder of this machine"
    for attempt in (people.touch, people.rmdir, people.lstat, people.readlink, lambda: people.open("ab")):
        with pytest.raises(OSError, match=refused):
            attempt()
    with pytest.raises(OSError, match=refused):
        os.fspath(people)
    with pytest.raises(OSError, match=refused):
        open(people)  # noqa: SIM115
    assert not list(tmp_path.iterdir())


def test_a_missing_bucket_is_named(bucket: str) -> None:
    people = place("s3://no-such-bucket/people")
    assert not people.exists()
    with pytest.raises(FileNotFoundError, match="there is no bucket s3://no-such-bucket, expected one; make it first"):
        people.mkdir()
    with pytest.raises(OSError, match=r"s3://no-such-bucket/people/a could not be written: AWS Error NO_SUCH_BUCKET"):
        (people / "a").write_bytes(b"a")


def test_a_server_that_cannot_be_reached_is_named_without_a_secret(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "connect to server")  # a word of the server's message
    with pytest.raises(OSError, match="could not be read: AWS Error NETWORK_CONNECTION") as caught:
        folder(bucket).exists()
    assert "AWS_ENDPOINT_URL" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "Could not <AWS_SECRET_ACCESS_KEY>" in str(caught.value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "127.0.0.1:9000")
    with pytest.raises(OSError, match=r"AWS_ENDPOINT_URL is '127.0.0.1:9000', expected an address such as https://"):
        folder(bucket).exists()


def test_the_store_of_tables_is_told_the_address_and_no_credential(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert table_options() == {"aws_endpoint": os.environ["AWS_ENDPOINT_URL"], "allow_http": "true"}
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://storage.example.org/")
    assert table_options() == {"aws_endpoint": "https://storage.example.org"}
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert table_options() == {}


def test_writers_hold_leases_together_and_one_who_is_alone_waits_for_all(bucket: str) -> None:
    """Many threads come and go; nobody is ever inside with one who asked to be alone."""
    place_of_leases = folder(bucket) / ".writing"
    inside: list[bool] = []
    wrong: list[list[bool]] = []
    lock = threading.Lock()

    def write(alone: bool) -> None:
        for _ in range(2):
            with held(place_of_leases, alone=alone):
                with lock:
                    if inside and (alone or True in inside):
                        wrong.append(list(inside))
                    inside.append(alone)
                time.sleep(0.05)
                with lock:
                    inside.remove(alone)

    threads = [threading.Thread(target=write, args=(alone,)) for alone in (False, False, False, True, True)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not wrong
    assert place_of_leases.times() == {}
    with held(place_of_leases, alone=False), held(place_of_leases, alone=False):
        assert len(place_of_leases.times()) == 2, "those who write together do not wait for each other"


def test_the_lease_of_a_killed_process_counts_no_more_after_a_while(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LEASE_SECONDS", 1.5)
    place_of_leases = folder(bucket) / ".writing"
    (place_of_leases / "alone-of-a-killed-process").write_bytes(b"")
    begun = time.monotonic()
    with held(place_of_leases, alone=False):
        pass
    assert time.monotonic() - begun > 0.5
    assert place_of_leases.times() == {}


def test_a_lease_is_renewed_while_it_is_held_and_its_loss_is_told(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LEASE_SECONDS", 2.0)
    monkeypatch.setattr(leases, "RENEWED_SECONDS", 0.2)
    place_of_leases = folder(bucket) / ".writing"
    with held(place_of_leases, alone=True):
        (first,) = place_of_leases.times().values()
        time.sleep(2.2)
        (last,) = place_of_leases.times().values()
    assert last > first
    monkeypatch.setattr(leases, "LEASE_SECONDS", 0.1)
    monkeypatch.setattr(leases, "RENEWED_SECONDS", 60.0)
    with (
        pytest.raises(
            OSError, match=r"another program may have written meanwhile; run `personsearch gallery check s3:"
        ),
        held(place_of_leases, alone=True),
    ):
        time.sleep(0.2)
