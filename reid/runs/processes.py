"""Several processes that train one model: started by torchrun, joined by Lightning Fabric, one alone otherwise."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, distributed, nn

from reid.devices import default_device

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_log = logging.getLogger(__name__)


def join_processes() -> "Fabric":
    """The processes that torchrun started together; without it this process alone. Call it once, before the model.

        torchrun --nproc-per-node 4 -m tools.main train joint DATA --output RUN

    Each process takes a GPU of its own, or the processor where there is none.
    """
    from lightning_fabric import Fabric  # seconds that only a training pays

    processes, here = (int(os.environ.get(name, "1")) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    accelerator = default_device().type
    if processes == 1:
        return this_process()
    if accelerator == "cuda" and here > torch.cuda.device_count():
        raise ValueError(f"{here} processes here but {torch.cuda.device_count()} GPUs, expected one GPU for each")
    fabric = Fabric(accelerator=accelerator, devices=here, num_nodes=processes // here, strategy="ddp")
    fabric.launch()
    return fabric


def this_process() -> "Fabric":
    """This process alone."""
    from lightning_fabric import Fabric

    return Fabric(accelerator=default_device().type, devices=1)


def require_one_process(command: str) -> None:
    """Refuse to be started by torchrun.

    Args:
        command: The name of the command, for the error.

    Raises:
        ValueError: The process was started by it.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ValueError(f"{command} was started by torchrun; start it as separate processes, which share the output")


def synchronized_norms(model: nn.Module) -> nn.Module:
    """The model with BatchNorm over the batches of all processes.

    PyTorch has that for GPUs alone: elsewhere each process normalizes its own pictures, and a warning says so.

    Args:
        model: The model in training; its BatchNorms are replaced.
    """
    if not distributed.is_initialized() or distributed.get_world_size() == 1:
        return model
    if next(model.parameters()).device.type == "cpu":
        trains = any(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) for module in model.modules())
        if trains and distributed.get_rank() == 0:
            _log.warning(
                "without GPUs BatchNorm is not synchronized: each of %d processes normalizes its own frames, and the "
                "training differs from one process on the joint batch",
                distributed.get_world_size(),
            )
        return model
    synchronized: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return synchronized


@contextmanager
def first_process_first() -> Iterator[None]:
    """Lets the first process do the block alone, and the others do it afterwards; every process must come here.

    What the first one writes to a file is then there for the others.
    """
    several = distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1
    waits = several and distributed.get_rank() > 0
    if waits:
        distributed.barrier()
    yield
    if several and not waits:
        distributed.barrier()


def gather_failures(failures: dict[str, str]) -> dict[str, str]:
    """The pictures that any of the processes could not read; every process must call it.

    Args:
        failures: The names of the pictures that this process could not read, and why.
    """
    if not (distributed.is_available() and distributed.is_initialized()) or distributed.get_world_size() == 1:
        return failures
    everywhere: list[dict[str, str]] = [{} for _ in range(distributed.get_world_size())]
    distributed.all_gather_object(everywhere, failures)
    return {name: reason for one in everywhere for name, reason in one.items()}


@torch.no_grad()
def average(values: Tensor) -> Tensor:
    """The mean of a tensor over all processes; every process must call it.

    Args:
        values: The values of this process; their shape is the same everywhere.
    """
    if not (distributed.is_available() and distributed.is_initialized()) or distributed.get_world_size() == 1:
        return values
    values = values.clone()
    distributed.all_reduce(values)
    return values / distributed.get_world_size()
