"""cameras.yaml: everything a camera may say, and one line that names line, key, value and remedy for what is wrong."""

from pathlib import Path

import pytest

from datasets.footage.cameras import CameraDescription
from datasets.footage.cameras_file import CameraEntry, read_cameras

WHOLE = """
cameras:
  - id: gate
    name: North gate
    place: [120, 80.5]
    source: recordings/gate
    start_time: 2026-05-01T08:00
    time_zone: Europe/Berlin
    frames_per_second: 2
    rotation: 90
    leave_out: [[0, 0, 100, 50], [[0, 0], [10, 0], [5, 9]]]
  - {id: 7, source: 'rtsp://admin:secret@10.0.0.7/live'}
  - {id: '07', source: 0, name: null}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "cameras.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_key_is_read(tmp_path: Path) -> None:
    gate, seven, other = read_cameras(written(tmp_path, WHOLE))
    assert gate == CameraEntry(
        CameraDescription("gate", "North gate", (120.0, 80.5), "Europe/Berlin"),
        str(tmp_path / "recordings" / "gate"),
        1777615200.0,  # 06:00 in UTC: daylight saving
        0.5,
        90,
        (((0, 0), (100, 0), (100, 50), (0, 50)), ((0, 0), (10, 0), (5, 9))),
    )
    assert (seven.camera, seven.source) == (CameraDescription("7", "7"), "rtsp://admin:secret@10.0.0.7/live")
    assert (other.camera.id, other.source) == ("07", "0")
    assert CameraDescription.from_dict("gate", gate.camera.to_dict()) == gate.camera
    assert "secret" not in str(seven.camera.to_dict())


def test_winter_and_summer_have_their_own_distance_from_utc(tmp_path: Path) -> None:
    text = "cameras:\n  - {id: a, source: x, time_zone: Europe/Berlin, start_time: '2026-01-01 08:00'}\n"
    assert read_cameras(written(tmp_path, text))[0].start_time == 1767250800.0  # 07:00 in UTC
    text = text.replace("08:00'", "08:00+05:00'")  # a zone in the time itself wins
    assert read_cameras(written(tmp_path, text))[0].start_time == 1767236400.0


WRONG = {
    "- {source: x}": "line 2, camera 1: has no id, expected the camera's short name",
    "- id: a\n    sorce: x": "line 3, camera 1: has the unknown key 'sorce', expected id, name",
    "- id: a\n    source: x\n    id: b": "line 4, camera 1: has the key id twice",
    "- {id: a}": "line 2, camera 'a': has no source",
    "- gate": "line 2, camera 1: is 'gate', expected keys and values",
    "- {id: a, source: x}\n  - {id: a, source: y}": "line 3: the id 'a' is that of the camera in line 2",
    "- {id: a, source: x, place: [1]}": "place is ['1'], expected two numbers",
    "- {id: a, source: x, place: here}": "place is 'here', expected two numbers",
    "- {id: a, source: x, time_zone: Europe/Brelin}": "did you mean Europe/Berlin",
    "- {id: a, source: x, start_time: yesterday}": "start_time: 'yesterday' is no time, expected",
    "- {id: a, source: x, start_time: '1777617000000'}": "looks like milliseconds",
    "- {id: a, source: x, frames_per_second: 0}": "frames_per_second: 0, expected how many frames",
    "- {id: a, source: x, rotation: 45}": "rotation is '45', expected 0, 90, 180 or 270",
    "- {id: a, source: x, leave_out: [[5, 5, 1, 1]]}": "leave_out is [['5', '5', '1', '1']], expected a list",
    "- {id: a, source: x, leave_out: [[[0, 0], [1, 1]]]}": "expected a list of regions",
    "- {id: ' ', source: x}": "id is ' ', expected the camera's short name",
    "- {id: [1], source: x}": "id is ['1'], expected the camera's short name",
    "- {id: a, source: x": "no YAML",
}


@pytest.mark.parametrize("entry", WRONG)
def test_what_is_wrong_is_named_in_one_line(tmp_path: Path, entry: str) -> None:
    path = written(tmp_path, f"cameras:\n  {entry}\n")
    with pytest.raises(ValueError, match=r"cameras\.yaml") as error:
        read_cameras(path)
    assert WRONG[entry] in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "cameras: []", "cameras: 3", "zones: []", "cameras: [{id: a, source: b}]\nx: 1"]
)
def test_a_file_without_a_list_of_cameras_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="expected one list `cameras`"):
        read_cameras(written(tmp_path, text))


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist; write a cameras file"):
        read_cameras(tmp_path / "cameras.yaml")
    (tmp_path / "cameras.yaml").write_bytes(b"\xff\xfe\x00c")
    with pytest.raises(ValueError, match="no text in UTF-8"):
        read_cameras(tmp_path / "cameras.yaml")
