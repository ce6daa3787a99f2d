"""Tables of joint models: what a line changes, what is trained once, and similarities weighted by confidence."""

import dataclasses
import json

import torch

from datasets.samples import Query
from detection.detections import Detections
from detection.faster_rcnn import DetectorConfig
from search.evaluation.protocols import evaluate_search
from search.evaluation.stages import class_weighted
from tools.bench.joint_recipes import JointRecipe, JointTable, joint_tables, on_common_detector


def built(base: JointRecipe) -> list[JointTable]:
    return [table_of(base) for table_of in joint_tables(base).values()]


def test_every_line_differs_from_the_first_and_seeds_differ() -> None:
    base = JointRecipe()
    for table in built(base):
        lines = {(row.recipe.key(), row.stage) for row in table.rows}
        assert len(lines) == len(table.rows) == len({row.label for row in table.rows})
        for row in table.rows:
            json.dumps(dataclasses.asdict(row.recipe))
            assert row.recipe.with_seed(1).key() != row.recipe.with_seed(2).key()
    assert base.key() == JointRecipe().key()


def test_lines_have_the_same_budget() -> None:
    for table in built(on_common_detector(JointRecipe(), 3)):
        recipes = [row.recipe for row in table.rows]
        assert len({one.training.batch_size for one in recipes}) == 1
        assert len({one.training.epochs + sum(start.training.epochs for start in one.starts()) for one in recipes}) == 1


def test_the_way_from_softmax_to_toim_follows_its_seed() -> None:
    (line,) = (
        row.recipe
        for table in built(on_common_detector(JointRecipe(), 3))
        for row in table.rows
        if not row.recipe.new_head
    )
    detector, softmax = line.with_seed(2).starts()
    assert (detector.training.seed, softmax.training.seed, line.with_seed(2).training.seed) == (0, 2, 2)
    assert (softmax.losses.softmax, line.losses.toim, line.training.initialize_tables) == (1, 1, True)


def test_a_less_sure_detection_falls_behind() -> None:
    """Two detections that look the same: the one that is surely a person comes first."""
    box = torch.tensor([[0.0, 0, 10, 20]])
    look = torch.tensor([[0.6, 0.8]])
    found = {
        "wrong": Detections(box, torch.tensor([0.55]), look),
        "right": Detections(box, torch.tensor([0.99]), 0.999 * look / look.norm()),
    }
    query = Query(1, [("wrong", None), ("right", box[0].numpy())], frame="right", box=box[0].numpy())
    plain = evaluate_search(found, [query], look)
    weighted = evaluate_search(class_weighted(found), [query], look)
    assert (plain.top1, weighted.top1) == (0, 1)
    assert class_weighted({"empty": Detections(box[:0], torch.zeros(0), look[:0])})["empty"].embeddings.shape == (0, 2)


def test_what_stands_in_two_tables_is_trained_once() -> None:
    losses, toim, parts, backbones = built(JointRecipe())
    assert losses.rows[0].recipe.key() == parts.rows[0].recipe.key() == JointRecipe().key()
    assert losses.rows[4].recipe.key() == toim.rows[0].recipe.key()
    assert backbones.rows[0].recipe.key() == JointRecipe().key()


def test_a_common_detector_is_one_training() -> None:
    base = on_common_detector(JointRecipe(), 3)
    *tables, trunks = built(base)
    lines = [row.recipe.with_seed(seed) for seed in (0, 1) for table in tables for row in table.rows]
    assert base.start is not None
    assert {line.starts()[0].key() for line in lines} == {base.start.key()}
    assert base.start.losses.none
    assert base.start.training.epochs == 3
    assert base.key() != JointRecipe().key()
    starts = {row.recipe.start.key() for row in trunks.rows if row.recipe.start is not None}
    assert len(starts) == len(trunks.rows) == 3, "a trunk begins on a detector of its own"
    published = on_common_detector(JointRecipe(weights="imagenet"), 3)
    assert published.start is not None
    assert published.start.weights == "imagenet"
    assert published.detector.frozen_norm
    assert published.detector == published.start.detector, "else the line could not load it"


def test_keys_are_those_of_the_tables_and_small_inputs_and_other_stages_have_tables() -> None:
    mobile = DetectorConfig(
        backbone="mobilenet_v3_large", pyramid_levels=(4, 5), anchor_sizes=((32,),) * 3, min_size=48
    )
    base = JointRecipe(mobile)
    assert list(joint_tables(base)) == [table.key for table in built(base)]
    assert [row.label for row in built(base)[-1].rows] == ["mobilenet_v3_large"]
    sizes = next(row.recipe.detector.train_sizes for row in built(base)[2].rows if row.label == "several sizes")
    assert sizes == (32, 36, 42)
