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
        person_ids: (N,) identities of the crops, each 0 or more.
        persons: P, the number of people in a batch; all people where there are fewer.
        images: K, the pictures of each person in a batch. More gives losses of hard examples more to choose from.
        seed: A number that decides the order together with `epoch`, 0 or more.
        epoch: The number of the epoch, counted from 0.

    Returns:
        (P * K,) rows of the crops for each batch, the K of a person side by side.

    Raises:
        ValueError: There are no crops, an identity is below 0, or P or K is below 1.

    Source: SphereReID, section III.C (P = 16, K = 4).

    >>> batch = balanced_batches([7, 7, 7, 9, 9], persons=2, images=2, seed=0, epoch=0)[0]
    >>> sorted(np.array([7, 7, 7, 9, 9])[batch].tolist())
    [7, 7, 9, 9]
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
        crops: The number of crops, 1 or more.
        batch_size: The number of crops in a batch, 1 or more.
        seed: A number that decides the order together with `epoch`, 0 or more.
        epoch: The number of the epoch, counted from 0.

    Raises:
        ValueError: There are no crops, or the batch size is below 1.

    >>> sorted(np.concatenate(shuffled_batches(4, 2, seed=0, epoch=0)).tolist())
    [0, 1, 2, 3]
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
        batch_size: The number of frames in a batch, 1 or more.
        seed: A number that decides the order together with `epoch`, 0 or more.
        epoch: The number of the epoch, counted from 0.

    Returns:
        (epoch, frame) each, N / batch_size batches rounded up.

    Raises:
        ValueError: There are no frames, or the batch size is below 1.

    >>> batches = frame_batches([16 / 9, 4 / 3, 16 / 9, 4 / 3], 2, seed=0, epoch=5)
    >>> sorted(sorted(frame for _, frame in batch) for batch in batches)
    [[0, 2], [1, 3]]
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
