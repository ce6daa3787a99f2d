"""NAE: the imported model finds and embeds people by one head, and is sure of them by their embeddings' length."""

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
    linear_state,
    maps_of,
    one_map_state,
    proposed,
    raw_embedding,
)
from torch import Tensor
from torch.nn import functional
from torchvision.ops import nms

from detection.published import Imported, Nae, Unsaid, import_published, load_person_model
from search.models.known_models import card_of, described
from search.models.model_files import ModelFiles
from search.models.opening import open_models

RESCALER = "roi_heads.embedding_head.rescaler."


def published() -> State:
    """The names and shapes of NAE's checkpoints, with the classifier that it has and does not use."""
    return one_map_state("box_head") | linear_state("roi_heads.box_predictor.cls_score.", 2048, 2, 0.02)


def lengths(embeddings: Tensor) -> Tensor:
    return embeddings.square().sum(1).sqrt()


def expected(image: Tensor, state: State) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes, confidences and embeddings of one frame, as the published code finds them."""
    maps = maps_of(image, state)
    proposals = proposed(maps, image, state)
    features = head(maps, proposals, state, "box_head")
    raw = raw_embedding(features, state)
    spread = (state[f"{RESCALER}running_var"] + 1e-5).sqrt()
    rescaled = (lengths(raw) - state[f"{RESCALER}running_mean"]) / spread * state[f"{RESCALER}weight"]
    confidence = 1 / (1 + (-rescaled - state[f"{RESCALER}bias"]).exp())
    boxes = decoded(proposals, corrections(features[1], state), (int(image.shape[1]), int(image.shape[2])))
    sure = confidence > 0.5
    boxes, confidence, embeddings = boxes[sure], confidence[sure], (raw / lengths(raw)[:, None])[sure]
    kept = nms(boxes, confidence, 0.4)[:300]
    return boxes[kept], confidence[kept], embeddings[kept]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, State, Tensor, Imported]:
    """The imported model file, the published weights, a frame in which they find people, and what was told."""
    folder = tmp_path_factory.mktemp("nae")
    state, image = published(), torch.rand(3, *FRAME)
    with torch.no_grad():  # half of the proposals are people
        maps = maps_of(image, state)
        raw = raw_embedding(head(maps, proposed(maps, image, state), state, "box_head"), state)
        state[f"{RESCALER}running_mean"] = lengths(raw).quantile(0.43)[None]
        state[f"{RESCALER}running_var"] = lengths(raw).var()[None]
        state[f"{RESCALER}bias"] = torch.zeros(1)
    torch.save({"model": state, "epoch": 21, "optimizer": {}, "lr_scheduler": {}}, folder / "nae.pth")
    size = Unsaid(min_size=FRAME[0], max_size=FRAME[1])
    told = import_published(folder / "nae.pth", folder / "own.safetensors", size)
    (folder / "nae.pth").unlink()
    return folder / "own.safetensors", state, image, told


@pytest.fixture
def model(found: tuple[Path, State, Tensor, Imported]) -> Nae:
    loaded = load_person_model(found[0], device="cpu")
    assert isinstance(loaded, Nae)
    loaded.precision = "float32"
    return loaded


def test_it_finds_and_embeds_as_published(found: tuple[Path, State, Tensor, Imported], model: Nae) -> None:
    file, state, image, _ = found
    with torch.no_grad():
        boxes, scores, embeddings = expected(image, state)
    assert len(boxes) >= 3
    (answer,) = model.detect([image])
    assert answer.embeddings is not None
    torch.testing.assert_close(answer.boxes, boxes, atol=2e-2, rtol=1e-3)
    torch.testing.assert_close(answer.scores, scores, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(answer.embeddings, embeddings, atol=1e-3, rtol=1e-2)
    first = open_models(ModelFiles(model=file), score_threshold=0.5, device="cpu").first
    (large,) = first.detect([functional.interpolate(image[None], scale_factor=2.0)[0]])
    assert large.boxes.max() > max(FRAME)
    assert first.fingerprint() == model.fingerprint()
    assert model.detect([]) == []


def test_a_given_box_is_embedded_as_published(found: tuple[Path, State, Tensor, Imported], model: Nae) -> None:
    _, state, image, _ = found
    given = torch.tensor([[8.0, 4.0, 20.0, 30.0], [0.0, 0.0, 64.0, 32.0]])
    with torch.no_grad():
        wanted = embedded(head(maps_of(image, state), given, state, "box_head"), state)
    torch.testing.assert_close(model.embed([image], [given])[0], wanted, atol=1e-3, rtol=1e-2)
    assert model.embedding_dim == wanted.shape[1] == 256


def test_nobody_is_found_where_nobody_is_sure(found: tuple[Path, State, Tensor, Imported], model: Nae) -> None:
    model.state_dict()[f"{RESCALER}bias"].fill_(-1e4)
    (answer,) = model.detect([found[2]])
    assert answer.embeddings is not None
    assert answer.embeddings.shape == (0, 256)


def test_what_was_done_is_told(found: tuple[Path, State, Tensor, Imported]) -> None:
    file, state, _, told = found
    assert (told.kind, told.program, told.notes["people"]) == ("joint model", "NAE", PEOPLE)
    assert told.done[1] == f"{len(state) - 4} of {len(state)} tensors are taken, none is random"
    names = "roi_heads.box_predictor.cls_score.weight, roi_heads.box_predictor.cls_score.bias"
    assert f"left out, because the published network never uses them: {names}" in told.done
    assert "left out, because only training needs them: roi_heads.reid_loss.lut, roi_heads.reid_loss.cq" in told.done
    assert "embeddings of 256 numbers" in card_of(file)
    known = described(file)
    assert (known.trunk, known.sees, known.dimension) == ("NAE resnet50", "frames of 32", 256)
    assert known.fingerprint == told.fingerprint


def test_other_forms_are_refused_by_name(found: tuple[Path, State, Tensor, Imported], tmp_path: Path) -> None:
    names = {name: torch.zeros(0) for name in found[1]}  # names decide before shapes
    without_norm = {name: value for name, value in names.items() if "rescaler" not in name}
    places = {
        f"roi_heads.embedding_head.projectors.feat_res{part}.0.weight": torch.zeros(1, 1, 1, 1) for part in (4, 5)
    }
    cases = [
        (without_norm, "4 parts are missing, the first is roi_heads.embedding_head.rescaler"),
        (names | {"roi_heads.attention.weight": torch.zeros(1)}, "1 parts are unknown, the first is roi_heads.attent"),
        (names | places, r"this is NAE\+, whose embeddings see every place of a box by itself"),
        (names, "parts have another shape"),
    ]
    for content, expected_text in cases:
        torch.save(content, tmp_path / "other.pth")
        with pytest.raises(ValueError, match=expected_text) as refusal:
            import_published(tmp_path / "other.pth", tmp_path / "own.safetensors", Unsaid())
        assert len(str(refusal.value).splitlines()) == 1
        assert not (tmp_path / "own.safetensors").exists()
