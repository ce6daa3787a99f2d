"""Loss curves that begin with zeros."""

from pathlib import Path

from tools.bench.loss_curves import loss_curve


def test_a_loss_whose_first_steps_are_zero_begins_at_one(tmp_path: Path) -> None:
    rows = [0.0, 0.0, 4.0, *[2.0] * 477]
    (tmp_path / "metrics.csv").write_text("step,loss\n" + "".join(f"{n},{x}\n" for n, x in enumerate(rows)))
    values = [value for _, value in loss_curve({"toim": tmp_path}, "loss").series["toim"]]
    assert values[0] == 1
    assert max(values) == 1
    assert abs(values[-1] - 2 / 3) < 1e-9, "the first stretch without its zeros has the mean 3"


def test_a_loss_that_is_always_zero_is_drawn(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("step,loss\n1,0\n2,0\n")
    assert [value for _, value in loss_curve({"none": tmp_path}, "loss").series["none"]] == [0, 0]
