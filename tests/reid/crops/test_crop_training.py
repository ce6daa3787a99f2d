"""Crop training in a run directory: it learns, it resumes exactly, it says what is wrong."""

import csv
import dataclasses
import gc
import weakref
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from datasets.samples import CropSample
from datasets.transforms import CropAugmentation, CropTransform
from reid.crops.backbones import IMAGENET
from reid.crops.evaluation_log import PeriodicEvaluation
from reid.crops.loader import TrainingCrops, load_crop_batches, placed
from reid.crops.settings import Backbone, CropTrainingConfig
from reid.crops.sphere_reid import SphereReID, SphereReIDConfig
from reid.crops.splits import crop_features, embed_crops
from reid.crops.start import resumed_crop_model, start_crop_model
from reid.crops.training import CropTrainingTask
from reid.losses.criterion import LossConfig
from reid.runs.files import DivergedError
from reid.runs.run import TrainingRun

NETWORK = SphereReIDConfig(
    backbone="mobilenet_v2", dimension=16, height=32, width=16, resize_height=36, resize_width=18, dropout=0.1
)
RESNET = dataclasses.replace(NETWORK, backbone="resnet18")
CONFIG = CropTrainingConfig(
    epochs=3, persons=2, images=2, warmup_epochs=1, milestones=(2,), workers=0, learning_rate=1e-3, checkpoint_steps=3
)
COLORS = ((220, 40, 40), (40, 220, 40), (40, 40, 220), (200, 200, 40))


@pytest.fixture
def samples(tmp_path: Path) -> list[CropSample]:
    """Four people of one color each, three noisy pictures of each under two cameras."""
    generator = np.random.default_rng(0)
    crops = []
    for person, color in enumerate(COLORS):
        for picture in range(3):
            noise = generator.normal(0, 20, (40, 20, 3))
            path = tmp_path / f"{person}_{picture}.png"
            cv2.imwrite(str(path), np.clip(np.array(color) + noise, 0, 255).astype(np.uint8)[..., ::-1])
            crops.append(CropSample(path, person, camera=picture % 2))
    return crops


def trainer(
    directory: Path,
    samples: list[CropSample],
    config: CropTrainingConfig = CONFIG,
    losses: LossConfig | None = None,
    *,
    network: SphereReIDConfig = NETWORK,
) -> TrainingRun:
    torch.manual_seed(config.seed)
    model = SphereReID(network, precision="float32").train()
    return TrainingRun(
        CropTrainingTask(model, samples, config=config, losses=losses or LossConfig(triplet=1.0)), directory
    )


def rows(directory: Path) -> list[dict[str, str]]:
    with (directory / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


class Interrupted(Exception):
    """Stands for a power cut in the middle of a step."""


@pytest.mark.parametrize("losses", [
    LossConfig(), LossConfig(sphere=0, toim=1), LossConfig(sphere=0, softmax=1, triplet=1, center=5e-4),
    LossConfig(sphere=0, oim=1),
], ids=["sphere", "toim", "tricks", "oim"])  # fmt: skip
def test_a_resumed_run_equals_an_uninterrupted_one(
    tmp_path: Path, samples: list[CropSample], losses: LossConfig
) -> None:
    whole = trainer(tmp_path / "whole", samples, losses=losses)
    whole.run()

    def stop(step: int, total: int, figures: dict[str, float]) -> None:
        assert total == 6
        if step == 5:
            raise Interrupted

    with pytest.raises(Interrupted):
        trainer(tmp_path / "cut", samples, losses=losses).run(stop)
    torch.rand(7)  # what happened between the two runs must not matter
    again = trainer(tmp_path / "cut", samples, losses=losses)
    again.resume()
    assert again.step == 3  # in the middle of the second epoch
    again.run()
    for name, value in whole.task.model.state_dict().items():
        assert torch.equal(value, again.task.model.state_dict()[name]), name
    for (name, value), (_, other) in zip(
        whole.task.criterion.state_dict().items(), again.task.criterion.state_dict().items()
    ):
        assert torch.equal(value, other), name
    figures = [{k: v for k, v in row.items() if k != "images_per_second"} for row in rows(tmp_path / "whole")]
    assert [{k: v for k, v in row.items() if k != "images_per_second"} for row in rows(tmp_path / "cut")] == figures


def test_it_learns_to_tell_people_apart(tmp_path: Path, samples: list[CropSample]) -> None:
    config = dataclasses.replace(CONFIG, epochs=12, persons=4, warmup_epochs=2, milestones=(10,), checkpoint_steps=12)
    run = trainer(tmp_path / "run", samples, config, network=RESNET)
    evaluation = PeriodicEvaluation(run.task.model, tmp_path / "run", samples[::3], samples, every=6)
    summary = run.run(on_epoch=evaluation)
    assert summary.steps == 12
    assert summary.images_per_second > 0
    assert run.task.loader_speed() > 0
    losses = [float(row["loss"]) for row in rows(tmp_path / "run")]
    assert losses[-1] < losses[0] / 2
    model = SphereReID.from_checkpoint(tmp_path / "run", device="cpu")
    embeddings = embed_crops(model, samples).embeddings
    same = torch.tensor([[a.person_id == b.person_id for a in samples] for b in samples])
    similarity = embeddings @ embeddings.T
    assert similarity[same].min() > similarity[~same].max()
    with (tmp_path / "run" / "evaluation.csv").open(newline="") as file:
        evaluated = list(csv.DictReader(file))
    assert [row["epoch"] for row in evaluated] == ["6", "12"]
    assert float(evaluated[-1]["rank1"]) == 1.0


def test_a_finished_trainer_leaves_no_pictures_behind(tmp_path: Path, samples: list[CropSample]) -> None:
    """At once, without the garbage collector, for tables train many models in one process."""
    gc.collect()
    gc.disable()
    try:
        run = trainer(tmp_path / "run", samples, dataclasses.replace(CONFIG, epochs=1, workers=1))
        run.run()
        pictures = weakref.ref(run.task.crops)
        del run
        assert pictures() is None
    finally:
        gc.enable()


def test_rates_of_the_papers_schedule(tmp_path: Path, samples: list[CropSample]) -> None:
    config = CropTrainingConfig(epochs=140, persons=4, workers=0)
    schedule = trainer(tmp_path, samples, config).schedule
    factor = schedule.lr_lambdas[0]
    rates = [1e-3 * factor(epoch) for epoch in (0, 10, 20, 79, 80, 99, 100, 139)]  # one step an epoch
    np.testing.assert_allclose(rates, [5e-5, 5.25e-4, 1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5])


def test_a_training_of_crops_needs_a_loss(tmp_path: Path, samples: list[CropSample]) -> None:
    with pytest.raises(ValueError, match="every loss has the weight 0"):
        trainer(tmp_path, samples, losses=LossConfig(sphere=0.0))


def test_rates_along_a_cosine(tmp_path: Path, samples: list[CropSample]) -> None:
    config = CropTrainingConfig(epochs=11, persons=4, workers=0, warmup_epochs=1, schedule="cosine")
    factor = trainer(tmp_path, samples, config).schedule.lr_lambdas[0]
    np.testing.assert_allclose([factor(epoch) for epoch in (0, 1, 6, 11)], [0.05, 1, 0.505, 0.01])


def test_threads_change_nothing(samples: list[CropSample]) -> None:
    transform = CropTransform(CropAugmentation(erase=0.5, color=0.2, pad=2), resize=(36, 18), window=(32, 16))
    batches = [placed(np.array(rows)) for rows in ([0, 0, 5, 11], [3, 2, 1, 0])] * 3

    def loaded(workers: int) -> list[torch.Tensor]:
        crops = TrainingCrops(samples, transform, seed=4, cameras={0: 0, 1: 1}, cache_megabytes=workers)
        return [batch.images for batch in load_crop_batches(crops, batches, epoch=2, workers=workers)]

    for plain, threaded in zip(loaded(0), loaded(2)):
        assert plain.shape == (4, 3, 32, 16)
        assert torch.equal(plain, threaded)
    assert not torch.equal(loaded(0)[0][0], loaded(0)[0][1]), "a crop that stands twice is augmented in two ways"


def test_a_broken_crop_is_named_and_the_rest_is_trained_on(tmp_path: Path, samples: list[CropSample]) -> None:
    samples[4].path.write_bytes(b"no picture")
    config = dataclasses.replace(CONFIG, persons=4, images=3)
    summary = trainer(tmp_path / "run", samples, config).run()
    assert [name for name, _ in summary.failures] == [samples[4].name]
    embedded = embed_crops(SphereReID(NETWORK), samples)
    assert [name for name, _ in embedded.failures] == [samples[4].name]
    assert [sample.name for sample in embedded.samples] == [s.name for s in samples if s is not samples[4]]
    assert crop_features(SphereReID(NETWORK), samples).rows == [0, 1, 2, 3, *range(5, 12)]


def test_unreadable_crops_alone_are_an_error(tmp_path: Path, samples: list[CropSample]) -> None:
    for sample in samples:
        sample.path.unlink()
    with pytest.raises(ValueError, match="none of the 8 training pictures could be read"):
        trainer(tmp_path / "run", samples).run()


def test_one_person_cannot_be_told_from_others(tmp_path: Path, samples: list[CropSample]) -> None:
    with pytest.raises(ValueError, match="of 1 people, expected two"):
        trainer(tmp_path, samples[:3])


def test_divergence_is_named(tmp_path: Path, samples: list[CropSample]) -> None:
    run = trainer(tmp_path, samples)
    with torch.no_grad():
        next(run.task.model.parameters()).fill_(float("nan"))
    with pytest.raises(DivergedError, match="at step 1"):
        run.run()


def test_a_resumed_run_must_share_recipe_network_and_data(tmp_path: Path, samples: list[CropSample]) -> None:
    with pytest.raises(FileNotFoundError, match="without --resume"):
        trainer(tmp_path, samples).resume()
    trainer(tmp_path, samples).run()
    with pytest.raises(ValueError, match="learning_rate"):
        trainer(tmp_path, samples, dataclasses.replace(CONFIG, learning_rate=1e-4)).resume()
    with pytest.raises(ValueError, match=r"losses\.sphere_scale"):
        trainer(tmp_path, samples, losses=LossConfig(triplet=1.0, sphere_scale=20)).resume()
    with pytest.raises(ValueError, match="data"):
        trainer(tmp_path, [dataclasses.replace(sample, camera=None) for sample in samples]).resume()
    with pytest.raises(ValueError, match=r"network\.dimension"):
        resumed_crop_model(tmp_path, dataclasses.replace(NETWORK, dimension=8))
    trainer(tmp_path, samples, dataclasses.replace(CONFIG, workers=2)).resume()


def test_toims_table_starts_from_the_starting_weights(tmp_path: Path, samples: list[CropSample]) -> None:
    first = trainer(tmp_path / "softmax", samples, losses=LossConfig(sphere=0, softmax=1))
    first.run()
    model = start_crop_model(str(tmp_path / "softmax"), NETWORK, seed=0)
    expected = torch.nn.functional.normalize(crop_features(model, samples).features.embedding, dim=1)
    config = dataclasses.replace(CONFIG, initialize_tables=True)
    run = TrainingRun(
        CropTrainingTask(model, samples, config=config, losses=LossConfig(sphere=0, toim=1)), tmp_path / "toim"
    )

    run.task.before_first_step()
    table = run.task.criterion.losses["toim"].pooled
    torch.testing.assert_close(table[2, 1], expected[7])
    torch.testing.assert_close(table[2, 0], expected[[6, 8]].mean(0))


def test_starting_weights_must_fit(tmp_path: Path) -> None:
    SphereReID(RESNET).save(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"network\.dimension"):
        start_crop_model(str(tmp_path), dataclasses.replace(RESNET, dimension=8), seed=0)
    larger = dataclasses.replace(RESNET, height=64, width=32, resize_height=72, resize_width=36, frozen_early=True)
    assert start_crop_model(str(tmp_path), larger, seed=0).config == larger
    with pytest.raises(ValueError, match="freezes layers at random"):
        start_crop_model("none", larger, seed=0)
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="expected torchvision's resnet18"):
        start_crop_model(str(tmp_path / "other.pth"), RESNET, seed=0)
    with pytest.raises(FileNotFoundError, match="is no file"):
        start_crop_model(str(tmp_path / "none.pth"), RESNET, seed=0)
    published = models.resnet18(weights=None)
    torch.save(published.state_dict(), tmp_path / "published.pth")
    model = start_crop_model(str(tmp_path / "published.pth"), RESNET, seed=0)
    assert torch.equal(model.backbone.layer1[0].conv1.weight, published.layer1[0].conv1.weight)


@pytest.mark.parametrize("backbone", ["mobilenet_v2", "efficientnet_b0"])
def test_a_small_trunk_starts_from_torchvisions_classifier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backbone: Backbone
) -> None:
    """From a file with or without the classifier, and by name from torch's cache."""
    network = dataclasses.replace(NETWORK, backbone=backbone, last_stride=1)
    published = getattr(models, backbone)(weights=None).state_dict()
    torch.save(published, tmp_path / "published.pth")
    trunk = {name: value for name, value in published.items() if name.startswith("features.")}
    save_file(trunk, tmp_path / "trunk.safetensors")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    torch.save(published, cache / IMAGENET[backbone].url.rpartition("/")[2])
    for weights in ("imagenet", str(tmp_path / "published.pth"), str(tmp_path / "trunk.safetensors")):
        model = start_crop_model(weights, network, seed=0)
        for name, value in model.backbone.state_dict().items():
            assert torch.equal(value.cpu(), published[f"features.{name}"]), name
    with pytest.raises(ValueError, match="expected torchvision's resnet18"):
        start_crop_model(str(tmp_path / "published.pth"), RESNET, seed=0)


@pytest.mark.parametrize("changes", [
    {"epochs": 0}, {"persons": 0}, {"workers": -1}, {"learning_rate": 0.0}, {"warmup_start": 0.0},
    {"persons": 1, "images": 1},
])  # fmt: skip
def test_wrong_recipes_are_named(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"expected|nothing to compare"):
        dataclasses.replace(CONFIG, **changes)


def test_parts_without_anything_to_compare_are_named(tmp_path: Path, samples: list[CropSample]) -> None:
    with pytest.raises(ValueError, match="a batch or part of one crop"):
        dataclasses.replace(CONFIG, accumulate=4)
    parts = dataclasses.replace(CONFIG, accumulate=2)
    with pytest.raises(ValueError, match="leave no two in a part for triplets"):
        trainer(tmp_path / "run", samples, parts)
    assert trainer(tmp_path / "run", samples, parts, LossConfig()).run().steps == 6


def test_the_last_evaluation_is_of_the_weights_that_are_kept(tmp_path: Path, samples: list[CropSample]) -> None:
    config = dataclasses.replace(CONFIG, ema_decay=0.9, learning_rate=0.05)
    run = trainer(tmp_path / "run", samples, config)
    kept = run.saved_model
    assert isinstance(kept, SphereReID)
    evaluation = PeriodicEvaluation(kept, tmp_path / "run", samples[::3], samples, every=3)
    figures: list[dict[str, float]] = []
    run.run(on_epoch=lambda epoch: figures.append(evaluation(epoch)))
    assert figures[:2] == [{}, {}]
    model = SphereReID.from_checkpoint(tmp_path / "run", device="cpu")
    model.precision = "float32"
    for name, value in model.state_dict().items():
        assert torch.equal(value, kept.state_dict()[name]), name
    again = PeriodicEvaluation(model, tmp_path / "run", samples[::3], samples)(3)
    assert again == figures[-1]


def test_each_epoch_augments_a_crop_anew_and_always_alike(samples: list[CropSample]) -> None:
    transform = CropTransform(CropAugmentation(color=0.2, pad=2), resize=(36, 18), window=(32, 16))

    def first(seed: int, epoch: int) -> torch.Tensor:
        crops = TrainingCrops(samples, transform, seed=seed, cameras={0: 0, 1: 1}, cache_megabytes=1)
        return crops.batch(epoch, placed(np.array([4]))).images

    epochs = [first(4, epoch) for epoch in range(5)]
    assert all(not torch.equal(epochs[0], later) for later in epochs[1:])
    assert torch.equal(epochs[3], first(4, 3))
    assert not torch.equal(epochs[0], first(5, 0))


def test_the_first_epochs_see_small_crops(tmp_path: Path, samples: list[CropSample]) -> None:
    """At two thirds of the size, of the same people in the same order; then at the full size, and none by default."""
    run = trainer(tmp_path / "run", samples, config=dataclasses.replace(CONFIG, small_epochs=2))
    sizes = [{tuple(batch.images.shape[2:]) for batch in run.task.load(e, run.task.batches(e))} for e in range(4)]
    assert sizes == [{(21, 10)}, {(21, 10)}, {(32, 16)}, {(32, 16)}]
    plain = trainer(tmp_path / "plain", samples).task
    assert next(tuple(batch.images.shape[2:]) for batch in plain.load(0, plain.batches(0))) == (32, 16)
    assert np.array_equal(plain.batches(0), run.task.batches(0))
    assert run.run().steps == 6
    with pytest.raises(ValueError, match="small_epochs is -1"):
        dataclasses.replace(CONFIG, small_epochs=-1)


def test_the_learning_rate_of_each_step_is_the_schedules(tmp_path: Path, samples: list[CropSample]) -> None:
    """Two steps an epoch: half an epoch of the warm-up, its end, and a tenth after the milestone."""
    trainer(tmp_path / "run", samples).run()
    rates = [float(row["learning_rate"]) for row in rows(tmp_path / "run")]
    np.testing.assert_allclose(rates, [5e-5, 5.25e-4, 1e-3, 1e-3, 1e-4, 1e-4], rtol=1e-5)
