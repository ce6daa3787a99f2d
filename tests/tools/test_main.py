"""The command line as a user meets it: what it prints where, and with which exit status."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from datasets.boxes import as_boxes
from tools.errors import one_line
from tools.main import COMMANDS, Command, main
from tools.outcome import Outcome, table, write_json


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("personsearch: ")
    return line


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> str:
    """A command whose function a test can choose by setting `chosen` in this module."""
    monkeypatch.setitem(COMMANDS, "try it", Command(__name__, "chosen", "for the tests"))
    return "try it"


def chosen(
    root: Path,
    *,
    count: int = 1,
    box: tuple[float, float] | None = None,
    loud: bool = False,
    cameras: list[int | str] | None = None,
    crops: list[Path] | None = None,
    names: list[str] | None = None,
) -> Outcome:
    """Hand the arguments back.

    Args:
        root: a folder.
        count: how many times to say it.
        box: two numbers.
        loud: whether to shout.
        cameras: which.
        crops: pictures.
        names: texts.
    """
    figures = {"root": root, "count": count, "box": box, "loud": loud}
    figures |= {"cameras": cameras, "crops": crops, "names": names}
    if count == 13:
        raise ValueError("count is 13,\nexpected a lucky number; choose another")
    if count == 14:
        np.zeros(3).reshape(2, 2)
    if count == 15:
        (root / "absent.txt").read_text()
    if count == 16:
        raise KeyboardInterrupt
    return Outcome(f"count {count}", figures, failures=["frame 3 is broken"] if count == 17 else [])


def run_python(code: str, *, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    repository = Path(__file__).resolve().parents[2]
    folders = [str(folder) for folder in (path, repository) if folder is not None]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
    return subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, env=environment, timeout=60, check=False
    )


def test_the_overview_lists_every_command_and_loads_nothing_heavy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(f"  {name}  " in printed for name in COMMANDS), "two blanks before what a command does"
    code = "import sys; from tools.main import main; main(['--help']); print(sorted(sys.modules))"
    loaded = run_python(code)
    assert loaded.returncode == 0
    assert not any(f"'{heavy}'" in loaded.stdout for heavy in ("torch", "cv2", "numpy", "jsonargparse", "lancedb"))


def test_help_explains_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "plaza", "--help"]) == 0
    printed = capsys.readouterr().out
    assert "--frame-width" in printed
    assert "--json FILE" in printed
    assert main(["data", "--help"]) == 0
    assert "data convert" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["dat", "check"], "did you mean `personsearch data check`?"),
        (["data"], "data check, data convert"),
        (["data", "chek", "x"], "data chek is no command"),
        (["try", "it"], "ROOT is missing"),
        (["try", "it", ".", "more"], "more is one word too many"),
        (["try", "it", ".", "--cout", "3"], "--cout is no option of this command, did you mean --count?"),
        (["try", "it", ".", "--root", "."], "--root is no option of this command: its value stands without a name"),
        (
            ["train", "joint", ".", "--epoch", "3"],
            "--epoch is no option of this command, did you mean --training.epochs?",
        ),
        (["try", "it", ".", "--count", "many"], "--count is many, expected a whole number"),
        (["try", "it", ".", "--box", "1,2,3"], "--box is 1,2,3, expected two numbers x1,y1,x2,y2"),
        (["try", "it", ".", "--progress", "no"], "--progress is no, expected one of auto, always, never"),
        (["try", "it", ".", "--config", "nowhere"], "--config nowhere is no file"),
        (["try", "it", ".", "--json", "."], "--json . is a folder"),
        (["data", "check", "no/such/folder"], "no/such/folder"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    words: list[str], expected: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert expected in error_line(capsys)


def test_words_reach_the_function(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "new" / "figures.json"
    assert main([*command.split(), "here", "--count", "5", "--box", "-1,2.5", "--loud", "--json", str(file)]) == 0
    captured = capsys.readouterr()
    assert captured.out == "count 5\n"
    assert captured.err == ""
    figures = json.loads(file.read_text())
    expected = {"command": command, "root": "here", "count": 5, "box": [-1.0, 2.5], "loud": True, "failures": []}
    assert figures == {**expected, "cameras": None, "crops": None, "names": None}


@pytest.mark.parametrize(
    ("words", "name", "expected"),
    [
        (["--cameras", "1,north,-2"], "cameras", [1, "north", -2]),
        (["--cameras=7"], "cameras", [7]),
        (["--cameras", "[1, a]"], "cameras", [1, "a"]),
        (["--crops", "a: b#.jpg,{x}.jpg"], "crops", ["a: b#.jpg", "{x}.jpg"]),
        (["--names", "1,2.50,yes,null"], "names", ["1", "2.50", "yes", "null"]),
        (["--names", "one"], "names", ["one"]),
    ],
)
def test_lists_are_typed_with_commas(
    words: list[str], name: str, expected: list[str], command: str, tmp_path: Path
) -> None:
    file = tmp_path / "figures.json"
    assert main([*command.split(), "here", *words, "--json", str(file)]) == 0
    assert json.loads(file.read_text())[name] == expected


def test_presets_and_files_give_values_that_options_override(command: str, tmp_path: Path) -> None:
    preset = tmp_path / "mine.yaml"
    preset.write_text("count: 7\nloud: true\n")
    file = tmp_path / "figures.json"
    words = [*command.split(), "here", "--config", str(preset), "--json", str(file)]
    assert main(words) == 0
    assert json.loads(file.read_text())["count"] == 7
    assert main([*words, "--count", "8", "--loud", "false"]) == 0
    figures = json.loads(file.read_text())
    assert (figures["count"], figures["loud"]) == (8, False)
    typed_first = [*command.split(), "here", "--count", "8", f"--config={preset}", "--json", str(file)]
    assert main(typed_first) == 0
    figures = json.loads(file.read_text())
    assert (figures["count"], figures["loud"]) == (8, True), "what is typed counts, wherever it stands"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cuont: 3", "did you mean count?"),
        ("count: many", "--count is many"),
        ("count: [", "cannot be read as YAML"),
        ("7", "holds no options"),
    ],
)
def test_a_wrong_preset_is_refused(
    text: str, expected: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    preset = tmp_path / "mine.yaml"
    preset.write_text(text)
    assert main([*command.split(), "here", "--config", str(preset)]) == 2
    assert expected in error_line(capsys)


def test_errors_of_our_code_are_for_users_and_those_of_libraries_are_defects(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*command.split(), str(tmp_path), "--count"]
    # The functions of this file stand outside our packages, so their ValueError counts as a library's.
    with pytest.raises(ValueError, match="13"):
        main([*words, "13"])
    with pytest.raises(ValueError, match="reshape"):
        main([*words, "14"])
    assert main([*words, "15"]) == 2
    assert error_line(capsys) == f"personsearch: {tmp_path / 'absent.txt'}: No such file or directory"
    with pytest.raises(FileNotFoundError):
        main([*words, "15", "--debug"])
    assert main([*words, "16"]) == 130
    assert "interrupted" in error_line(capsys)


def test_failures_of_items_are_told_and_give_status_1(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    assert main([*command.split(), "here", "--count", "17", "--json", str(file)]) == 1
    captured = capsys.readouterr()
    assert captured.out == "count 17\n"
    assert captured.err == "personsearch: frame 3 is broken\n"
    assert json.loads(file.read_text())["failures"] == ["frame 3 is broken"]


def test_a_namesake_earlier_on_the_path_is_refused(tmp_path: Path) -> None:
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "__init__.py").write_text("raise ImportError('the wrong one')")
    refused = run_python(
        "import sys; from tools.main import main; sys.exit(main(['data', 'check', '.']))", path=tmp_path
    )
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert line.startswith(f"personsearch: the package 'datasets' is {tmp_path / 'datasets'}")
    assert "environment of its own" in line


def test_an_interrupt_ends_the_process_with_130_and_one_line(tmp_path: Path) -> None:
    slow = "import time\ndef wait() -> None:\n    print('started', flush=True)\n    time.sleep(30)\n"
    (tmp_path / "slow_command.py").write_text(slow)
    code = (
        # A process started in the background of a script inherits that interrupts are ignored.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import sys; from tools.main import COMMANDS, Command, main\n"
        "COMMANDS['wait'] = Command('slow_command', 'wait', '')\n"
        "sys.exit(main(['wait']))"
    )
    repository = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(repository), str(tmp_path)])}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert errors == "personsearch: interrupted; what was written before is kept\n"


def test_a_closed_pipe_is_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    words = [sys.executable, "-m", "tools.main", "--help"]
    repository = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}
    ended = subprocess.run(
        words, stdout=writing, stderr=subprocess.PIPE, cwd=repository, env=environment, timeout=60, check=False
    )
    os.close(writing)
    assert ended.stderr == b""
    assert ended.returncode == 1


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_full_disk_is_one_line_with_a_remedy(unbuffered: str) -> None:
    words = [sys.executable, "-m", "tools.main", "find", "--help"]
    repository = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            words,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=repository,
            env=environment,
            timeout=60,
            check=False,
        )
    assert ended.stderr == "personsearch: No space left on device; make room and run the same command again\n"
    assert ended.returncode == 2


def test_table_aligns_words_left_and_numbers_right() -> None:
    lines = table(["what", "mAP", "people"], [["ours", 0.5, 12], ["random", None, 3]]).splitlines()
    assert lines == [
        "what       mAP  people",
        "------  ------  ------",
        "ours    0.5000      12",
        "random       -       3",
    ]
    nobody = table(["what", "found"], [["ours", float("nan")], ["theirs", np.float64("nan")]]).splitlines()
    assert [line.split()[-1] for line in nobody[2:]] == ["-", "-"]
    assert table(["what", "mAP"], []).splitlines() == ["what  mAP", "----  ---"]


def test_json_takes_numpy_paths_and_numbers_that_are_not_finite(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    values = {
        "array": np.arange(3),
        "scalar": np.float32(0.5),
        "path": Path("a/b"),
        "missing": float("nan"),
        1: (True,),
    }
    write_json(file, values)
    expected = {"array": [0, 1, 2], "scalar": 0.5, "path": "a/b", "missing": None, "1": [True]}
    assert json.loads(file.read_text()) == expected
    with pytest.raises(TypeError):
        write_json(file, {"set": object()})
    assert json.loads(file.read_text()) == expected
    assert [entry.name for entry in tmp_path.iterdir()] == ["figures.json"]


def test_only_a_value_error_that_our_code_raised_is_a_message_to_the_user() -> None:
    with pytest.raises(ValueError, match="expected") as ours:
        as_boxes([[1, 2, 3]])
    line = one_line(ours.value)
    assert line is not None
    assert "(1, 3)" in line
    with pytest.raises(ValueError, match="could not convert") as of_numpy:
        as_boxes([["a", 2, 3, 4]])
    assert one_line(of_numpy.value) is None
    with pytest.raises(ValueError, match="Expecting") as of_the_standard_library:
        json.loads("{")
    assert one_line(of_the_standard_library.value) is None
