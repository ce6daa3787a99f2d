"""The tables of BENCHMARKS.md are written from figures, each into its place, and say where they come from."""

import json
from pathlib import Path

import pytest

from tools.bench import benchmarks
from tools.bench.speed.measured import Measured, Run
from tools.main import COMMANDS, main
from tools.outcome import write_json


def write_figures(file: Path, *measured: Measured) -> None:
    """The file that a bench writes."""
    outcome = Run.of("bench startup", {}, None).outcome("", {}, measured, ["numpy"], load=0.25)
    write_json(file, {"command": "bench startup", **outcome.figures, "made_by": "personsearch bench startup"})


@pytest.fixture
def page(tmp_path: Path, repository: Path) -> Path:
    file = tmp_path / "BENCHMARKS.md"
    file.write_text((repository / "BENCHMARKS.md").read_text(encoding="utf-8"), encoding="utf-8")
    return file


def test_a_table_is_written_into_its_place_and_the_rest_stays(page: Path, tmp_path: Path) -> None:
    slow = Measured("find", 3.21, asked=2.5, baseline="imports", baseline_value=3.0)
    quick = Measured("help", 0.0444, asked=0.3, baseline="Python", baseline_value=0.0222)
    many = Measured("filling", 12345.6, "sightings/s", asked_ratio=3, baseline="by hand", baseline_value=2.0,
                    more_is_better=True)  # fmt: skip
    write_figures(tmp_path / "startup.json", slow, quick, many, Measured("alone", 100.0, "ms"))
    before = page.read_text()
    assert main(["bench", "page", str(tmp_path), "--page", str(page)]) == 0
    begin, end = benchmarks.Block.of("startup")
    head, rest = before.split(begin)
    after = page.read_text()
    assert after.startswith(head + begin + "`personsearch bench startup`, commit ")
    assert after.endswith(end + rest.split(end)[1])
    table = after.split(begin)[1].split(end)[0]
    assert "load average at the start 0.25" in table
    assert "| find | 3.21 s | imports | 3 s | 0.935 | **at most 2.5 s: not reached** |" in table
    assert "| help | 0.0444 s | Python | 0.0222 s | 0.5 | at most 0.3 s |" in table
    assert "| filling | 12,346 sightings/s | by hand | 2 sightings/s | 6,173 | at least 3 times |" in table
    assert "| alone | 100 ms |  |  |  |  |" in table
    assert main(["bench", "page", str(tmp_path), "--page", str(page)]) == 0
    assert page.read_text() == after


def test_columns_that_say_nothing_are_left_out(tmp_path: Path) -> None:
    write_figures(tmp_path / "one.json", Measured("brew", 1.0))
    table = benchmarks.told_of(json.loads((tmp_path / "one.json").read_text()))
    assert table.endswith("|  | figure |\n| --- | --- |\n| brew | 1 s |")


def test_every_bench_has_a_command_and_a_place_on_the_page(repository: Path) -> None:
    text = (repository / "BENCHMARKS.md").read_text(encoding="utf-8")
    for name, command in benchmarks.BENCHES.items():
        begin, end = benchmarks.Block.of(name)
        assert text.count(begin) == text.count(end) == 1
        assert " ".join(command.split()[:2]) in COMMANDS


def test_every_bench_is_run_and_what_fails_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With two benches: one that is measured, and one that cannot be."""
    benches = {"startup": "bench startup --repeats 1 --only python", "broken": "bench startup --repeats 0"}
    monkeypatch.setattr(benchmarks, "BENCHES", benches)
    assert main(["bench", "all", str(tmp_path / "figures")]) == 1
    said = capsys.readouterr()
    assert "`personsearch bench startup --repeats 0` ended with status 2" in said.err
    figures = json.loads((tmp_path / "figures" / "startup.json").read_text())
    assert figures["made_by"] == "personsearch bench startup --repeats 1 --only python"
    assert not (tmp_path / "figures" / "broken.json").exists()


def test_what_cannot_be_written_is_refused(page: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused() -> str:
        assert main(["bench", "page", str(tmp_path), "--page", str(page)]) == 2
        return capsys.readouterr().err

    assert "holds no figures, expected files that" in refused()
    (tmp_path / "startup.json").write_text("{}")
    assert "startup.json holds no figures" in refused()
    write_figures(tmp_path / "startup.json", Measured("brew", 1.0))
    page.write_text("# Nothing")
    assert "has no place for the table, expected the lines <!-- startup" in refused()
    assert main(["bench", "all", str(tmp_path), "--only", "coffee"]) == 2
    assert "only is coffee, expected some of startup" in capsys.readouterr().err
