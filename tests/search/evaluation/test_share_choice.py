"""The learned share of the second stage: curve against a slow loop, the middle of a flat part, and its file."""

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from datasets.samples import FrameSample
from detection.detections import Detections
from search.evaluation.calibration_searches import LabelledSplit
from search.evaluation.labelled_people import label_detections, representatives, stacked_embeddings
from search.evaluation.share_choice import SHARES, choose_share
from search.evaluation.splits import SplitDetections
from search.models.embedded_by import EmbeddedBy
from search.models.learned_share import (
    LearnedShare,
    learned_shares,
    pass_shares_on,
    share_file,
    share_of,
    store_share,
)
from search.models.model_files import ModelFiles
from search.models.noted_paths import weights_folder
from search.query.ranking import USUAL_SECOND_WEIGHT, Ranking

BY = EmbeddedBy("joint", "crops")


def split_of(first_noise: float, second_noise: float, *, people: int = 12, frames: int = 8) -> LabelledSplit:
    """Everybody once in every frame, two cameras in turn; each model sees a person's own direction and noise."""
    generator = torch.Generator().manual_seed(3)
    samples, looks = [], ({}, {})  # type: ignore[var-annotated]
    centers = [torch.randn(people, width, generator=generator) for width in (8, 6)]
    boxes = np.stack([[20 * one, 0, 20 * one + 15, 40] for one in range(people)]).astype(np.float32)
    for number in range(frames):
        name = f"{number}.jpg"
        samples.append(FrameSample(name, Path(name), boxes, np.arange(people), number % 2))
        for look, center, noise in zip(looks, centers, (first_noise, second_noise), strict=True):
            rows = center + noise * torch.randn(center.shape, generator=generator)
            look[name] = Detections(torch.from_numpy(boxes), torch.ones(people), functional.normalize(rows, dim=1))
    found = SplitDetections(looks[0], (), looks[1])
    labelled = label_detections(samples, found.by_frame)
    rows = representatives(labelled)
    probes = [stacked_embeddings(samples, look)[rows] for look in found.looks]
    return LabelledSplit(samples, found, labelled, labelled.take(rows), probes)


def slow_mean_ap(split: LabelledSplit, share: float) -> float:
    """Each probe by itself: its similarities sorted, its own frame and its camera's sightings of it left out."""
    first, second = (stacked_embeddings(split.samples, look) for look in split.found.looks)
    values = []
    for row in range(len(split.probes)):
        one: Tensor = (1 - share) * first @ split.probe_embeddings[0][row]
        similarity = one + share * second @ split.probe_embeddings[1][row]
        ranked = []
        for sighting in torch.argsort(similarity, descending=True, stable=True).tolist():
            same = split.people.person_ids[sighting] == split.probes.person_ids[row]
            if split.people.frames[sighting] == split.probes.frames[row]:
                continue
            if same and split.people.cameras[sighting] == split.probes.cameras[row]:
                continue
            ranked.append(bool(same))
        hits = np.flatnonzero(ranked)
        values.append(float(np.mean([(place + 1) / (rank + 1) for place, rank in enumerate(hits)])))
    return float(np.mean(values))


def test_the_curve_is_that_of_a_slow_loop() -> None:
    split = split_of(0.8, 1.0)
    share = choose_share(split, BY, "square").share
    assert share.shares == SHARES
    for number in (0, 7, 13, 20):
        assert share.mean_aps[number] == pytest.approx(slow_mean_ap(split, SHARES[number]), abs=2e-5)
    assert (share.model, share.second_stage, share.data) == ("joint", "crops", "square")
    assert (share.probes, share.people, share.sightings) == (24, 12, 96)


def test_the_share_follows_the_better_model() -> None:
    sharp, dull = 0.3, 2.0
    by_crops, by_joint = (choose_share(split_of(*noise), BY, "x") for noise in ((dull, sharp), (sharp, dull)))
    assert by_crops.share.second_weight > 0.6
    assert by_joint.share.second_weight < 0.4
    assert by_crops.left_out >= by_crops.left_out_usual - 0.02
    assert by_joint.left_out > by_joint.left_out_usual > by_joint.left_out_second
    for choice in (by_crops, by_joint):
        low, high = choice.share.spread
        assert low <= choice.share.second_weight <= high


def test_where_every_share_is_equally_good_the_middle_is_taken() -> None:
    choice = choose_share(split_of(0.0, 0.0), BY, "easy")
    assert choice.share.mean_aps == (1.0,) * len(SHARES)
    assert choice.share.second_weight == 0.5
    assert choice.left_out == choice.left_out_first == 1.0


def test_the_choice_is_the_same_again_and_does_not_hang_on_the_seed() -> None:
    split = split_of(1.2, 1.0, people=20)
    one, again, other = (choose_share(split, BY, "x", seed=seed) for seed in (0, 0, 1))
    assert one == again
    assert abs(one.share.second_weight - other.share.second_weight) <= 0.051


def test_one_model_and_one_person_leave_nothing_to_choose() -> None:
    split = split_of(1.0, 1.0)
    with pytest.raises(ValueError, match="one model only"):
        choose_share(split, EmbeddedBy("joint"), "x")
    with pytest.raises(ValueError, match="1 of the people of x can be found"):
        choose_share(split_of(1.0, 1.0, people=1), BY, "x")
    with pytest.raises(ValueError, match="--same-camera"):
        choose_share(split_of(1.0, 1.0, frames=1), BY, "x")


SHARE = LearnedShare("joint", "crops", 0.65, "square", 24, 12, 96, (0.5, 0.8), (0.0, 0.5, 1.0), (0.1, 0.3, 0.2))


def test_a_share_of_a_shipped_model_leaves_the_package_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    shipped = weights_folder("detection") / "people.safetensors"
    known = learned_shares(shipped)
    before = sorted((file.name, file.stat().st_mtime_ns) for file in shipped.parent.iterdir())
    file = store_share(shipped, SHARE)
    assert file == tmp_path / "personsearch" / "models" / "detection" / "people.share.json"
    assert learned_shares(shipped) == (SHARE, *known)
    assert sorted((one.name, one.stat().st_mtime_ns) for one in shipped.parent.iterdir()) == before


def test_a_share_is_kept_for_its_pair_alone(tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    files = ModelFiles(model, tmp_path / "crops")
    assert learned_shares(model) == ()
    other = dataclasses.replace(SHARE, second_stage="others", second_weight=0.2)
    for one in (SHARE, other, dataclasses.replace(SHARE, second_weight=0.7)):
        file = store_share(model, one)
    assert file == share_file(tmp_path) == tmp_path / "model.share.json"
    assert share_of(files, "joint", "crops") == dataclasses.replace(SHARE, second_weight=0.7)
    assert share_of(files, "joint", "others") == other
    assert share_of(files, "joint, trained on", "crops") is None
    assert share_of(files, "joint", None) is None
    assert share_of(ModelFiles(None, model, "coco"), "joint", "crops") is None
    assert pass_shares_on(model, "joint", tmp_path / "half.safetensors", "rounded") == 2
    assert share_of(ModelFiles(tmp_path / "half.safetensors"), "rounded", "others") == dataclasses.replace(
        other, model="rounded"
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [("second_weight", 1.5), ("second_weight", None), ("model", ""), ("shares", [0.1]), ("spread", [0.1]), ("new", 1)],
)
def test_damaged_shares_are_refused_in_one_line(tmp_path: Path, key: str, value: object) -> None:
    file = store_share(tmp_path / "model.safetensors", SHARE)
    content = json.loads(file.read_text())
    content["shares"][0][key] = value
    file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"model.share.json is damaged \(.+\); remove it") as caught:
        learned_shares(tmp_path / "model.safetensors")
    assert "\n" not in str(caught.value)
    for broken in ("", "[]", '{"format": "else"}', '{"format": "personsearch-share-1"}'):
        file.write_text(broken)
        with pytest.raises(ValueError, match="is damaged"):
            learned_shares(tmp_path / "model.safetensors")


def test_a_given_share_counts_before_a_learned_one_and_that_before_the_usual_one() -> None:
    for given, learned in itertools.product((None, 0.0, 0.3), (None, 0.0, 0.6)):
        expected = given if given is not None else learned if learned is not None else USUAL_SECOND_WEIGHT
        assert Ranking(given).with_share(learned).second_weight == expected
    assert Ranking().for_similarity(second_stage=True) == Ranking(USUAL_SECOND_WEIGHT)
    assert Ranking(0.3).for_similarity(second_stage=False) == Ranking(USUAL_SECOND_WEIGHT)
