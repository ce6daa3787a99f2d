"""A short training of a tiny joint model as a program of its own, to be started by torchrun, or to be called.

python joint_run.py SAMPLES RUN [--resume] [--accumulate N] [--pause SECONDS]
"""

import argparse
import pickle
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from datasets.samples import FrameSample
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig, PersonSearchRCNN
from detection.settings import JointTrainingConfig
from detection.training import JointTrainingTask
from reid.crops.settings import SphereReIDConfig
from reid.crops.sphere_reid import SphereReID
from reid.crops.teacher import TEACHER_FILE, teach_frames
from reid.losses.criterion import LossConfig
from reid.runs.processes import join_processes
from reid.runs.run import TrainingRun

DETECTOR = DetectorConfig(
    backbone="resnet18", pyramid_levels=(1, 2), pyramid_channels=16, pyramid_norm=False, frozen_norm=True,
    anchor_sizes=((16,), (32,), (64,)), anchor_ratios=(2.0, 3.0), box_features=32, min_size=64, max_size=112,
    train_sizes=(48, 56), rpn_post_nms=30, box_batch=16,
)  # fmt: skip
EMBEDDING = EmbeddingConfig(dimension=24, pool_height=8, pool_width=4, channels=16)
LOSSES = LossConfig(
    sphere=0, oim=1, oim_queue=5, toim=1, toim_queue=3, toim_scale=10, triplet=0.5, triplet_unit_length=True,
    softmax=0.5, teacher=1, teacher_relations=0.5,
)  # fmt: skip
TEACHER = SphereReIDConfig(
    network="B", backbone="resnet18", dimension=24, height=32, width=16, resize_height=32, resize_width=16
)  # fmt: skip


def trainer(samples: list[FrameSample], run: Path, *, accumulate: int = 1, epochs: int = 10) -> TrainingRun:
    """The same weights and the same order whatever the number of processes."""
    fabric = join_processes()
    torch.manual_seed(0)
    teacher = SphereReID(TEACHER, precision="float32").eval()
    taught = teach_frames(teacher, samples, run / TEACHER_FILE, dimension=EMBEDDING.dimension)
    torch.manual_seed(0)
    model = PersonSearchRCNN(DETECTOR, EMBEDDING, precision="float32").double()
    config = JointTrainingConfig(
        epochs=epochs, batch_size=4, learning_rate=1e-4, workers=0, checkpoint_steps=3, accumulate=accumulate,
        warmup_steps=2, ema_decay=0.9, sure_updates=True,
    )  # fmt: skip
    task = JointTrainingTask(model, samples, config=config, losses=LOSSES, taught=taught)
    return TrainingRun(task, run, fabric=fabric)


def main(words: Sequence[str] | None = None) -> None:
    """Train, and write what came out beside the run's own files.

    Args:
        words: What would be typed, for a training in this process; None takes what was typed.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("samples", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--accumulate", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--pause", type=float, default=0.0)
    arguments = parser.parse_args(words)
    torch.set_num_threads(1)
    run = trainer(
        pickle.loads(arguments.samples.read_bytes()),
        arguments.run,
        accumulate=arguments.accumulate,
        epochs=arguments.epochs,
    )
    if arguments.resume:
        run.resume()
    summary = run.run(lambda step, total, figures: time.sleep(arguments.pause))
    rank = run._fabric.global_rank
    state = {"model": run.task.model.state_dict(), "criterion": run.task.criterion.state_dict()}
    torch.save(state, arguments.run / f"end{rank}.pt")
    names = sorted(name for name, _ in summary.failures)
    (arguments.run / f"failures{rank}.txt").write_text("\n".join(names), encoding="utf-8")


if __name__ == "__main__":
    main()
