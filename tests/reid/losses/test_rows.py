"""Choosing, ordering and scaling the rows of a batch."""

import pytest
import torch
from torch.nn import functional

from datasets.samples import BACKGROUND, UNLABELLED
from reid.losses.rows import finite_rows, in_rounds, labelled_rows, occurrence_rank, to_unit_length, unlabelled_rows


def test_occurrence_rank_counts_earlier_equals() -> None:
    assert occurrence_rank(torch.tensor([7, 3, 7, 7, 3, 1])).tolist() == [0, 0, 1, 2, 1, 0]
    assert occurrence_rank(torch.zeros(0, dtype=torch.long)).tolist() == []


def test_rounds_hold_each_value_once_and_keep_its_order() -> None:
    values = torch.randint(0, 5, (40,))
    positions, lengths = in_rounds(values)
    rounds = positions.split(lengths)
    assert sorted(torch.cat(rounds).tolist()) == list(range(40))
    assert len(rounds) == int(torch.bincount(values).max())
    assert all(len(values[positions].unique()) == len(positions) for positions in rounds)
    for value in range(5):
        order = [int(p) for positions in rounds for p in positions if values[p] == value]
        assert order == sorted(order)
    positions, lengths = in_rounds(values[:0])
    assert len(positions) == sum(lengths) == 0


def test_rows_are_finite_as_torch_says() -> None:
    rows = torch.randn(7, 5) * torch.tensor([1e-38, 1.0, 1e37, 1.0, 1.0, 1.0, 0.0])[:, None]
    rows[2] = torch.finfo(torch.float32).max  # its sum is infinite, it is not
    rows[3, 1], rows[4, 0], rows[5, 2] = torch.nan, torch.inf, -torch.inf
    for kind in (torch.float32, torch.float64, torch.bfloat16):
        assert finite_rows(rows.to(kind)).tolist() == torch.isfinite(rows.to(kind)).all(dim=1).tolist()
    assert finite_rows(rows[:0]).tolist() == []


def test_unlabelled_rows_come_in_their_order() -> None:
    rows, people = torch.arange(8.0).reshape(4, 2), torch.tensor([UNLABELLED, BACKGROUND, 3, UNLABELLED])
    assert unlabelled_rows(rows, people).tolist() == [[0, 1], [6, 7]]
    assert unlabelled_rows(rows[1:3], people[1:3]).shape == (0, 2)


def test_labelled_rows_keep_their_graph_and_their_precision() -> None:
    people = torch.tensor([2, UNLABELLED, BACKGROUND, 0], dtype=torch.int32)
    for given, computed in (
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ):
        embeddings = torch.randn(4, 3, dtype=given, requires_grad=True)
        rows, identities = labelled_rows(embeddings, people)
        assert rows.dtype == computed
        assert identities.tolist() == [2, 0]
        rows.sum().backward()
        assert embeddings.grad is not None
        assert embeddings.grad.any(dim=1).tolist() == [True, False, False, True]


def test_unit_length_rows_equal_those_of_torch_but_for_zeros() -> None:
    rows = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(to_unit_length(rows), functional.normalize(rows))
    assert torch.autograd.gradcheck(to_unit_length, (rows,))
    zeros = torch.zeros(2, 3, requires_grad=True)
    unit = to_unit_length(zeros)
    unit.sum().backward()
    assert zeros.grad is not None
    assert not unit.any()
    assert not zeros.grad.any()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_rows_of_half_precision_have_unit_length(dtype: torch.dtype) -> None:
    lengths = to_unit_length(torch.randn(4, 300).to(dtype)).norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones(4))
