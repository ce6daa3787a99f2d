"""The papers' tables: recipes as printed, trainings shared, interrupted runs going on."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.samples import CropSample
from reid.crops.settings import CropTrainingConfig
from reid.crops.sphere_reid import SphereReIDConfig
from tools.bench.crop_runs import CropTables, TestSet
from tools.bench.recipes import CropRow, Scale
from tools.bench.runs import TableRun
from tools.bench.sphere_tables import sphere_recipe, sphere_tables
from tools.bench.toim_tables import toim_recipe, toim_tables, tricks_recipe

TINY = Scale(
    backbone="resnet18",
    height=32,
    width=16,
    epochs=2,
    toim_epochs=1,
    tricks_epochs=2,
    adadelta_rate=0.5,
    weights="none",
)


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> list[CropSample]:
    folder = tmp_path_factory.mktemp("crops")
    generator = np.random.default_rng(0)
    samples = []
    for person in range(4):
        color = generator.integers(0, 256, 3)
        for picture in range(4):
            image = np.clip(color + generator.normal(0, 30, (40, 20, 3)), 0, 255).astype(np.uint8)
            path = folder / f"{person}_{picture}.png"
            cv2.imwrite(str(path), image)
            samples.append(CropSample(path, person, camera=picture % 2))
    return samples


def test_the_papers_scale_is_the_papers_recipe() -> None:
    recipe = sphere_recipe(Scale())
    assert recipe.network == SphereReIDConfig()
    printed = CropTrainingConfig()
    assert recipe.training == printed
    assert recipe.weights == "imagenet"
    assert recipe.augmentation.erase == 0
    toim = toim_recipe(Scale())
    assert toim.training.persons * toim.training.images == 15
    assert (toim.training.optimizer, toim.training.learning_rate) == ("adadelta", 1e-3)
    assert (toim.network.network, toim.network.dimension) == ("B", 512)
    assert (toim.losses.toim_gamma, toim.losses.toim_update_length) == (0.4, 20)
    assert toim.training.initialize_tables
    assert toim.start is not None
    assert toim.start.losses.softmax == 1
    tricks = tricks_recipe(Scale())
    assert tricks.network.last_stride == 1
    assert tricks.training.milestones == (40, 70)


def test_imbalanced_training_has_as_many_steps() -> None:
    """On Market-1501: 47 balanced batches of 751 persons, 203 batches of all crops."""
    scale = dataclasses.replace(TINY, epochs=140)
    balanced, shuffled = (sphere_recipe(scale, images=images).training for images in (4, 0))
    for images, steps in ((2, 24), (1, 12)):
        other = sphere_recipe(scale, images=images).training
        assert other.persons * other.images == balanced.persons * balanced.images == 64
        assert other.epochs * steps == pytest.approx(balanced.epochs * 47, rel=0.02)
    assert shuffled.sampler == "shuffled"
    assert shuffled.epochs * 203 == pytest.approx(balanced.epochs * 47, rel=0.02)
    assert shuffled.warmup_epochs * 203 == pytest.approx(balanced.warmup_epochs * 47, rel=0.02)


def test_rows_share_trainings_and_seeds_do_not() -> None:
    tables = [*sphere_tables(TINY), *toim_tables(TINY)]
    assert len({table.key for table in tables}) == len(tables) == 11
    recipes = [row.recipe for table in tables for row in table.rows]
    keys = {recipe.key() for recipe in recipes}
    assert len(keys) < len(recipes)
    assert len({recipe.with_seed(1).key() for recipe in recipes} | keys) == 2 * len(keys)
    for table in tables:
        labels = {row.label for row in table.rows}
        assert len(labels) == len(table.rows)
        assert {label for claim in table.claims for label in claim} <= labels
        for row in table.rows:
            assert all(0 < value < 100 for figures in row.published.values() for value in figures.values())


def test_trainings_run_once_and_go_on(tmp_path: Path, crops: list[CropSample]) -> None:
    small = dataclasses.replace(TINY, backbone="mobilenet_v2")
    softmax = toim_recipe(small).start
    assert softmax is not None
    short = dataclasses.replace(toim_recipe(small).training, epochs=2, persons=2, images=2)
    start = dataclasses.replace(softmax, training=dataclasses.replace(short, initialize_tables=False))
    toim = dataclasses.replace(toim_recipe(small), training=short, start=start)
    table = (CropRow("softmax", start), CropRow("TOIM", toim), CropRow("RK", toim, rerank=True))
    run = TableRun(CropTables(crops, [TestSet("mine", crops, crops)]), tmp_path, seeds=[0, 1])
    calls: list[tuple[int, int]] = []
    seen: list[list[int]] = []
    [results] = run.run(
        [table],
        lambda done, total, what: calls.append((done, total)),
        lambda so_far: seen.append([len(row.by_seed) for row in so_far[0]]),
    )
    assert seen == [[1, 0, 0], [1, 1, 1], [2, 1, 1], [2, 2, 2]], "results grow with each training"
    assert calls[-1] == (16, 16), "two trainings of four steps for each of two seeds"
    assert len(list((tmp_path / "trainings").iterdir())) == 4
    assert [list(row.by_seed) for row in results] == [[0, 1]] * 3
    assert all(
        0 <= value <= 100 for row in results for one in row.by_seed.values() for value in one.figures["mine"].values()
    )
    assert [row.steps for row in results] == [4, 8, 8]
    trained = (run.directory(toim) / "model.safetensors").stat().st_mtime_ns
    (run.directory(toim) / "training.json").unlink()
    (run.directory(toim) / "figures-mine-whole.json").unlink()
    [again] = run.run([table])
    assert [one.by_seed[0].figures for one in again] == [one.by_seed[0].figures for one in results]
    assert (run.directory(toim) / "model.safetensors").stat().st_mtime_ns == trained


def test_no_seed_is_an_error(tmp_path: Path, crops: list[CropSample]) -> None:
    with pytest.raises(ValueError, match="seed"):
        TableRun(CropTables(crops, [TestSet("mine", crops, crops)]), tmp_path, seeds=[])


def test_names_of_finished_trainings_are_those_of_earlier_versions() -> None:
    """As folders were named before a value of `metric_on` was called "features"; a folder keeps its training."""
    keys = [recipe.key() for recipe in (sphere_recipe(TINY), toim_recipe(TINY), tricks_recipe(TINY))]
    assert keys == ["8b2d7973fa4a", "41cc76bcf9b3", "23d54033031f"]
