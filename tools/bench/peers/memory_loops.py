"""A step of OIM and TOIM as this project computes it, and as public code does, one row after another.

What the measurement compares with is written as it is published, and therefore loops.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from datasets.samples import UNLABELLED
from reid.losses.oim import OIMLoss
from reid.losses.toim import TOIMLoss
from tools.bench.peers.memory import Boxes


@dataclass
class Step:
    """A batch, the losses with full tables, and how these tables were before the step.

    Args:
        oim: OIM with its table and queue.
        toim: TOIM with its tables.
        embeddings: (R, D) of unit length, with a gradient.
        people: (R,) int64, UNLABELLED for people of unknown identity.
        cameras: (R,) int64.
        before: The tables before the step.
    """

    oim: OIMLoss
    toim: TOIMLoss
    embeddings: Tensor
    people: Tensor
    cameras: Tensor
    before: tuple[Mapping[str, Tensor], Mapping[str, Tensor]]

    @classmethod
    def of(cls, boxes: Boxes) -> Self:
        """The step of some boxes: random numbers, always the same for the same boxes."""
        generator = torch.Generator().manual_seed(boxes.seed)

        def unit_rows(count: int) -> Tensor:
            return functional.normalize(torch.randn(count, boxes.dimension, generator=generator))

        oim = OIMLoss(boxes.dimension, boxes.identities, boxes.queue)
        toim = TOIMLoss(boxes.dimension, boxes.identities, boxes.cameras)
        everybody = torch.arange(boxes.identities)
        oim.update(unit_rows(boxes.identities), everybody)
        oim.update(unit_rows(boxes.queue), torch.full((boxes.queue,), UNLABELLED))
        for camera in range(boxes.cameras):
            order = torch.randperm(boxes.identities, generator=generator)
            toim.update(unit_rows(boxes.identities), order, torch.full_like(order, camera))
        shown = torch.randint(0, boxes.identities, (boxes.people,), generator=generator)
        people = shown[torch.randint(0, boxes.people, (boxes.boxes,), generator=generator)]
        people[torch.rand(boxes.boxes, generator=generator) < boxes.unlabelled] = UNLABELLED
        cameras = torch.randint(0, boxes.cameras, (boxes.boxes,), generator=generator)
        before = tuple({name: one.clone() for name, one in loss.state_dict().items()} for loss in (oim, toim))
        return cls(oim, toim, unit_rows(boxes.boxes).requires_grad_(), people, cameras, (before[0], before[1]))

    def begin(self) -> None:
        """Bring the tables back to what they were, and forget the gradient."""
        self.oim.load_state_dict(self.before[0])
        self.toim.load_state_dict(self.before[1])
        self.embeddings.grad = None


def oim_loss(step: Step) -> Tensor:
    """Ours: OIM's loss, and the gradient."""
    loss = step.oim(step.embeddings, step.people)
    loss.backward()
    return loss.detach()


def oim_loss_public(step: Step) -> Tensor:
    """As public code has it: products of all rows with table and queue, and cross-entropy that passes over some."""
    scores = torch.cat([step.embeddings.mm(step.oim.table.t()), step.embeddings.mm(step.oim.queue.t())], dim=1)
    loss = functional.cross_entropy(scores * step.oim.scale, step.people, ignore_index=UNLABELLED)
    loss.backward()
    return loss.detach()


def toim_loss(step: Step) -> Tensor:
    """Ours: TOIM's loss, and the gradient."""
    loss = step.toim(step.embeddings, step.people, step.cameras)
    loss.backward()
    return loss.detach()


def toim_loss_loop(step: Step) -> Tensor:
    """One anchor after another: its farthest own slot, the nearest slot of somebody else, a soft margin."""
    toim, cameras = step.toim, step.toim.pooled.shape[1]
    recent = [divmod(slot, cameras) for slot in toim.recent.slots.tolist() if slot >= 0]
    losses = []
    for anchor, person in zip(step.embeddings, step.people.tolist()):
        own = [toim.pooled[person, camera] for camera in range(cameras) if person >= 0 and toim.filled[person, camera]]
        others = [toim.pooled[slot] for slot in recent if slot[0] != person]
        if own and others:
            positive = torch.stack([torch.linalg.vector_norm(anchor - one) for one in own]).max()
            negative = torch.linalg.vector_norm(anchor - torch.stack(others), dim=1).min()
            losses.append(functional.softplus(toim.scale * (positive - negative)))
    loss = torch.stack(losses).mean()
    loss.backward()
    return loss.detach()


def oim_tables(step: Step) -> tuple[Tensor, Tensor]:
    """Ours: OIM's table and queue written."""
    step.oim.update(step.embeddings, step.people)
    return step.oim.table, step.oim.queue


@torch.no_grad()
def oim_tables_loop(step: Step) -> tuple[Tensor, Tensor]:
    """As public code has it: one row after another into the table, or into the queue."""
    table, queue, momentum, header = step.oim.table, step.oim.queue, step.oim.known.momentum, int(step.oim.pointer)
    for embedding, person in zip(step.embeddings, step.people):
        if person >= 0:
            table[person] = momentum * table[person] + (1.0 - momentum) * embedding
            table[person] /= table[person].norm()
        else:
            queue[header] = embedding
            header = (header + 1) % len(queue)
    return table, queue


def toim_tables(step: Step) -> tuple[Tensor, Tensor]:
    """Ours: TOIM's tables written."""
    step.toim.update(step.embeddings, step.people, step.cameras)
    return step.toim.pooled, step.toim.recent.slots


@torch.no_grad()
def toim_tables_loop(step: Step) -> tuple[Tensor, Tensor]:
    """One row after another into the Pooled Table, and its slot into the Update Table."""
    toim, gamma, cameras = step.toim, step.toim.pool.gamma, step.toim.pooled.shape[1]
    slots, pointer = toim.recent.slots, int(toim.recent.pointer)
    for embedding, person, camera in zip(step.embeddings, step.people, step.cameras):
        if person >= 0:
            if toim.filled[person, camera]:
                toim.pooled[person, camera] = gamma * toim.pooled[person, camera] + (1.0 - gamma) * embedding
            else:
                toim.pooled[person, camera] = embedding
                toim.filled[person, camera] = True
            slots[pointer] = person * cameras + camera
            pointer = (pointer + 1) % len(slots)
    return toim.pooled, slots


def errors(step: Step) -> dict[str, float]:
    """How far each of our results lies from the loop's, by name."""
    found = {}
    for name, ours, loop in (("OIM's loss", oim_loss, oim_loss_public), ("TOIM's loss", toim_loss, toim_loss_loop)):
        gradients = []
        losses = []
        for work in (ours, loop):
            step.begin()
            losses.append(work(step))
            assert step.embeddings.grad is not None
            gradients.append(step.embeddings.grad.clone())
        found[name] = float((losses[0] - losses[1]).abs())
        found[f"the gradient of {name}"] = float((gradients[0] - gradients[1]).norm(dim=1).max())
    tables = {"OIM": (oim_tables, oim_tables_loop), "TOIM": (toim_tables, toim_tables_loop)}
    for name, (write, write_loop) in tables.items():
        step.begin()
        first = [one.clone() for one in write(step)]
        step.begin()
        second = write_loop(step)
        found[f"{name}'s tables"] = max(float((a - b).abs().max()) for a, b in zip(first, second, strict=True))
    return found


def operations(boxes: Boxes) -> float:
    """Floating-point operations of the products of OIM's loss and gradient, of the boxes that count."""
    known = round(boxes.boxes * (1 - boxes.unlabelled))
    return 2.0 * 2 * known * (boxes.identities + boxes.queue) * boxes.dimension
