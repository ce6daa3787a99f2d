"""The memory that a bench reports is that of its own process."""

import subprocess
import sys

PARENT = """
import subprocess, sys
much = bytearray(200 << 20)
much[:] = b"1" * len(much)
own = "from tools.bench.speed.machine import peak_megabytes as peak; print(peak())"
print(subprocess.run([sys.executable, "-c", own], capture_output=True, text=True, check=True).stdout)
"""


def test_a_large_parent_is_not_counted() -> None:
    done = subprocess.run([sys.executable, "-c", PARENT], capture_output=True, text=True, check=True)
    assert 5 < float(done.stdout) < 150


def test_what_a_process_takes_is_counted() -> None:
    own = """
from tools.bench.speed.machine import peak_megabytes
before = peak_megabytes()
much = bytearray(b"1" * (100 << 20))
print(peak_megabytes() - before)
"""
    done = subprocess.run([sys.executable, "-c", own], capture_output=True, text=True, check=True)
    assert 99 < float(done.stdout) < 250
