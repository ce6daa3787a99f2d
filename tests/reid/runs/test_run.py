"""The training loop, seen with a task of four numbers: order, clipping, parts, averages, resume points, reports."""

import csv
import dataclasses
import itertools
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from toy_task import ToyRecipe, ToyTask

from reid.runs.run import TrainingRun


class Stopped(Exception):
    """Stands for a power cut."""


def run_of(directory: Path, task: ToyTask | None = None, **changes: float) -> TrainingRun:
    return TrainingRun(task or ToyTask(dataclasses.replace(ToyRecipe(), **changes)), directory)


def rows(directory: Path) -> list[dict[str, str]]:
    with (directory / "metrics.csv").open(newline="") as file:
        return [{name: value for name, value in row.items() if "second" not in name} for row in csv.DictReader(file)]


def stopped_after(run: TrainingRun, step: int) -> None:
    def stop(done: int, total: int, figures: dict[str, float]) -> None:
        if done == step:
            raise Stopped

    with pytest.raises(Stopped):
        run.run(stop)


def test_a_step_asks_for_losses_then_changes_the_weights_then_the_tables(tmp_path: Path) -> None:
    task = ToyTask(ToyRecipe(epochs=1, accumulate=2), steps_per_epoch=2)
    task.optimizer.register_step_post_hook(lambda *_: task.events.append("optimizer"))
    run_of(tmp_path, task).run()
    step = ["losses {0}", "losses {0}", "optimizer", "tables", "tables"]
    assert task.events == ["before the first step", *(one.format(number) for number in (0, 1) for one in step)]
    assert float(task.criterion.table) == sum(range(4)), "every row once"


@pytest.mark.parametrize("stop", [1, 4, 5, 9])
@pytest.mark.parametrize("changes", [{}, {"ema_decay": 0.5, "accumulate": 2}], ids=["plain", "averaged, in parts"])
def test_a_resumed_training_equals_one_that_was_not_stopped(
    tmp_path: Path, stop: int, changes: dict[str, float]
) -> None:
    """Stopped after the first step, at the end of an epoch, and in the middle of the second and third."""
    changes = changes | {"checkpoint_steps": 1}
    whole = run_of(tmp_path / "whole", **changes)
    whole.run()
    stopped_after(run_of(tmp_path / "cut", **changes), stop)
    torch.rand(3)
    again = run_of(tmp_path / "cut", **changes)
    again.resume()
    assert again.step == stop
    again.run()
    assert "before the first step" not in again.task.events
    assert torch.equal(again.task.model.weight, whole.task.model.weight)
    assert torch.equal(again.task.criterion.table, whole.task.criterion.table)
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")
    kept = [load_file(tmp_path / name / "model.safetensors") for name in ("whole", "cut")]
    assert torch.equal(kept[0]["weight"], kept[1]["weight"])
    assert kept[0]["step"] == kept[1]["step"] == 12


def test_every_step_draws_its_own_random_numbers_by_seed_and_step(tmp_path: Path) -> None:
    first, again, other = ToyTask(), ToyTask(), ToyTask(ToyRecipe(seed=6))
    for number, task in enumerate((first, again, other)):
        run_of(tmp_path / str(number), task).run()
    assert len(set(first.noise)) == len(first.noise) == 12
    assert first.noise == again.noise
    assert not set(first.noise) & set(other.noise)


def test_the_learning_rate_is_the_schedules_at_every_step(tmp_path: Path) -> None:
    run_of(tmp_path).run()
    rates = [float(row["learning_rate"]) for row in rows(tmp_path)]
    assert rates == pytest.approx([0.1 / (1 + step) for step in range(12)], rel=1e-5)


@pytest.mark.parametrize(("clip_norm", "clipped"), [(0.0, False), (1e-3, True), (1e3, False)])
def test_gradients_are_scaled_down_to_the_recipes_norm(tmp_path: Path, clip_norm: float, clipped: bool) -> None:
    task = ToyTask(ToyRecipe(clip_norm=clip_norm, epochs=1))
    norms: list[float] = []
    task.optimizer.register_step_pre_hook(lambda *_: norms.append(float(task.model.weight.grad.norm())))
    run_of(tmp_path, task).run()
    if clipped:
        assert norms == pytest.approx([clip_norm] * 4, rel=1e-2)
    else:
        assert min(norms) > 0.01


@pytest.mark.parametrize("parts", [1, 2])
def test_a_batch_in_parts_has_the_mean_gradient_of_its_parts(tmp_path: Path, parts: int) -> None:
    """Of each part's own loss, computed apart; three batches of four rows."""

    class Fixed(ToyTask):
        def batches(self, epoch: int) -> list[list[tuple[int, int]]]:
            return [[(epoch, 4 * step + row) for row in range(4)] for step in range(3)]

        def losses(self, network: nn.Module, batch: object, step: int) -> object:
            torch.manual_seed(step)  # the same noise in every part
            return super().losses(network, batch, step)

    task = Fixed(ToyRecipe(epochs=1, accumulate=parts), steps_per_epoch=3, rate=0.0)
    gradients: list[torch.Tensor] = []
    task.optimizer.register_step_pre_hook(lambda *_: gradients.append(task.model.weight.grad.clone()))
    run_of(tmp_path, task).run()
    for step, gradient in enumerate(gradients):
        torch.manual_seed(step)
        noise = torch.randn(1, 4)
        weight = torch.ones(1, 4, requires_grad=True)
        batch = [4 * step + row for row in range(4)]
        size = 4 // parts
        means = [sum(batch[first : first + size]) / size for first in range(0, 4, size)]
        losses = [(noise @ weight.T).square().mean() * (1 + mean) for mean in means]
        torch.stack(losses).mean().backward()
        torch.testing.assert_close(gradient, weight.grad)
    assert len(gradients) == 3


def test_what_is_kept_is_the_average_where_there_is_one(tmp_path: Path) -> None:
    run = run_of(tmp_path, ema_decay=0.3)
    steps: list[torch.Tensor] = []
    run.run(lambda *_: steps.append(run.task.model.weight.detach().clone()))
    expected = steps[0]
    for done, weight in enumerate(steps[1:], start=1):
        share = min(0.3, (1 + done) / (10 + done))
        expected = share * expected + (1 - share) * weight
    kept = load_file(tmp_path / "model.safetensors")["weight"]
    torch.testing.assert_close(kept, expected)
    assert not torch.equal(kept, steps[-1])


def test_resume_points_are_written_as_often_as_the_recipe_says_and_at_the_end(tmp_path: Path) -> None:
    run = run_of(tmp_path, checkpoint_steps=5)
    kept: list[int | None] = []

    def look(*_: object) -> None:
        file = tmp_path / "resume.pt"
        kept.append(torch.load(file, weights_only=True)["step"] if file.is_file() else None)

    run.run(look)
    assert kept == [None] * 4 + [5] * 5 + [10, 10, 12]


def test_epochs_are_reported_and_the_last_one_again_after_a_resume(tmp_path: Path) -> None:
    done: list[int] = []
    run_of(tmp_path / "whole").run(on_epoch=done.append)
    assert done == [1, 2, 3]
    stopped_after(run_of(tmp_path / "cut", checkpoint_steps=4), 8)
    again = run_of(tmp_path / "cut", checkpoint_steps=4)
    again.resume()
    done.clear()
    again.run(on_epoch=done.append)
    assert done == [2, 3], "the training was stopped before the second epoch was reported"


def test_pictures_that_cannot_be_read_are_named_and_their_steps_passed_over(tmp_path: Path) -> None:
    task = ToyTask(ToyRecipe(epochs=1))
    task.unreadable = {0, 1, 4}
    summary = run_of(tmp_path, task).run()
    assert dict(summary.failures) == dict.fromkeys(["row 0", "row 1", "row 4"], "broken")
    assert [row["step"] for row in rows(tmp_path)] == ["2", "3", "4"]
    task = ToyTask(ToyRecipe(epochs=1))
    task.unreadable = set(range(8))
    with pytest.raises(ValueError, match="none of the 8 training pictures could be read; row 0: broken"):
        run_of(tmp_path / "none", task).run()


def test_a_resume_point_written_before_a_value_was_renamed_is_taken(tmp_path: Path) -> None:
    """The keys are those that every resume point so far has; "pooled" is what "features" was called."""
    run = run_of(tmp_path, checkpoint_steps=5)
    stopped_after(run, 5)
    state = torch.load(tmp_path / "resume.pt", weights_only=True)
    assert sorted(state) == [
        "criterion", "gpu_random_states", "model", "optimizer", "random_state", "recipe", "schedule", "seconds", "step",
    ]  # fmt: skip
    assert state["schedule"]["lr_lambdas"] == [None], "a schedule that is no plain function would be stored"
    torch.save({**state, "recipe": {"seed": 5, "losses.metric_on": "pooled"}}, tmp_path / "resume.pt")
    again = run_of(tmp_path, checkpoint_steps=5)
    again.resume()
    assert again.step == 5
    torch.save({**state, "recipe": {"seed": 5, "losses.metric_on": "embedding"}}, tmp_path / "resume.pt")
    with pytest.raises(ValueError, match=r"made with losses\.metric_on = embedding, this call has features"):
        run_of(tmp_path).resume()


def test_old_recipes_name_what_todays_tasks_compare() -> None:
    """The recipes of two resume points that were written before the loop was parted from its tasks."""
    from detection.settings import DetectorConfig, EmbeddingConfig, JointTrainingConfig
    from reid.crops.settings import CropTrainingConfig, SphereReIDConfig
    from reid.losses.settings import LossConfig

    stored = json.loads(Path(__file__).with_name("recipes_of_old_resume_points.json").read_text())
    kinds = {
        "crop": {"": CropTrainingConfig, "network.": SphereReIDConfig, "losses.": LossConfig},
        "joint": {
            "": JointTrainingConfig, "detector.": DetectorConfig, "embedding.": EmbeddingConfig, "losses.": LossConfig,
        },
    }  # fmt: skip
    for kind, parts in kinds.items():
        known = {f"{prefix}{one.name}" for prefix, part in parts.items() for one in dataclasses.fields(part)}
        known |= {"data", "frames", "identities"}
        old = {name for name in stored[kind] if not name.startswith("augmentation.")}
        assert old <= known, f"settings of old resume points that have no name today: {old - known}"
        assert len(old) > 40


def test_seeds_of_steps_are_far_apart_in_neighboring_runs(tmp_path: Path) -> None:
    tasks = [ToyTask(ToyRecipe(seed=seed)) for seed in range(4)]
    for number, task in enumerate(tasks):
        run_of(tmp_path / str(number), task).run()
    drawn = list(itertools.chain.from_iterable(task.noise for task in tasks))
    assert len(set(drawn)) == len(drawn) == 48
