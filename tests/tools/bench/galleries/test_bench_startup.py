"""bench startup: each repeat is a process of its own, and the gallery is one that pictures can be searched in."""

import json
from pathlib import Path

import pytest

from search import Gallery, PersonSearch
from tools.bench.galleries import startup as bench
from tools.main import main


def test_lines_are_measured_beside_their_baselines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "startup.json"
    words = ["bench", "startup", "--repeats", "2", "--only", "python,help,import", "--json", str(file)]
    assert main(words) == 0
    figures = json.loads(file.read_text())
    python, shown, imported = figures["measured"]
    assert [one["asked"] for one in (python, shown, imported)] == [None, 0.3, 0.2]
    for one in (python, shown, imported):
        assert len(one["repeats"]) == 2
        assert one["value"] == min(one["repeats"]) > 0
    assert shown["baseline_value"] == imported["baseline_value"] == python["value"]
    assert 0 < figures["lines"]["help"]["processor_seconds"][0] < 5
    text = capsys.readouterr().out
    assert "personsearch --help" in text
    assert figures["machine"]["versions"]["lancedb"] in text


def test_every_repeat_is_a_process_of_its_own(tmp_path: Path) -> None:
    code = f"import os, time; time.sleep(0.05); open({str(tmp_path / 'ids')!r}, 'a').write(f'{{os.getpid()}} ')"
    taken = bench._processes(["-c", code], 3)
    assert len(set((tmp_path / "ids").read_text().split())) == 3
    assert all(one >= 0.05 for one in taken.seconds)
    assert len(taken.processor_seconds) == 3
    assert all(one < seconds for one, seconds in zip(taken.processor_seconds, taken.seconds, strict=True))


def test_a_process_that_fails_is_no_figure() -> None:
    with pytest.raises(ChildProcessError, match="of all things"):
        bench._processes(["-c", "raise SystemExit('of all things')"], 1)


def test_the_gallery_is_searched_by_pictures_and_kept(tmp_path: Path) -> None:
    place = tmp_path / "gallery"
    bench.make_gallery(place, 9)
    written = (place / "gallery.json").read_bytes()
    search = PersonSearch.from_gallery(place)
    picture = bench._picture(tmp_path)
    from datasets.images import read_image

    with Gallery.open(place) as gallery:
        assert read_image(picture).shape == (192, 96, 3)
        assert len(search.find(gallery, crop=read_image(picture))) == 9
    bench.make_gallery(place, 9)
    assert (place / "gallery.json").read_bytes() == written
    with pytest.raises(ValueError, match=r"has 9 sightings, expected 10; give --rows 9"):
        bench.make_gallery(place, 10)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--only", "coffee"], "only is coffee, expected some of python, libraries, help"),
        (["--repeats", "0"], "rows is 100000, repeats 0, expected at least 1 of each"),
    ],
)
def test_what_cannot_be_measured_is_refused(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "startup", *words]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.slow
def test_a_search_is_measured_with_and_without_a_server(tmp_path: Path) -> None:
    file = tmp_path / "startup.json"
    words = ["bench", "startup", "--rows", "200", "--repeats", "2", "--only", "libraries,find,served"]
    assert main([*words, "--json", str(file)]) == 0
    libraries, find, served = (one["value"] for one in json.loads(file.read_text())["measured"])
    assert served < find < 2 * libraries
