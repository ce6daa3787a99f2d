"""Several processes train as one would; a killed run goes on as if nothing had happened."""

import csv
import dataclasses
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import joint_run
import numpy as np
import pytest
import torch
import torch.distributed.run
from separate_processes import finish, start, start_two

from datasets.samples import FrameSample

PROGRAM = Path(__file__).with_name("joint_run.py")
LAUNCHER = [sys.executable, "-m", "torch.distributed.run"]


@pytest.fixture
def samples(tmp_path: Path, frames: list[FrameSample]) -> Path:
    """The frames in a file, eight of them: two whole batches an epoch."""
    path = tmp_path / "samples.pickle"
    path.write_bytes(pickle.dumps(frames[:8]))
    return path


def words(*typed: object) -> list[str]:
    return [str(word) for word in typed]


def train_here(*typed: object) -> None:
    """A training of one process in this one, which has loaded the libraries."""
    joint_run.main(words(*typed))


def curve(run: Path) -> dict[str, list[float]]:
    with (run / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in rows[0] if name != "images_per_second"}


def end(run: Path, rank: int = 0) -> dict[str, torch.Tensor]:
    state = torch.load(run / f"end{rank}.pt", weights_only=True)
    return {f"{part}.{name}": value for part, values in state.items() for name, value in values.items()}


def test_two_processes_and_one_have_the_same_tables_weights_and_losses(tmp_path: Path, samples: Path) -> None:
    """Over 20 steps of four frames in two parts, of sizes that change, with every loss that a batch of boxes can have.

    The joint model has no BatchNorm here, whose statistics are each process's own on a processor. In float64, because
    in float32 a proposal that rounding puts on the other side of a threshold makes another batch after a few steps.
    """
    both = start_two(joint_run.main, words(samples, tmp_path / "two", "--accumulate", 2), said=tmp_path / "said")
    train_here(samples, tmp_path / "one", "--accumulate", 2)
    for rank, process in enumerate(both):
        finish(process, tmp_path / f"said{rank}")
    assert_same_as_one(tmp_path)


def assert_same_as_one(tmp_path: Path) -> None:
    """The run of two processes has the losses, tables and weights of the run of one."""
    one, two = curve(tmp_path / "one"), curve(tmp_path / "two")
    assert one["step"] == two["step"] == [float(step) for step in range(1, 21)]
    for name in one:
        if name.startswith("loss"):
            np.testing.assert_allclose(two[name], one[name], rtol=1e-5, atol=1e-5, err_msg=name)
    first, second, alone = end(tmp_path / "two", 0), end(tmp_path / "two", 1), end(tmp_path / "one")
    for name, value in alone.items():
        if name.startswith("criterion"):
            assert torch.equal(first[name], second[name]), f"{name} differs between the processes"
        difference = float((first[name].double() - value.double()).abs().max()) if value.numel() else 0.0
        assert difference < 1e-5, f"{name} differs by {difference} from one process's"
    assert alone["criterion.losses.toim.pool.filled"].any()


@pytest.mark.slow
def test_two_machines_train_as_one_process_would(tmp_path: Path, samples: Path) -> None:
    """Each has a torchrun of its own, as deploy/README.md types it, and the address of the first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = words(PROGRAM, samples, tmp_path / "two", "--accumulate", 2)
    machines = []
    for rank in (1, 0):  # the second is started first, and waits
        own = words("--nnodes", 2, "--node-rank", rank, "--nproc-per-node", 1)
        way = words("--master-addr", "127.0.0.1", "--master-port", port)
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        command = [*LAUNCHER, *own, *way, *program]
        machines.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
    train_here(samples, tmp_path / "one", "--accumulate", 2)
    for machine in machines:
        said, _ = machine.communicate(timeout=580)
        assert machine.returncode == 0, said.decode()[-3000:]
    assert_same_as_one(tmp_path)


def test_a_frame_that_one_process_cannot_read_holds_up_none(tmp_path: Path, samples: Path) -> None:
    """The part of a batch whose frames one process lacks is left out by both, and both name the frames.

    These two are started by torchrun itself, which has them forked from a process that has loaded the libraries.
    """
    frames = pickle.loads(samples.read_bytes())
    broken = [dataclasses.replace(frame, path=tmp_path / f"gone{number}.png") for number, frame in enumerate(frames)]
    samples.write_bytes(pickle.dumps([*broken[:2], *frames[2:]]))
    way = words("--standalone", "--nproc-per-node", 2, "--start-method", "forkserver", "--run-path")
    program = words(PROGRAM, samples, tmp_path / "two", "--accumulate", 2, "--epochs", 2)
    said = tmp_path / "said"
    finish(start(torch.distributed.run.main, [*way, *program], said=said, has_own=True), said)
    assert 1 <= len(curve(tmp_path / "two")["step"]) <= 4
    first, second = end(tmp_path / "two", 0), end(tmp_path / "two", 1)
    assert all(torch.equal(first[name], second[name]) for name in first)
    named = [(tmp_path / "two" / f"failures{rank}.txt").read_text().splitlines() for rank in (0, 1)]
    assert named == [[frame.name for frame in frames[:2]]] * 2


def test_a_batch_in_parts_has_the_gradient_of_the_whole(tmp_path: Path, samples: Path) -> None:
    """The detector's losses, exactly; identity losses are means over each part's people, tables are written once."""
    train_here(samples, tmp_path / "whole", "--epochs", 1)
    train_here(samples, tmp_path / "parts", "--epochs", 1, "--accumulate", 2)
    whole, parts = curve(tmp_path / "whole"), curve(tmp_path / "parts")
    for name in ("loss_objectness", "loss_rpn_box_reg", "loss_classifier", "loss_box_reg"):
        np.testing.assert_allclose(parts[name][0], whole[name][0], rtol=1e-5)


def test_a_killed_run_goes_on_as_if_it_had_not_been(tmp_path: Path, samples: Path) -> None:
    """kill -9 in the middle of an epoch, some steps after the last resume point."""
    said = tmp_path / "said"
    process = start(joint_run.main, words(samples, tmp_path / "cut", "--epochs", 6, "--pause", 0.3), said=said)
    until = time.monotonic() + 240
    while not (tmp_path / "cut" / "resume.pt").is_file():
        assert process.is_alive(), said.read_text()
        assert time.monotonic() < until
        time.sleep(0.05)
    time.sleep(0.5)
    process.kill()
    finish(process, said, status=-signal.SIGKILL)
    train_here(samples, tmp_path / "whole", "--epochs", 6)
    kept = torch.load(tmp_path / "cut" / "resume.pt", weights_only=True)["step"]
    assert kept % 3 == 0
    assert kept < 12
    train_here(samples, tmp_path / "cut", "--epochs", 6, "--resume")
    assert curve(tmp_path / "cut") == curve(tmp_path / "whole")
    whole = end(tmp_path / "whole")
    for name, value in end(tmp_path / "cut").items():
        assert torch.equal(value, whole[name]), name
