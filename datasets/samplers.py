"""What makes a batch: of crops P people with K pictures each, or plain shuffling; of frames those of one shape."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def balanced_batches(
    person_ids: Sequence[int] | NDArray[np.int64], *, persons: int = 16, images: int = 4, seed: int, epoch: int
) -> list[NDArray[np.int64]]:
    """Batches of P people with K pictures each; an epoch ends when every person was drawn once.

    People are drawn without replacement. Pictures too, and only a person with fewer than K gives some twice. A last
    batch of fewer than P people is filled with people of the epoch's beginning, who then come a second time.

    Args:
        person_ids: (N,) identities >= 0 of the crops.
        persons: P people a batch; all, where there are fewer.
        images: K pictures of each. More gives the hard-example losses more to choose from.
        seed: with `epoch` decides the order.
        epoch: counted from 0.

    Returns:
        (P * K,) rows of the crops for each batch, the K of a person side by side.

    Raises:
        ValueError: no crops, an identity below 0, or P or K below 1.

    Source: SphereReID, section III.C (P = 16, K = 4).
    """
    ids = np.asarray(person_ids, dtype=np.int64)
    if not len(ids) or ids.min() < 0:
        raise ValueError(f"{len(ids)} crops, smallest identity {ids.min(initial=0)}; expected identities of 0 or more")
    if persons < 1 or images < 1:
        raise ValueError(f"a batch of {persons} people with {images} pictures, expected 1 or more of each")
    generator = np.random.default_rng([seed, epoch])
    by_person = np.argsort(ids, kind="stable")
    people, starts, counts = np.unique(ids[by_person], return_index=True, return_counts=True)
    persons = min(persons, len(people))
    # A random key for each picture, sorted within its person, is a drawing without replacement.
    shuffled = by_person[np.lexsort((generator.random(len(ids)), ids[by_person]))]
    order = generator.permutation(len(people))
    order = np.resize(order, -(-len(order) // persons) * persons)
    draws = np.arange(images)[None, :]
    again = generator.integers(0, counts[order][:, None], (len(order), images))
    within = np.where(draws < counts[order][:, None], draws, again)  # (people drawn, K)
    rows = shuffled[starts[order][:, None] + within]
    return list(rows.reshape(-1, persons * images))


def shuffled_batches(crops: int, batch_size: int, *, seed: int, epoch: int) -> list[NDArray[np.int64]]:
    """Batches of plain shuffling ("imbalanced" in SphereReID's Table 2): each crop once an epoch, whoever it shows.

    A last batch that is not full is filled from the epoch's beginning.

    Args:
        crops: how many there are.
        batch_size: rows a batch.
        seed: with `epoch` decides the order.
        epoch: counted from 0.

    Raises:
        ValueError: no crops, or a batch size below 1.
    """
    if crops < 1 or batch_size < 1:
        raise ValueError(f"{crops} crops in batches of {batch_size}, expected 1 or more of each")
    order = np.random.default_rng([seed, epoch]).permutation(crops)
    return list(np.resize(order, -(-crops // batch_size) * batch_size).reshape(-1, batch_size))


def frame_batches(
    aspects: Sequence[float] | NDArray[np.float64], batch_size: int, *, seed: int, epoch: int
) -> list[list[tuple[int, int]]]:
    """Shuffled batches of frames, each of one shape as far as that goes, so that little is padded.

    Each frame comes once an epoch. What is left of each shape makes up the last batches, which are mixed, and the very
    last is filled from the epoch's beginning.

    Args:
        aspects: (N,) widths over heights; frames whose aspects round to the same eighth of an octave are of one shape.
        batch_size: frames a batch.
        seed: with `epoch` decides the order.
        epoch: counted from 0.

    Returns:
        (epoch, frame) each, N / batch_size batches rounded up.

    Raises:
        ValueError: no frames, or a batch size below 1.
    """
    if not len(aspects) or batch_size < 1:
        raise ValueError(f"{len(aspects)} frames in batches of {batch_size}, expected 1 or more of each")
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(aspects))
    shapes = np.round(8 * np.log2(np.asarray(aspects, dtype=np.float64)))[order]
    groups = [order[shapes == shape] for shape in np.unique(shapes)]
    whole = [group[: len(group) // batch_size * batch_size].reshape(-1, batch_size) for group in groups]
    rest = np.concatenate([group[len(group) // batch_size * batch_size :] for group in groups])
    full = np.concatenate(whole)
    if len(groups) > 1:
        full = generator.permutation(full)
    if len(rest):
        beginning = full.ravel() if len(full) else rest
        rest = np.concatenate([rest, np.resize(beginning, -len(rest) % batch_size)])
    batches = np.concatenate([full, rest.reshape(-1, batch_size)])
    return [[(epoch, int(row)) for row in rows] for rows in batches]
