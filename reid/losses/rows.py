"""The rows of a batch that a loss is about: checked, chosen, brought to unit length, gathered from all processes."""

import torch
from torch import Tensor, distributed

from datasets.samples import BACKGROUND, UNLABELLED


def check_person_index(embeddings: Tensor, person_index: Tensor, identities: int | None) -> Tensor:
    """Refuses indices that no row of a table of `identities` rows stands for.

    It takes one reduction and one transfer from the device, so that training can afford it at every step.

    Args:
        embeddings: (R, D).
        person_index: (R,) integers.
        identities: The number of rows P of the table; None where any identity will do.

    Returns:
        person_index as int64, unchanged in value.

    Raises:
        ValueError: Shapes disagree, or an index lies outside BACKGROUND .. identities - 1.
    """
    if embeddings.ndim != 2 or person_index.shape != embeddings.shape[:1]:
        raise ValueError(
            f"embeddings {tuple(embeddings.shape)} and person_index {tuple(person_index.shape)}, "
            "expected (R, D) and (R,)"
        )
    if person_index.is_floating_point() or person_index.dtype == torch.bool:
        raise ValueError(f"person_index is {person_index.dtype}, expected integers")
    if person_index.numel():
        lowest, highest = torch.stack(torch.aminmax(person_index)).tolist()
        last = highest if identities is None else identities - 1
        if highest > last or lowest < BACKGROUND:
            wrong = highest if highest > last else lowest
            known = "an identity >= 0" if identities is None else f"0 .. {last}"
            raise ValueError(
                f"person_index holds {wrong}, expected {known}, {UNLABELLED} (unlabelled), {BACKGROUND} "
                "(background); relabel the identities without gaps, as datasets.load_frames does for the split 'train'"
            )
    return person_index.long()


def check_camera_index(person_index: Tensor, camera_index: Tensor, cameras: int) -> Tensor:
    """Refuses cameras that no column of a table of `cameras` columns stands for.

    Args:
        person_index: (R,) integers. Rows below zero may have any camera.
        camera_index: (R,) integers.
        cameras: The number of columns C of the table.

    Returns:
        camera_index as int64, unchanged in value.

    Raises:
        ValueError: Shapes disagree, or the camera of an identity's row lies outside 0 .. cameras - 1.
    """
    if camera_index.shape != person_index.shape:
        raise ValueError(
            f"camera_index {tuple(camera_index.shape)} and person_index {tuple(person_index.shape)}, expected (R,) both"
        )
    if camera_index.is_floating_point() or camera_index.dtype == torch.bool:
        raise ValueError(f"camera_index is {camera_index.dtype}, expected integers")
    counted = camera_index[person_index >= 0]
    if counted.numel():
        lowest, highest = torch.stack(torch.aminmax(counted)).tolist()
        if highest >= cameras or lowest < 0:
            wrong = highest if highest >= cameras else lowest
            raise ValueError(
                f"camera_index holds {wrong}, expected 0 .. {cameras - 1}; number the cameras of the training set "
                "without gaps, and use one camera, 0, for data without cameras"
            )
    return camera_index.long()


def labelled_rows(
    embeddings: Tensor, person_index: Tensor, *, embedding_dim: int | None = None, identities: int | None = None
) -> tuple[Tensor, Tensor]:
    """Chooses the rows that an identity loss counts, in the precision it computes with.

    Args:
        embeddings: (R, D) floating point.
        person_index: (R,) integers: an identity >= 0, UNLABELLED or BACKGROUND.
        embedding_dim: The width D that the loss was made for; None takes any.
        identities: The number of identities that the loss knows; None takes any.

    Returns:
        (L, D) the rows of an identity, with their graph, float32 (float64 for float64 embeddings), and (L,) int64
        their identities, on the device of the embeddings.

    Raises:
        ValueError: Shapes disagree, or an identity is not below the number of identities.
    """
    if embedding_dim is not None and embeddings.ndim == 2 and embeddings.shape[1] != embedding_dim:
        raise ValueError(f"embeddings {tuple(embeddings.shape)}, expected (R, {embedding_dim})")
    person_index = check_person_index(embeddings, person_index, identities).to(embeddings.device)
    # Choosing rows first keeps what other rows hold, NaN included, out of the loss and its gradient.
    rows = (person_index >= 0).nonzero().squeeze(1)
    return embeddings[rows].to(torch.promote_types(embeddings.dtype, torch.float32)), person_index[rows]


def to_unit_length(rows: Tensor) -> Tensor:
    """Divides rows by their Euclidean length; a row of zeros stays zero and passes no gradient on.

    `torch.nn.functional.normalize` multiplies the gradient of such a row by 1e12.

    Args:
        rows: (R, D) floating point.

    Returns:
        (R, D) float32 (float64 for float64 rows), since half precision cannot hold a unit length.

    Example:
        >>> to_unit_length(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
        tensor([[0.6000, 0.8000],
                [0.0000, 0.0000]])
    """
    rows = rows.to(torch.promote_types(rows.dtype, torch.float32))
    length = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    tiny = length <= 1e-12
    return rows * torch.where(tiny, 0, 1 / length.masked_fill(tiny, 1))


def occurrence_rank(values: Tensor) -> Tensor:
    """Counts how often each value has occurred before its own position.

    Args:
        values: (R,) integers.

    Returns:
        (R,) int64.

    Example:
        >>> occurrence_rank(torch.tensor([7, 3, 7, 7]))
        tensor([0, 0, 1, 2])
    """
    order = torch.argsort(values, stable=True)
    position = torch.arange(len(values), device=values.device)
    ordered = values[order]
    starts = torch.ones_like(ordered, dtype=torch.bool)
    starts[1:] = ordered[1:] != ordered[:-1]
    # The start of each run of equal values, carried forward over the run.
    run_start = (position * starts).cummax(dim=0).values
    rank = torch.empty_like(position)
    rank[order] = position - run_start
    return rank


def in_rounds(values: Tensor) -> tuple[Tensor, list[int]]:
    """Orders positions by rounds: all first occurrences of a value, all second ones, and so on.

    The values of one round are distinct, so that one scatter can write each round without collisions. Rounds one after
    another do what a loop over positions would.

    Args:
        values: (R,) integers.

    Returns:
        (R,) int64 positions, and how many of them each round has; there are as many rounds as the most frequent value
        has occurrences.

    Example:
        >>> in_rounds(torch.tensor([7, 3, 7, 7]))
        (tensor([0, 1, 2, 3]), [2, 1, 1])
    """
    rank = occurrence_rank(values)
    return torch.argsort(rank, stable=True), torch.bincount(rank).tolist()


def finite_rows(rows: Tensor) -> Tensor:
    """Tells which rows hold no NaN and no infinity.

    `torch.isfinite` takes ten times as long.

    Args:
        rows: (R, D) floating point.

    Returns:
        (R,) bool.

    Example:
        >>> finite_rows(torch.tensor([[1e38, 1e38], [torch.inf, 0.0], [-torch.inf, torch.inf], [torch.nan, 1.0]]))
        tensor([ True, False, False, False])
    """
    return (rows * 0).sum(dim=1) == 0  # zero times an infinity is NaN


def unlabelled_rows(embeddings: Tensor, person_index: Tensor) -> Tensor:
    """Chooses the rows of people of unknown identity.

    Args:
        embeddings: (R, D).
        person_index: (R,) integers.

    Returns:
        (L, D), in their order.
    """
    rows = (person_index == UNLABELLED).nonzero().squeeze(1)
    return embeddings.index_select(0, rows.to(embeddings.device))


@torch.no_grad()
def gather_rows(embeddings: Tensor, *indices: Tensor) -> tuple[Tensor, ...]:
    """Gathers the rows of all processes of a distributed run, in the order of their ranks; alone, gives the same rows.

    Memory that every process updates with the same rows stays the same in every process. Every process must
    call this at every step, also with an empty batch.

    Args:
        embeddings: (R, D); R may differ between processes.
        indices: (R,) or (R, ...), integers or floating point each.

    Returns:
        (S, D) and one (S,) or (S, ...) for each index, with S the sum of all R, without a graph.
    """
    embeddings = embeddings.detach()
    if not (distributed.is_available() and distributed.is_initialized()) or distributed.get_world_size() == 1:
        return embeddings, *indices
    processes = distributed.get_world_size()
    count = torch.tensor([len(embeddings)], device=embeddings.device)
    counts = [torch.zeros_like(count) for _ in range(processes)]
    distributed.all_gather(counts, count)
    lengths = [int(length) for length in counts]
    missing = max(lengths) - len(embeddings)
    gathered = []
    for values in (embeddings, *(index if index.is_floating_point() else index.long() for index in indices)):
        # The collective wants equal shapes; the padding is cut off again.
        padded = torch.cat([values, values.new_zeros(missing, *values.shape[1:])])
        parts = [torch.empty_like(padded) for _ in range(processes)]
        distributed.all_gather(parts, padded)
        gathered.append(torch.cat([part[:length] for part, length in zip(parts, lengths, strict=True)]))
    return tuple(gathered)


def gather_rows_with_gradient(embeddings: Tensor, *indices: Tensor) -> tuple[Tensor, ...]:
    """Gathers rows as `gather_rows` does, and this process's rows keep their graph: a loss over all rows is one loss.

    Every process computes the same loss of the joint batch and follows its gradient to its own rows. The gradient of a
    row is multiplied by the number of processes, because gradients of the network are then averaged over them: the
    average is the gradient that one process would have with the joint batch. A batch-hard loss finds its pairs in the
    rows of all.

    Args:
        embeddings: (R, D); R may differ between processes.
        indices: (R,) or (R, ...), integers or floating point each; they have no graph.

    Returns:
        (S, D) and one (S,) or (S, ...) for each index, with S the sum of all R.
    """
    gathered, *joined = gather_rows(embeddings, *indices)
    if not (distributed.is_available() and distributed.is_initialized()) or distributed.get_world_size() == 1:
        return embeddings, *indices
    counts = gather_rows(
        embeddings.new_zeros(1, 1), torch.tensor([len(embeddings)], device=embeddings.device)
    )[1].tolist()  # fmt: skip
    start = sum(counts[: distributed.get_rank()])
    own = embeddings.detach() + distributed.get_world_size() * (embeddings - embeddings.detach())
    return torch.cat([gathered[:start], own, gathered[start + len(own) :]]), *joined
