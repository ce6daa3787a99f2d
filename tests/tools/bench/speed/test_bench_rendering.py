"""bench rendering: its seconds are those of the processor, its stages those of the work, and too slow is told."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from datasets.worlds import shooting
from datasets.worlds.places import PLACES, SHARES
from tools.main import main

SMALL = ["bench", "rendering", "--place-persons", "3", "--place-cameras", "1", "--moments", "2"]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("bench") / "rendering.json"
    assert main([*SMALL, "--places", "corridor,office", "--json", str(file)]) == 0
    return dict(json.loads(file.read_text()))


def test_every_place_has_a_row_and_the_mean_weighs_them_as_they_are_drawn(measured: dict[str, Any]) -> None:
    figures = measured
    assert [(row["place"], row["frames"]) for row in figures["rows"]] == [("corridor", 2), ("office", 2)]
    for row in figures["rows"]:
        assert row["seconds_a_frame"] == row["seconds"] / 2
        assert row["seconds_a_usual_frame"] == pytest.approx(row["seconds"] * 960 * 540 / row["pixels"])
    corridor, office = (row["seconds_a_usual_frame"] for row in figures["rows"])
    expected = (SHARES["corridor"] * corridor + SHARES["office"] * office) / (SHARES["corridor"] + SHARES["office"])
    assert figures["seconds_a_usual_frame"] == pytest.approx(expected)
    assert figures["peak_mb"] > 100
    assert {"numba", "numpy"} <= set(figures["machine"]["versions"])


def test_the_stages_are_the_whole_work(measured: dict[str, Any]) -> None:
    stages = measured["stages"]
    assert sum(stages.values()) == pytest.approx(1)
    assert all(0 < share < 1 for share in stages.values()), stages


def test_waiting_is_no_work_and_too_slow_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a world that waits for half a second and then works for a tenth of one."""

    def slowly(task: shooting.WorldTask) -> list[object]:
        time.sleep(0.5)
        start = time.process_time()
        while time.process_time() < start + 0.1:
            pass
        return [Frame()] * task.moments

    class Frame:
        width, height = 960, 540

    monkeypatch.setattr(shooting, "shoot_world", slowly)
    words = [*SMALL, "--places", "shop", "--json", str(tmp_path / "slow.json")]
    assert main([*words, "--most-seconds", "0.04"]) == 1
    assert "are more than 0.04" in capsys.readouterr().out
    assert 0.05 <= json.loads((tmp_path / "slow.json").read_text())["seconds_a_usual_frame"] < 0.2
    assert main([*words, "--most-seconds", "0.25"]) == 0
    assert "are not more than 0.25" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--places", "moon"], "places is moon, expected some of street"),
        (["--each", "0"], "each is 0, expected 1 or more"),
        (["--place-persons", "1"], "place_persons is 1, expected 2 or more"),
        (["--seed", "-1"], "seed is -1, expected 0 or more"),
    ],
)
def test_what_cannot_be_measured_is_refused(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "rendering", *words]) == 2
    assert told in capsys.readouterr().err


def test_the_kind_of_a_world_is_known_before_it_is_made(tmp_path: Path) -> None:
    kinds = [shooting.kind_of(shooting.WorldTask(tmp_path, 4, world, 2, 1, 1, False)) for world in range(60)]
    assert set(kinds) == set(PLACES)
