"""models export-onnx, and the program of docs/api.md that computes its file without this package."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from datasets.images import as_tensor, read_image
from tools.main import main

pytest.importorskip("onnxruntime")


def test_the_program_of_the_page_finds_whom_the_model_finds(
    repository: Path, square: Path, small_plaza: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from detection.checkpoints import load_model

    file = tmp_path / "people.onnx"
    assert main(["models", "export-onnx", str(small_plaza), "--output", str(file)]) == 0
    assert "takes frames, given; gives boxes" in capsys.readouterr().out
    assert main(["models", "export-onnx", str(small_plaza), "--output", str(file)]) == 2
    assert "exists; remove it" in capsys.readouterr().err

    page = (repository / "docs" / "api.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```py\n(.*?)```", page, flags=re.DOTALL)
    assert len(program.splitlines()) <= 32
    imported = {
        alias.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(ast.parse(program))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported == {"json", "sys", "http.server", "cv2", "numpy", "onnxruntime"}
    (tmp_path / "people.py").write_text(program)
    picture = sorted((square / "frames").iterdir())[0]
    # -I: nothing of this folder or of the environment's paths is imported.
    words = [sys.executable, "-I", str(tmp_path / "people.py"), str(file), "0"]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split()[-1]
            with urlopen(address, data=picture.read_bytes(), timeout=30) as answer:
                people = json.loads(answer.read())
            with pytest.raises(HTTPError, match="400"):
                urlopen(address, data=b"nothing", timeout=30)
        finally:
            server.kill()
    model = load_model(small_plaza, device="cpu")
    model.precision = "float32"
    (found,) = model.detect([as_tensor(read_image(picture))])
    found = found[found.scores >= 0.5]
    assert len(people) == len(found)
    for one, box in zip(people, found.boxes.tolist(), strict=True):
        assert one["box"] == pytest.approx(box, abs=0.05)
        assert len(one["embedding"]) == model.embedding_dim


def test_a_crop_model_is_written_too_and_other_files_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from reid.crops.sphere_reid import SphereReID, SphereReIDConfig

    config = SphereReIDConfig(
        backbone="mobilenet_v2", dimension=8, height=32, width=16, resize_height=32, resize_width=16
    )
    SphereReID(config).save(tmp_path / "crops.safetensors")
    words = ["models", "export-onnx", str(tmp_path / "crops.safetensors"), "--output"]
    assert main([*words, str(tmp_path / "crops.onnx"), "--json", str(tmp_path / "told.json")]) == 0
    assert json.loads((tmp_path / "told.json").read_text())["kind"] == "crop model"
    assert main([*words, str(tmp_path / "crops.bin")]) == 2
    assert "expected .onnx" in capsys.readouterr().err
