"""What a loss is without further words: the settings of its paper, and what the module says of itself."""

import pytest
from torch import nn

from reid.losses import CenterLoss, OIMLoss, SoftmaxLoss, SphereLoss, TOIMLoss, TripletLoss
from reid.losses.memory import IdentityTable, PooledTable, UnlabelledQueue, UpdateTable


def test_defaults_are_those_of_the_papers() -> None:
    oim, toim = OIMLoss(8, 6, 5), TOIMLoss(8, 6, 2)
    assert (oim.scale, oim.known.momentum) == (30, 0.5)
    assert (toim.scale, toim.pool.gamma, len(toim.recent.slots), len(toim.unlabelled.queue)) == (1, 0.4, 20, 0)
    assert (toim.negatives, toim.denominator) == ("update", "hardest")
    assert (SphereLoss(8, 6).scale, SphereLoss(8, 6).label_smoothing) == (14, 0)
    assert (SoftmaxLoss(8, 6).bias, SoftmaxLoss(8, 6).label_smoothing) == (None, 0)
    assert TripletLoss().margin == 0.3
    assert CenterLoss(8, 6).learning_rate == 0.5
    assert (IdentityTable(6, 8).momentum, PooledTable(6, 1, 8).gamma, len(UpdateTable().slots)) == (0.5, 0.4, 20)
    assert UnlabelledQueue(2, 8).unit_length


def test_oim_brings_unlabelled_people_to_unit_length_and_toim_takes_them_as_they_are() -> None:
    assert OIMLoss(8, 6, 5).unlabelled.unit_length
    assert not TOIMLoss(8, 6, 2, unlabelled_queue=3).unlabelled.unit_length


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (IdentityTable(6, 8, 0.25), "identities=6, embedding_dim=8, momentum=0.25"),
        (UnlabelledQueue(5, 8), "size=5, embedding_dim=8"),
        (PooledTable(6, 2, 8, 0.3), "identities=6, cameras=2, embedding_dim=8, gamma=0.3"),
        (UpdateTable(7), "length=7"),
        (OIMLoss(8, 6, 5, scale=12.0), "scale=12.0"),
        (TOIMLoss(8, 6, 2, scale=2.0), "negatives=update, denominator=hardest, scale=2.0"),
        (SphereLoss(8, 6, label_smoothing=0.1), "embedding_dim=8, identities=6, label_smoothing=0.1, scale=14.0"),
        (SoftmaxLoss(8, 6, bias=True), "embedding_dim=8, identities=6, label_smoothing=0.0, bias=True"),
        (TripletLoss(None), "margin=None"),
        (CenterLoss(8, 6), "embedding_dim=8, identities=6, learning_rate=0.5"),
    ],
)
def test_a_printed_module_says_its_sizes_and_settings(module: nn.Module, words: str) -> None:
    assert words in str(module)
    assert type(module).__name__ in str(module)
