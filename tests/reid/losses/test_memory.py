"""Memories against a loop over rows, and the states a long training meets."""

import pytest
import torch
from torch import Tensor

from datasets.samples import BACKGROUND, UNLABELLED
from reid.losses.memory import IdentityTable, PooledTable, UnlabelledQueue, UpdateTable


def unit_rows(count: int, dim: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(count, dim, generator=generator))


def table_by_loop(table: Tensor, embeddings: Tensor, person_index: Tensor, momentum: float) -> Tensor:
    table = table.clone()
    for embedding, person in zip(embeddings, person_index.tolist(), strict=True):
        if person >= 0:
            row = momentum * table[person] + (1 - momentum) * embedding
            table[person] = row / row.norm()
    return table


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.5, 0.9])
def test_table_equals_a_loop_over_rows_also_with_many_rows_of_one_person(momentum: float) -> None:
    memory = IdentityTable(6, 8, momentum)
    for step in range(4):
        embeddings = unit_rows(40, 8, seed=step)
        person_index = torch.randint(BACKGROUND, 6, (40,), generator=torch.Generator().manual_seed(step))
        expected = table_by_loop(memory.table, embeddings, person_index, momentum)
        memory.update(embeddings, person_index)
        torch.testing.assert_close(memory.table, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("momentum", [0.25, 0.5])
def test_an_unsure_embedding_takes_less_of_its_row(momentum: float) -> None:
    table, pool = IdentityTable(2, 3, momentum), PooledTable(2, 1, 3, momentum)
    people, cameras = torch.tensor([1, 0, 1, 1]), torch.zeros(4, dtype=torch.int64)
    for step in range(2):
        embeddings = unit_rows(4, 3, seed=step)
        sure = torch.tensor([0.9, 1.7, -0.4, 0.3])  # above 1 counts as sure, below 0 as nothing
        rows, slots = table.table.clone(), pool.pooled[:, 0].clone()
        for number, (embedding, person) in enumerate(zip(embeddings, people.tolist())):
            share = (1 - momentum) * min(max(float(sure[number]), 0), 1)
            blend = (1 - share) * rows[person] + share * embedding
            rows[person] = blend / blend.norm() if blend.norm() else rows[person]
            first = step == 0 and number in (0, 1)  # an empty slot takes its first embedding whole
            slots[person] = embedding if first else (1 - share) * slots[person] + share * embedding
        table.update(embeddings, people, sure)
        pool.update(embeddings, people, cameras, sure)
        torch.testing.assert_close(table.table, rows)
        torch.testing.assert_close(pool.pooled[:, 0], slots)


def test_order_of_rows_of_different_people_does_not_matter() -> None:
    embeddings, person_index = unit_rows(12, 5), torch.tensor([3, 0, 3, 1, UNLABELLED, 3, 0, 2, BACKGROUND, 2, 1, 4])
    by_person = torch.argsort(person_index, stable=True)
    first, second = IdentityTable(5, 5), IdentityTable(5, 5)
    first.update(embeddings, person_index)
    second.update(embeddings[by_person], person_index[by_person])
    torch.testing.assert_close(first.table, second.table)


def test_unlabelled_and_background_never_write_a_row() -> None:
    memory = IdentityTable(4, 8)
    memory.update(unit_rows(6, 8), torch.tensor([UNLABELLED, BACKGROUND] * 3))
    assert not memory.table.any()


def test_rows_of_zero_length_or_without_finite_values_leave_the_table_as_it_is() -> None:
    memory = IdentityTable(3, 4)
    memory.update(torch.zeros(2, 4), torch.tensor([0, 1]))
    assert not memory.table.any()
    memory.update(unit_rows(3, 4), torch.tensor([0, 1, 2]))
    before = memory.table.clone()
    bad = torch.stack([torch.zeros(4), torch.full((4,), torch.nan), torch.full((4,), torch.inf), -before[0]])
    memory.update(bad, torch.tensor([0, 1, 2, 0]))
    torch.testing.assert_close(memory.table, before)


@pytest.mark.parametrize(
    ("person_index", "complaint"),
    [
        (torch.tensor([0, 4]), "holds 4"),
        (torch.tensor([0, -3]), "holds -3"),
        (torch.tensor([0]), r"\(R, D\)"),
        (torch.tensor([0.0, 1.0]), "integers"),
    ],
)
def test_wrong_indices_are_named(person_index: Tensor, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        IdentityTable(4, 8).update(unit_rows(2, 8), person_index)


@pytest.mark.parametrize(("size", "batches"), [(5, [3, 3, 3]), (5, [5]), (5, [12, 1]), (4, [0, 9, 2, 8]), (1, [3, 1])])
def test_queue_equals_writing_one_row_after_another(size: int, batches: list[int]) -> None:
    memory = UnlabelledQueue(size, 6)
    expected, head = torch.zeros(size, 6), 0
    for step, count in enumerate(batches):
        embeddings = unit_rows(count, 6, seed=step)
        for embedding in embeddings:
            expected[head] = embedding
            head = (head + 1) % size
        memory.update(embeddings)
        torch.testing.assert_close(memory.queue, expected)
        assert memory.pointer.item() == head


def test_queue_of_no_rows_takes_everything_and_keeps_nothing() -> None:
    memory = UnlabelledQueue(0, 6)
    memory.update(unit_rows(3, 6))
    assert memory.queue.shape == (0, 6)
    assert memory.pointer.item() == 0


def test_queue_leaves_out_rows_without_finite_values_and_brings_the_rest_to_unit_length() -> None:
    memory = UnlabelledQueue(4, 3)
    memory.update(torch.tensor([[torch.nan, 0, 0], [0, 3.0, 4.0]]))
    torch.testing.assert_close(memory.queue[0], torch.tensor([0, 0.6, 0.8]))
    assert memory.pointer.item() == 1


@pytest.mark.parametrize("cast", [torch.bfloat16, torch.float16, torch.float64])
def test_memories_stay_float32_bit_for_bit_when_the_model_is_cast(cast: torch.dtype) -> None:
    people = torch.arange(3)
    model = torch.nn.ModuleList(
        [IdentityTable(3, 4), UnlabelledQueue(2, 4), PooledTable(3, 1, 4), torch.nn.Linear(2, 2)]
    )
    model[0].update(unit_rows(3, 4), people)
    model[1].update(unit_rows(2, 4))
    model[2].update(unit_rows(3, 4), people, torch.zeros_like(people))
    before = [model[0].table.clone(), model[1].queue.clone(), model[2].pooled.clone()]
    model.to(cast)
    assert model[3].weight.dtype == cast
    for kept, memory in zip(before, (model[0].table, model[1].queue, model[2].pooled)):
        assert torch.equal(memory, kept)
    assert model[1].pointer.dtype == torch.int64
    assert model[2].filled.dtype == torch.bool
    model[0].update(unit_rows(3, 4, seed=1).to(cast), people)
    model[2].update(unit_rows(3, 4, seed=1).to(cast), people, torch.zeros_like(people))
    assert model[0].table.dtype == model[2].pooled.dtype == torch.float32


def test_queue_keeps_lengths_when_told_to() -> None:
    memory = UnlabelledQueue(4, 3, unit_length=False)
    memory.update(torch.tensor([[0, 3.0, 4.0]]))
    torch.testing.assert_close(memory.queue[0], torch.tensor([0, 3.0, 4.0]))
    memory.clear()
    assert not memory.queue.any()
    assert memory.pointer.item() == 0


@pytest.mark.parametrize("gamma", [0.0, 0.4, 1.0])
def test_pooled_table_equals_a_loop_over_rows_also_with_many_rows_of_one_slot(gamma: float) -> None:
    memory, rows = PooledTable(3, 2, 4, gamma), {}
    for step in range(3):
        generator = torch.Generator().manual_seed(step)
        embeddings = 3 * unit_rows(30, 4, seed=step)
        people = torch.randint(BACKGROUND, 3, (30,), generator=generator)
        cameras = torch.randint(0, 1 + (step > 0), (30,), generator=generator)
        slots = memory.update(embeddings, people, cameras)
        expected = []
        for embedding, slot in zip(embeddings, zip(people.tolist(), cameras.tolist()), strict=True):
            if slot[0] >= 0:
                rows[slot] = gamma * rows[slot] + (1 - gamma) * embedding if slot in rows else embedding
                expected.append(slot[0] * 2 + slot[1])
        assert slots.tolist() == expected
        for slot, row in rows.items():
            torch.testing.assert_close(memory.pooled[slot], row)
        assert {tuple(slot) for slot in memory.filled.nonzero().tolist()} == set(rows)


@pytest.mark.parametrize(
    ("length", "batches"), [(5, [3, 3, 3]), (5, [5]), (5, [12, 1]), (4, [0, 9, 2, 8]), (1, [3, 1])]
)
def test_update_table_holds_the_newest_slots_in_their_order(length: int, batches: list[int]) -> None:
    memory, written = UpdateTable(length), []
    for count in batches:
        slots = torch.arange(len(written), len(written) + count)
        memory.update(slots)
        written += slots.tolist()
        entries = memory.slots.roll(-int(memory.pointer)).tolist()
        assert entries == ([-1] * length + written)[-length:]
    memory.clear()
    assert memory.slots.tolist() == [-1] * length
    assert memory.pointer.item() == 0


def test_memories_move_to_another_device() -> None:
    memory = IdentityTable(3, 4).to("meta")
    assert memory.table.device.type == "meta"


def test_the_smallest_memories_are_one_row_of_one_dimension() -> None:
    assert IdentityTable(1, 1).table.shape == (1, 1)
    assert PooledTable(1, 1, 1, 1.0).pooled.shape == (1, 1, 1)
    assert PooledTable(1, 1, 1, 0.0).filled.shape == (1, 1)
    assert UnlabelledQueue(1, 1).queue.shape == (1, 1)
    assert UpdateTable(1).slots.shape == (1,)


@pytest.mark.parametrize(
    ("embeddings", "people", "cameras", "complaint"),
    [
        (torch.zeros(2, 5), [0, 1], [0, 1], r"embeddings \(2, 5\), expected \(R, 4\)"),
        (torch.zeros(4), [0, 1], [0, 1], r"embeddings \(4,\), expected \(R, 4\)"),
        (torch.zeros(2, 4), [0, 3], [0, 1], "person_index holds 3"),
        (torch.zeros(2, 4), [0, 1], [0, 2], "camera_index holds 2"),
        (torch.zeros(2, 4), [0, 1], [-1, 0], "camera_index holds -1"),
    ],
)
def test_rows_that_no_slot_of_the_pooled_table_stands_for_are_named(
    embeddings: Tensor, people: list[int], cameras: list[int], complaint: str
) -> None:
    memory = PooledTable(3, 2, 4)
    for call in (memory.update, memory.initialize):
        with pytest.raises(ValueError, match=complaint):
            call(embeddings, torch.tensor(people), torch.tensor(cameras))
    assert not memory.filled.any()


def test_a_pooled_table_starts_from_the_mean_of_each_slot_and_forgets_what_was() -> None:
    memory = PooledTable(3, 2, 4)
    memory.update(unit_rows(2, 4, seed=8), torch.tensor([2, 0]), torch.tensor([0, 1]))
    embeddings = 3 * unit_rows(20, 4)
    embeddings[3] = torch.nan
    people, cameras = torch.tensor([0, 1, -1, 1, -2] * 4), torch.tensor([0, 1, 1, 1] * 5)
    memory.initialize(embeddings, people, cameras)
    for person in range(3):
        for camera in range(2):
            mine = [row for row in range(20) if (people[row], cameras[row]) == (person, camera) and row != 3]
            mean = embeddings[mine].mean(dim=0) if mine else torch.zeros(4)
            torch.testing.assert_close(memory.pooled[person, camera], mean)
            assert memory.filled[person, camera] == bool(mine)


def test_embeddings_that_are_all_zero_fill_their_slots() -> None:
    memory = PooledTable(2, 2, 3)
    memory.update(torch.zeros(1, 3), torch.tensor([1]), torch.tensor([0]))
    assert memory.filled.tolist() == [[False, False], [True, False]]


@pytest.mark.parametrize("arguments", [(0, 1, 4), (3, 0, 4), (3, 1, 0), (3, 1, 4, 1.1), (3, 1, 4, -0.1)])
def test_impossible_pooled_tables_are_refused(arguments: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        PooledTable(*arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("arguments", [(0, 4), (3, 0), (3, 4, 1.0), (3, 4, -0.1)])
def test_impossible_tables_are_refused(arguments: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        IdentityTable(*arguments)  # type: ignore[arg-type]


def test_impossible_queues_are_refused() -> None:
    for size, dimension in ((-1, 4), (3, 0)):
        with pytest.raises(ValueError, match="expected"):
            UnlabelledQueue(size, dimension)
    with pytest.raises(ValueError, match="0 entries"):
        UpdateTable(0)
