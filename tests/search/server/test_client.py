"""The Python client, and the page docs/api.md: its example runs, its addresses are those that there are."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from blob_scenes import scene
from served import TOKEN, Served, fill, serving
from test_gallery_over_http import png

from datasets.images import decode_image
from search.server.client import Client, ServerError
from search.server.settings import ServerSettings


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "api.md").read_text(encoding="utf-8")


def test_the_example_of_the_page_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    Path("suspect.jpg").write_bytes(png(scene([0])))
    with serving(fill(tmp_path / "gallery")) as served:
        names: dict[str, object] = {}
        exec(compile(example.replace("http://127.0.0.1:8420/", served.address), "api.md", "exec"), names)
        client = Client(served.address)
        (kept,) = client.cases()
    assert (kept["name"], kept["searches"], kept["confirmed"]) == ("The red coat", 1, 1)
    assert decode_image(Path("person.jpg").read_bytes(), Path("x")).shape[2] == 3
    assert b"ftyp" in Path("clip.mp4").read_bytes()[:12]
    assert capsys.readouterr().out.startswith("0 [8.0, 30.0, 26.0, 70.0] ['The person is only 40 pixels tall")


def test_the_page_lists_every_address_and_no_other(page: str, served: Served) -> None:
    listed = set(re.findall(r"^\| `([A-Z]+ /api/[^`]+)`", page, flags=re.MULTILINE))
    with served.client() as client:
        described = client.get("/api/openapi.json").json()
    known = {f"{method.upper()} {path}" for path, methods in described["paths"].items() for method in methods}
    assert listed == known


def test_the_reference_for_people_names_every_address_and_loads_nothing(served: Served) -> None:
    with served.client() as client:
        shown = client.get("/api/reference").text
        paths = client.get("/api/openapi.json").json()["paths"]
    assert not [path for path in paths if path not in shown]
    assert not re.findall(r"<script|<link|<style|style=|src=|https?://", shown)
    assert "minimum_similarity" not in shown  # it stands in GivenFilters, which programs look up
    assert "examples" in shown


def test_every_method_of_the_client_answers(served: Served, tmp_path: Path) -> None:
    client = Client(served.address)
    assert client.gallery()["name"] == client.status()["gallery"] == "people"
    assert client.jobs() == []
    frames = client.frames("south/east", limit=2)
    assert (len(frames["frames"]), frames["total"]) == (2, 6)
    frame = frames["frames"][0]["frame"]
    person = client.people(frame)[0]["sighting"]
    assert decode_image(client.frame_picture(frame, 80), Path("x")).shape == (60, 80, 3)
    assert client.sighting(person)["frame"] == frame
    assert len(client.nearby(person, 0)) == 2
    probe = client.upload(png(scene([0])))
    case = client.create_case("one")["case"]
    answer = client.search([{"probe": probe["probe"], "person": 0}], case=case, limit=2)
    assert len(answer["sightings"]) == 2
    client.note(case, "a note")
    assert client.mark(case, answer["sightings"][0]["sighting"], "rejected")["rejected"] == 1
    assert [one["text"] for one in client.case(case)["notes"]] == ["a note"]


def test_a_refusal_is_an_error_with_its_sentence(served: Served) -> None:
    client = Client(served.address)
    with pytest.raises(ServerError, match="no camera of this name") as refused:
        client.frames("nowhere")
    assert refused.value.status == 404
    with pytest.raises(ServerError, match="is no picture"):
        client.upload(b"hello")
    with pytest.raises(ValueError, match="expected one such as"):
        Client("ftp://127.0.0.1/")


def test_a_token_over_tls(gallery: Path, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl, which makes a certificate")
    words = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(
        [*words.split(), "-keyout", "key.pem", "-out", "cert.pem"], cwd=tmp_path, check=True, capture_output=True
    )
    settings = ServerSettings(port=0, token=TOKEN, certificate=tmp_path / "cert.pem", key=tmp_path / "key.pem")
    with serving(gallery, settings) as served:
        assert served.address.startswith("https://")
        assert Client(served.address, token=TOKEN, certificate=tmp_path / "cert.pem").gallery()["name"] == "people"
        with pytest.raises(ServerError, match="needs its token"):
            Client(served.address, certificate=tmp_path / "cert.pem").gallery()
        with served.client(verify=False) as client:
            answer = client.post("/api/login", json={"token": TOKEN})
            assert "secure" in answer.headers["set-cookie"].lower()
            assert answer.headers["strict-transport-security"]
