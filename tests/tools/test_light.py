"""A command line is read within a second: neither its help nor a refusal loads what takes seconds to import."""

import subprocess
import sys

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
