"""A command line is read within a second: neither its help nor a refusal loads what takes seconds to import."""

import gc
import subprocess
import sys

import pytest

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


def test_a_search_loads_nothing_of_scipy() -> None:
    """Only tracking, re-ranking, context and calibrating need it."""
    code = "import sys, search.pipeline\nprint([name for name in sys.modules if name.split('.')[0] == 'scipy'])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


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

    pytest.raises(ZeroDivisionError, broken)
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
