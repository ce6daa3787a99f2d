"""SeqNet: the imported model finds, corrects and embeds people as the published two heads do."""

from pathlib import Path

import pytest
import torch
from published_files import State
from published_frames import (
    FRAME,
    PEOPLE,
    corrections,
    decoded,
    embedded,
    head,
    linear,
    linear_state,
    maps_of,
    one_map_state,
    proposed,
)
from torch import Tensor
from torch.nn import functional
from torchvision.ops import nms

from detection.published import SeqNet, Unsaid, import_published, load_person_model
from detection.published.seqnet_parts import BoxRegression
from search.models.model_files import ModelFiles
from search.models.opening import open_models


def published() -> State:
    """The names and shapes of SeqNet's checkpoints for CUHK-SYSU, the tables of its loss among them."""
    state = one_map_state("box_head", "reid_head")
    state |= linear_state("roi_heads.faster_rcnn_predictor.cls_score.", 2048, 2, 0.02)
    return state | linear_state("roi_heads.faster_rcnn_predictor.bbox_pred.", 2048, 8, 0.02)


@torch.no_grad()
def make_unsure(state: State, image: Tensor) -> None:
    """Change the first head's weights so that it takes half of the proposals for people."""
    maps = maps_of(image, state)
    prefix = "roi_heads.faster_rcnn_predictor.cls_score."
    state[f"{prefix}weight"] *= 50
    logits = linear(head(maps, proposed(maps, image, state), state, "box_head")[1], state, prefix)
    state[f"{prefix}bias"][0] += (logits[:, 1] - logits[:, 0]).median()


def expected(image: Tensor, state: State) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes, confidences and embeddings of one frame, as the published code finds them."""
    size = (int(image.shape[1]), int(image.shape[2]))
    maps = maps_of(image, state)
    proposals = proposed(maps, image, state)
    _, seen = head(maps, proposals, state, "box_head")
    confidence = linear(seen, state, "roi_heads.faster_rcnn_predictor.cls_score.").softmax(1)[:, 1]
    boxes = decoded(proposals, linear(seen, state, "roi_heads.faster_rcnn_predictor.bbox_pred.")[:, 4:], size)
    sure = confidence > 0.5
    boxes, confidence = boxes[sure], confidence[sure]
    kept = nms(boxes, confidence, 0.4)
    boxes, confidence = boxes[kept], confidence[kept]
    features = head(maps, boxes, state, "reid_head")
    embeddings = embedded(features, state)
    boxes = decoded(boxes, corrections(features[1], state), size)
    kept = nms(boxes, confidence, 0.5)
    return boxes[kept], confidence[kept], embeddings[kept]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, State, Tensor]:
    """The imported model file, the published weights, and a frame in which they find people."""
    folder = tmp_path_factory.mktemp("seqnet")
    state, image = published(), torch.rand(3, *FRAME)
    make_unsure(state, image)
    torch.save({"model": state, "epoch": 19}, folder / "seqnet.pth")
    import_published(folder / "seqnet.pth", folder / "own.safetensors", Unsaid(min_size=FRAME[0], max_size=FRAME[1]))
    (folder / "seqnet.pth").unlink()
    return folder / "own.safetensors", state, image


@pytest.fixture
def model(found: tuple[Path, State, Tensor]) -> SeqNet:
    loaded = load_person_model(found[0], device="cpu")
    assert isinstance(loaded, SeqNet)
    loaded.precision = "float32"
    return loaded


def test_it_finds_corrects_and_embeds_as_published(found: tuple[Path, State, Tensor], model: SeqNet) -> None:
    file, state, image = found
    with torch.no_grad():
        boxes, scores, embeddings = expected(image, state)
    assert len(boxes) >= 3
    (answer,) = model.detect([image])
    assert answer.embeddings is not None
    torch.testing.assert_close(answer.boxes, boxes, atol=2e-2, rtol=1e-3)
    torch.testing.assert_close(answer.scores, scores, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(answer.embeddings, embeddings, atol=1e-3, rtol=1e-2)
    # A search opens it like any other joint model, and frames of other sizes come back in their own pixels.
    first = open_models(ModelFiles(model=file), score_threshold=0.5, device="cpu").first
    (large,) = first.detect([functional.interpolate(image[None], scale_factor=2.0)[0]])
    assert large.boxes.max() > max(FRAME)
    assert first.fingerprint() == model.fingerprint()


def test_a_given_box_is_embedded_as_published(found: tuple[Path, State, Tensor], model: SeqNet) -> None:
    _, state, image = found
    given = torch.tensor([[8.0, 4.0, 20.0, 30.0], [0.0, 0.0, 64.0, 32.0]])
    with torch.no_grad():
        wanted = embedded(head(maps_of(image, state), given, state, "reid_head"), state)
    torch.testing.assert_close(model.embed([image], [given])[0], wanted, atol=1e-3, rtol=1e-2)
    assert model.embedding_dim == wanted.shape[1] == 256
    with pytest.raises(ValueError, match="has no area inside its image"):
        model.embed([image], [torch.tensor([[100.0, 0.0, 120.0, 10.0]])])
    with pytest.raises(ValueError, match="1 images but 0 sets of boxes"):
        model.embed([image], [])
    assert model.embed([], []) == model.detect([]) == []


def test_nobody_is_found_where_nobody_is_sure(found: tuple[Path, State, Tensor], model: SeqNet) -> None:
    state = model.state_dict()
    state["roi_heads.faster_rcnn_predictor.cls_score.bias"].copy_(torch.tensor([1e4, -1e4]))
    (answer,) = model.detect([found[2]])
    assert len(answer) == 0
    assert answer.embeddings is not None
    assert answer.embeddings.shape == (0, 256)


def test_the_card_names_what_only_training_needs(found: tuple[Path, State, Tensor]) -> None:
    card = found[0].with_suffix(".md").read_text()
    for text in (
        f"{PEOPLE} people",
        "roi_heads.reid_loss.lut",
        "roi_heads.reid_loss.cq",
        "not read beside the weights: epoch",
    ):
        assert text in card, text


def test_other_joint_models_are_refused_by_name(found: tuple[Path, State, Tensor], tmp_path: Path) -> None:
    names = {name: torch.zeros(0) for name in found[1]}  # names decide before shapes
    cases = [
        (
            {name: value for name, value in names.items() if "reid_head" not in name},
            "4 parts are unknown, the first is roi_heads.faster_rcnn_predictor",  # the others are NAE's
        ),
        (
            {name: value for name, value in names.items() if "reid_head" not in name and "embedding" not in name},
            "of no detector of torchvision that is known and of no joint model",
        ),
        (
            names | {"roi_heads.attention.weight": torch.zeros(1)},
            "1 parts are unknown, the first is roi_heads.attention",
        ),
        ({name: value for name, value in names.items() if "rescaler" not in name}, "4 parts are missing"),
        (names, "parts have another shape"),
    ]
    for content, expected_text in cases:
        torch.save(content, tmp_path / "other.pth")
        with pytest.raises(ValueError, match=expected_text):
            import_published(tmp_path / "other.pth", tmp_path / "own.safetensors", Unsaid())
        assert not (tmp_path / "own.safetensors").exists()


def test_without_a_norm_the_last_correction_is_one_linear_map() -> None:
    regression = BoxRegression(False)
    assert {*regression.state_dict()} == {"bbox_pred.weight", "bbox_pred.bias"}
    values = torch.rand(3, 2048)
    with torch.no_grad():
        torch.testing.assert_close(regression(values), functional.linear(values, *regression.bbox_pred.parameters()))
