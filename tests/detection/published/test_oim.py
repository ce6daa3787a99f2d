"""OIM in Caffe's form: the imported model finds and embeds people as the published one does."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from published_files import State, batch_norm, norm_state
from published_frames import PEOPLE, linear_state
from torch import Tensor
from torch.nn import functional
from torchvision.ops import RoIPool, nms

from detection.published import Imported, Oim, Unsaid, import_published, load_person_model
from search.models.known_models import card_of, described
from search.models.model_files import ModelFiles
from search.models.opening import open_models

FIRST = {4: (64, 64), 35: (256, 128), 76: (512, 256), 137: (1024, 512)}
"""Caffe's number of the first layer of a group -> the channels that go in, and those inside."""
BLOCKS = [4, 15, 25, 35, 46, 56, 66, 76, 87, 97, 107, 117, 127, 137, 148, 158]
HEAD = 107
"""The block from which on boxes are looked at."""
SIZE = 48


def published() -> State:
    """The names and shapes of the checkpoints of person_search, its two tables among them."""
    torch.manual_seed(3)
    state = linear_state("backbone.SpatialConvolution_0.", 3, 64, 0.002, 7, 7) | norm_state(64, "backbone.BN_1.")
    inner = inputs = 64
    for at in BLOCKS:
        first = at in FIRST
        inputs, inner = FIRST.get(at, (4 * inner, inner))
        start = "backbone." if at < HEAD else "head."

        def layer(number: int, ins: int, outs: int, side: int, start: str = start) -> State:
            scale = 0.6 / (ins * side * side) ** 0.5
            return linear_state(f"{start}SpatialConvolution_{number}.", ins, outs, scale, side, side)

        state |= layer(at, inputs, inner, 1) | norm_state(inner, f"{start}BN_{at + 1}.")
        state |= layer(at + 3, inner, inner, 3) | norm_state(inner, f"{start}BN_{at + 4}.")
        state |= layer(at + 6, inner, 4 * inner, 1)
        if first:
            state |= layer(at + 7, inputs, 4 * inner, 1)
        state |= norm_state(4 * inner, f"{start}BN_{at + (9 if first else 8)}.")
    state |= linear_state("rpn.rpn_conv.", 1024, 512, 0.01, 3, 3)
    state |= linear_state("rpn.rpn_cls_score.", 512, 18, 0.05, 1, 1)
    state |= linear_state("rpn.rpn_bbox_pred.", 512, 36, 0.01, 1, 1)
    state["rpn.rpn_bbox_pred.bias"].view(9, 4)[:, 2:] -= 1.2  # the smallest anchors are larger than the frame of a test
    state |= linear_state("cls_score.", 2048, 2, 0.02) | linear_state("bbox_pred.", 2048, 8, 0.02)
    state |= linear_state("feature.", 2048, 256, 0.02)
    state["labeled_matching_layer.lookup_table"] = torch.zeros(PEOPLE, 256)
    state["unlabeled_matching_layer.queue"] = torch.zeros(5000, 256)
    state["unlabeled_matching_layer.tail"] = torch.tensor(17)
    return state


def convolved(x: Tensor, state: State, name: str, stride: int = 1) -> Tensor:
    weight = state[f"{name}.weight"]
    return functional.conv2d(x, weight, state[f"{name}.bias"], stride, weight.shape[-1] // 2)


def through(x: Tensor, state: State, start: str) -> Tensor:
    """The blocks of the map, or those of the head."""
    for at in BLOCKS:
        if (at >= HEAD) != (start == "head."):
            continue
        first, stride = at in FIRST, 2 if at in (35, 76, 137) else 1
        seen = batch_norm(convolved(x, state, f"{start}SpatialConvolution_{at}"), state, f"{start}BN_{at + 1}.").relu()
        seen = convolved(seen, state, f"{start}SpatialConvolution_{at + 3}", stride)
        seen = batch_norm(seen, state, f"{start}BN_{at + 4}.").relu()
        seen = convolved(seen, state, f"{start}SpatialConvolution_{at + 6}")
        beside = convolved(x, state, f"{start}SpatialConvolution_{at + 7}", stride) if first else x
        x = batch_norm(seen + beside, state, f"{start}BN_{at + (9 if first else 8)}.").relu()
    return x


def prepared(image: Tensor) -> tuple[Tensor, float]:
    """BGR without the mean, the shorter side 48 pixels."""
    pixels = cv2.cvtColor((image.permute(1, 2, 0) * 255).numpy(), cv2.COLOR_RGB2BGR)
    pixels -= np.array([102.9801, 115.9465, 122.7717], np.float32)
    scale = SIZE / min(pixels.shape[:2])
    return torch.from_numpy(cv2.resize(pixels, None, fx=scale, fy=scale)).permute(2, 0, 1)[None], scale


def map_of(frame: Tensor, state: State) -> Tensor:
    x = batch_norm(convolved(frame, state, "backbone.SpatialConvolution_0", 2), state, "backbone.BN_1.").relu()
    return through(functional.max_pool2d(x, 3, 2, ceil_mode=True), state, "backbone.")


def decoded(box: Tensor, code: Tensor) -> list[float]:
    """One box, whose last pixel belongs to it, moved by one correction."""
    x1, y1, x2, y2 = box.tolist()
    width, height = x2 - x1 + 1, y2 - y1 + 1
    x, y = x1 + width / 2 + float(code[0]) * width, y1 + height / 2 + float(code[1]) * height
    width, height = width * float(code[2].exp()), height * float(code[3].exp())
    return [x - width / 2, y - height / 2, x + width / 2 - 1, y + height / 2 - 1]


def within(box: list[float], height: int, width: int) -> list[float]:
    return [min(max(value, 0), (width, height)[at % 2] - 1) for at, value in enumerate(box)]


def proposed(maps: Tensor, frame: Tensor, scale: float, state: State) -> Tensor:
    """The proposals of one frame, one place and one anchor after another."""
    seen = convolved(maps, state, "rpn.rpn_conv").relu()
    logits = convolved(seen, state, "rpn.rpn_cls_score")[0]
    codes = convolved(seen, state, "rpn.rpn_bbox_pred")[0]
    boxes, scores = [], []
    sides = [(width * size, height * size) for width, height in ((23, 12), (16, 16), (11, 22)) for size in (8, 16, 32)]
    for y in range(maps.shape[2]):
        for x in range(maps.shape[3]):
            for number, (width, height) in enumerate(sides):
                left, top = 16 * x + 7.5 - (width - 1) / 2, 16 * y + 7.5 - (height - 1) / 2
                anchor = torch.tensor([left, top, left + width - 1, top + height - 1])
                box = decoded(anchor, codes[4 * number : 4 * number + 4, y, x])
                box = within(box, frame.shape[2], frame.shape[3])
                if min(box[2] - box[0], box[3] - box[1]) + 1 >= 16 * scale:
                    boxes.append(box)
                    scores.append(1 / (1 + (logits[number, y, x] - logits[9 + number, y, x]).exp()))
    kept = nms(torch.tensor(boxes), torch.stack(scores), 0.7)[:300]
    return torch.tensor(boxes)[kept]


def looked_at(maps: Tensor, boxes: Tensor, state: State) -> Tensor:
    samples = RoIPool((14, 14), 1 / 16)(maps, torch.cat([torch.zeros(len(boxes), 1), boxes], dim=1))
    return functional.avg_pool2d(through(samples, state, "head."), 7)[:, :, 0, 0]


def mapped(seen: Tensor, state: State, name: str) -> Tensor:
    return seen @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def expected(image: Tensor, state: State) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes, confidences and embeddings of one frame, as the published code finds them."""
    frame, scale = prepared(image)
    maps = map_of(frame, state)
    proposals = proposed(maps, frame, scale, state)
    seen = looked_at(maps, proposals, state)
    confidence = mapped(seen, state, "cls_score").softmax(1)[:, 1]
    codes = mapped(seen, state, "bbox_pred")[:, 4:] * torch.tensor([0.1, 0.1, 0.2, 0.2])
    size = int(image.shape[1]), int(image.shape[2])
    boxes = torch.tensor(
        [within(decoded(box / scale, code), *size) for box, code in zip(proposals, codes, strict=True)]
    )
    sure = confidence > 0.5
    boxes, confidence, seen = boxes[sure], confidence[sure], seen[sure]
    kept = nms(boxes, confidence, 0.4)
    embeddings = mapped(seen[kept], state, "feature")
    return boxes[kept], confidence[kept], embeddings / embeddings.square().sum(1, keepdim=True).sqrt()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, State, Tensor, Imported]:
    """The imported model file, the published weights, a frame in which they find people, and what was told."""
    folder = tmp_path_factory.mktemp("oim")
    state, image = published(), torch.rand(3, 40, 64)
    with torch.no_grad():  # half of the proposals are people
        frame, scale = prepared(image)
        maps = map_of(frame, state)
        state["cls_score.weight"] *= 20
        logits = mapped(looked_at(maps, proposed(maps, frame, scale, state), state), state, "cls_score")
        state["cls_score.bias"][0] += (logits[:, 1] - logits[:, 0]).median()
    torch.save({"step": 50000, "model": state, "optimizer": {}, "scheduler": {}}, folder / "oim.pth")
    told = import_published(folder / "oim.pth", folder / "own.safetensors", Unsaid(min_size=SIZE, max_size=100))
    (folder / "oim.pth").unlink()
    return folder / "own.safetensors", state, image, told


@pytest.fixture
def model(found: tuple[Path, State, Tensor, Imported]) -> Oim:
    loaded = load_person_model(found[0], device="cpu")
    assert isinstance(loaded, Oim)
    loaded.precision = "float32"
    return loaded


def test_it_finds_and_embeds_as_published(found: tuple[Path, State, Tensor, Imported], model: Oim) -> None:
    file, state, image, _ = found
    with torch.no_grad():
        boxes, scores, embeddings = expected(image, state)
    assert len(boxes) >= 3
    answer, again = model.detect([image, image])
    torch.testing.assert_close(again.boxes, answer.boxes)
    assert answer.embeddings is not None
    torch.testing.assert_close(answer.boxes, boxes, atol=2e-2, rtol=1e-3)
    torch.testing.assert_close(answer.scores, scores, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(answer.embeddings, embeddings, atol=1e-3, rtol=1e-2)
    first = open_models(ModelFiles(model=file), score_threshold=0.5, device="cpu").first
    assert first.fingerprint() == model.fingerprint()
    assert model.detect([]) == []


def test_a_given_box_is_embedded_as_published(found: tuple[Path, State, Tensor, Imported], model: Oim) -> None:
    _, state, image, _ = found
    given = torch.tensor([[8.0, 4.0, 20.0, 30.0], [0.0, 0.0, 64.0, 40.0]])
    frame, scale = prepared(image)
    with torch.no_grad():
        wanted = mapped(looked_at(map_of(frame, state), given * scale, state), state, "feature")
    wanted = functional.normalize(wanted, dim=1)
    rows, none = model.embed([image, image], [given, torch.zeros(0, 4)])
    torch.testing.assert_close(rows, wanted, atol=1e-3, rtol=1e-2)
    assert none.shape == (0, 256)
    with pytest.raises(ValueError, match="has no area inside its image"):
        model.embed([image], [torch.tensor([[100.0, 0.0, 120.0, 10.0]])])


def test_a_long_frame_is_made_no_longer_than_the_largest_side(model: Oim) -> None:
    frame, scale = model._prepared(torch.rand(3, 40, 400))
    assert frame.shape == (1, 3, 10, 100)
    assert scale == 0.25


def test_nobody_is_found_where_nobody_is_sure(found: tuple[Path, State, Tensor, Imported], model: Oim) -> None:
    model.state_dict()["cls_score.bias"].copy_(torch.tensor([1e4, -1e4]))
    (answer,) = model.detect([found[2]])
    assert answer.embeddings is not None
    assert answer.embeddings.shape == (0, 256)


def test_what_was_done_is_told(found: tuple[Path, State, Tensor, Imported]) -> None:
    file, state, _, told = found
    assert (told.kind, told.program, told.notes["people"]) == ("joint model", "OIM", PEOPLE)
    assert told.done[1] == f"{len(state) - 3} of {len(state)} tensors are taken, none is random"
    tables = "labeled_matching_layer.lookup_table, unlabeled_matching_layer.queue, unlabeled_matching_layer.tail"
    assert f"left out, because only training needs them: {tables}" in told.done
    assert f"frames of {SIZE} to 100 pixels (--min-size, --max-size)" in card_of(file)
    known = described(file)
    assert (known.trunk, known.sees, known.dimension) == ("OIM resnet50", f"frames of {SIZE}", 256)
    assert known.fingerprint == told.fingerprint


def test_other_forms_are_refused_by_name(found: tuple[Path, State, Tensor, Imported], tmp_path: Path) -> None:
    names = {name: torch.zeros(0) for name in found[1]}  # names decide before shapes
    cases: list[tuple[State, str]] = [
        ({name: value for name, value in names.items() if name != "head.BN_166.weight"}, "1 parts are missing, the f"),
        (names | {"head.BN_167.weight": torch.zeros(1)}, r"1 parts are unknown, the first is head\.BN_167\.weight"),
        (names, "parts have another shape"),
        ({"roi_head.bbox_head.fc_feat.weight": torch.zeros(256, 2048)}, "this is OIM in the form of mmdetection"),
    ]
    for content, expected_text in cases:
        torch.save(content, tmp_path / "other.pth")
        with pytest.raises(ValueError, match=expected_text) as refusal:
            import_published(tmp_path / "other.pth", tmp_path / "own.safetensors", Unsaid())
        assert re.fullmatch(r"[^\n]+", str(refusal.value))
        assert not (tmp_path / "own.safetensors").exists()
