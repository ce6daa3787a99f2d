"""A short training of a tiny crop model, to be called in processes of its own."""

from pathlib import Path

import torch
from torch import nn

from datasets.samples import CropSample
from reid.crops.settings import CropTrainingConfig
from reid.crops.sphere_reid import SphereReID, SphereReIDConfig
from reid.crops.training import CropTrainingTask
from reid.losses.criterion import LossConfig
from reid.runs.processes import join_processes
from reid.runs.run import TrainingRun

NETWORK = SphereReIDConfig(
    backbone="resnet18", dimension=16, height=32, width=16, resize_height=36, resize_width=18, dropout=0.0
)
LOSSES = LossConfig(sphere=1, oim=0.5, toim=1, toim_scale=10, triplet=0.5, softmax=0.5, center=5e-3)
CONFIG = CropTrainingConfig(
    epochs=10, persons=4, images=2, warmup_epochs=1, milestones=(8,), workers=0, learning_rate=1e-4
)


def small(model: SphereReID) -> SphereReID:
    """Put one layer in the place of each of the trunk's later groups, which have 15 of 16 of its weights."""
    model.backbone.layer3 = nn.Conv2d(128, 256, 1, stride=2)
    model.backbone.layer4 = nn.Conv2d(256, 512, 1, stride=2)
    return model


def without_batch_statistics(model: nn.Module) -> None:
    """Put group in the place of batch normalization, whose statistics are each process's own on a processor."""
    for name, child in model.named_children():
        if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
            setattr(model, name, nn.GroupNorm(1, child.num_features))
        else:
            without_batch_statistics(child)


def main(crops: Path, run: Path) -> None:
    """Train, and write what came out beside the run's own files.

    Args:
        crops: A folder of pictures named PERSON_CAMERA_NUMBER.png.
        run: The run's folder.
    """
    torch.set_num_threads(1)
    samples = []
    for path in sorted(crops.iterdir()):
        person, camera, _ = path.stem.split("_")
        samples.append(CropSample(path, int(person), camera=int(camera)))
    torch.manual_seed(0)
    model = small(SphereReID(NETWORK, precision="float32"))
    without_batch_statistics(model)
    training = TrainingRun(
        CropTrainingTask(model.double(), samples, config=CONFIG, losses=LOSSES), run, fabric=join_processes()
    )
    training.run()
    state = {"model": training.task.model.state_dict(), "criterion": training.task.criterion.state_dict()}
    torch.save(state, run / f"end{training._fabric.global_rank}.pt")
