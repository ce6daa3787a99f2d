"""A command line is read within a second: neither its help nor a refusal loads what takes seconds to import."""

import ast
import gc
import subprocess
import sys
from pathlib import Path

import pytest
from rooms import imported, module_file, sources

from tools.installation import loading

HEAVY = ("torch", "torchvision", "lancedb", "albumentations")


def test_neither_help_nor_a_refusal_loads_what_takes_seconds() -> None:
    code = (
        "import sys\n"
        "from tools.main import COMMANDS, main\n"
        "for name in COMMANDS:\n"
        "    for words in (['--help'], ['--nope'], ['--config', 'nowhere']):\n"
        f"        status = main([*name.split(), *words]); heavy = [one for one in {HEAVY} if one in sys.modules]\n"
        "        assert status == (0 if words == ['--help'] else 2), (name, words, status)\n"
        "        assert not heavy, (name, words, heavy)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]


def test_a_search_imports_nothing_of_scipy(repository: Path) -> None:
    """Only tracking, re-ranking, context and calibrating need it, which takes 0.2 s; they import it when they work."""
    known = set(sources())
    waiting, seen = [Path("search/pipeline.py")], set()
    while waiting:
        file = waiting.pop()
        seen.add(file)
        for statement in ast.parse((repository / file).read_text(encoding="utf-8")).body:
            for _, name in (
                imported(ast.unparse(statement)) if isinstance(statement, ast.Import | ast.ImportFrom) else ()
            ):
                assert name.split(".")[0] != "scipy", f"{file} imports {name} for everybody who searches"
                target = module_file(name, known)
                if target is not None and target not in seen:
                    waiting.append(target)
    assert Path("search/query/rank.py") in seen
    assert Path("reid/ranking/open_set.py") in seen


def test_the_collector_of_garbage_works_again_after_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = []
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(True))
    with loading():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert not frozen, "nothing was loaded: what there is stays the collector's"
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)

    def broken() -> None:
        with loading():
            import colorsys  # noqa: F401

            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert gc.isenabled()
    assert frozen == [True]


def test_a_collector_that_is_off_stays_off() -> None:
    gc.disable()
    try:
        with loading():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
