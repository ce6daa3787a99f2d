"""A second stage in front of footage, and searching with a detector and a crop model alone."""

import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from asking import ask, look_for
from blob_scenes import PEOPLE, BlobModel, scene, write
from torch import Tensor
from torchvision.models.detection import fasterrcnn_mobilenet_v3_large_320_fpn, fasterrcnn_resnet50_fpn

from datasets.images import as_pixels, as_tensor
from datasets.samples import FrameSample, Query
from detection.checkpoints import save_model
from detection.detections import Detections
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig, PersonSearchRCNN
from detection.published.coco_detector import CocoDetector
from reid.crops.sphere_reid import SphereReID, SphereReIDConfig
from search.evaluation.splits import detect_split, embed_queries
from search.gallery.gallery import Gallery
from search.gallery.originals import read_original
from search.models.detector_and_crops import CropPersonSearch, load_detector
from search.models.embedded_by import EmbeddedBy
from search.models.second_look import embed_boxes
from search.pipeline import IndexSummary, PersonSearch
from search.query.ranking import Ranking


def crop_model(seed: int, dimension: int = 12) -> SphereReID:
    """Small and untrained; no test asks whom it takes for whom, only for the same picture twice."""
    torch.manual_seed(seed)
    config = SphereReIDConfig(
        backbone="mobilenet_v2", dimension=dimension, height=32, width=16, resize_height=32, resize_width=16
    )
    return SphereReID(config, precision="float32").eval()


@pytest.fixture(scope="module")
def crops() -> SphereReID:
    return crop_model(0)


def predictor(second_stage: SphereReID | None) -> PersonSearch:
    return PersonSearch(BlobModel(), second_stage=second_stage, batch_size=3, device="cpu")


@pytest.fixture
def footage(tmp_path: Path) -> Path:
    """Five frames of three people and one without anybody."""
    for number in range(5):
        write(tmp_path / "footage" / f"{number}.png", scene([number, (number + 1) % 5, (number + 2) % 5], number))
    write(tmp_path / "footage" / "nobody.png", scene([]))
    return tmp_path / "footage"


def everything(gallery: Gallery) -> dict[str, tuple[tuple[float, ...], Tensor, Tensor]]:
    """What the gallery holds of each sighting: box and both embeddings."""
    rows = gallery._sightings.search().limit(None).to_arrow().to_pylist()
    return {
        f"{row['frame']}#{row['index']}": (
            tuple(row["box"]), torch.tensor(row["embedding"]), torch.tensor(row["second_embedding"]),
        )
        for row in rows
    }  # fmt: skip


def test_pixels_survive_the_way_through_the_networks_input() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    image[:16, :16, 0] = np.arange(256).reshape(16, 16)
    np.testing.assert_array_equal(as_pixels(as_tensor(image)), image)


def test_indexing_stores_what_the_crop_model_makes_of_the_same_boxes(
    crops: SphereReID, footage: Path, tmp_path: Path
) -> None:
    search = predictor(crops)
    with search.open_gallery(tmp_path / "people", create=True) as gallery:
        assert search.index(footage, gallery) == IndexSummary(frames=6, sightings=15)
        stored = everything(gallery)
        for one in ask(gallery, np.ones(3), limit=100):
            image = read_original(one)
            assert image is not None
            (expected,) = embed_boxes(crops, [image], [torch.tensor([one.box])])
            torch.testing.assert_close(stored[one.id][2], expected[0], atol=1e-5, rtol=0)
    # Person 3 is in three of the frames, and one flat color at any size.
    by_box = look_for(search, gallery, frame=scene([2, 3, 4], 2), box=stored["2.png#1"][0], limit=3)
    x1, y1, x2, y2 = map(int, stored["3.png#0"][0])
    picture = scene([3, 4, 0], 3)[y1:y2, x1:x2]
    by_crop = look_for(search, gallery, crop=picture, limit=3, ranking=Ranking(second_weight=1.0))
    for answer in (by_box, by_crop):
        assert {one.frame for one in answer} == {"1.png", "2.png", "3.png"}
        assert [one.score for one in answer] == pytest.approx([1.0] * 3, abs=1e-5)


def test_indexing_again_with_a_second_stage_goes_on_where_it_stopped(
    crops: SphereReID, footage: Path, tmp_path: Path
) -> None:
    search = predictor(crops)

    def interrupt(summary: IndexSummary) -> None:
        raise KeyboardInterrupt

    with search.open_gallery(tmp_path / "whole", create=True) as whole:
        search.index(footage, whole)
    gallery = search.open_gallery(tmp_path / "people", create=True)
    with pytest.raises(KeyboardInterrupt):
        search.index(footage, gallery, on_progress=interrupt)
    again = predictor(crops).open_gallery(tmp_path / "people", create=True)
    summary = search.index(footage, again)
    assert (summary.frames, summary.skipped) == (3, 3)
    assert search.index(footage, again) == IndexSummary(skipped=6)
    resumed, at_once = everything(again), everything(whole)
    assert resumed.keys() == at_once.keys()
    for name, (box, first, second) in at_once.items():
        assert resumed[name][0] == box
        torch.testing.assert_close(resumed[name][1], first)
        torch.testing.assert_close(resumed[name][2], second, atol=1e-5, rtol=0)


def test_other_second_stages_are_refused_and_none_is_enough_to_look(
    crops: SphereReID, footage: Path, tmp_path: Path
) -> None:
    search, other, without = predictor(crops), predictor(crop_model(1)), predictor(None)
    gallery = search.open_gallery(tmp_path / "people", create=True)
    search.index(footage, gallery)
    plain = without.open_gallery(tmp_path / "plain", create=True)
    picture = np.full((40, 20, 3), PEOPLE[1], dtype=np.uint8)
    for refused, message in (
        (lambda: other.open_gallery(tmp_path / "people"), r"was indexed with another second stage than the one given"),
        (
            lambda: other.open_gallery(tmp_path / "people", create=True),
            r"was indexed with another second stage than the one given",
        ),
        (lambda: other.index(footage, gallery), r"was indexed with another second stage than the one given"),
        (lambda: look_for(other, gallery, crop=picture), r"was indexed with another second stage than the one given"),
        (lambda: without.open_gallery(tmp_path / "people", create=True), "give --second-stage too"),
        (lambda: without.index(footage, gallery), "give --second-stage too"),
        (lambda: search.open_gallery(tmp_path / "plain"), "has no second stage; leave --second-stage out"),
        (lambda: search.index(footage, plain), "has no second stage; leave --second-stage out"),
        (lambda: look_for(search, plain, crop=picture), "has no second stage; leave --second-stage out"),
    ):
        with pytest.raises(ValueError, match=message) as error:
            refused()
        assert "\n" not in str(error.value)
    assert len(gallery) == 15
    best = look_for(without, without.open_gallery(tmp_path / "people"), crop=picture, minimum_similarity=0.99)
    assert {one.frame for one in best} == {"0.png", "1.png", "4.png"}


def test_a_detector_and_a_crop_model_search_without_a_joint_model(
    crops: SphereReID, footage: Path, tmp_path: Path
) -> None:
    model = CropPersonSearch(BlobModel(), crops, score_threshold=0.5)
    image = scene([0, 1, 2])
    image[100:104, 100:104] = 250  # a small blob: confidence 0.3
    (found,) = model.detect([as_tensor(image)])
    assert len(found) == 3
    torch.testing.assert_close(found.embeddings, embed_boxes(crops, [image], [found.boxes])[0])
    search = PersonSearch(model, device="cpu", batch_size=2)
    assert search.embedded_by == EmbeddedBy(crops.fingerprint())
    with search.open_gallery(tmp_path / "people", create=True) as gallery:
        assert search.index(footage, gallery) == IndexSummary(frames=6, sightings=15)
        assert search.index(footage, gallery) == IndexSummary(skipped=6)
    finder = PersonSearch(CropPersonSearch(None, crops), device="cpu")
    opened = finder.open_gallery(tmp_path / "people")
    one = ask(opened, np.ones(12), limit=1)[0]
    frame = read_original(one)
    assert frame is not None
    x1, y1, x2, y2 = map(int, one.box)
    by_crop, by_box = (
        look_for(finder, opened, crop=frame[y1:y2, x1:x2], limit=3),
        look_for(finder, opened, frame=frame, box=one.box, limit=3),
    )
    assert [sighting.id for sighting in by_crop] == [sighting.id for sighting in by_box]
    assert by_crop[0].score == pytest.approx(1.0, abs=1e-5)
    torch.testing.assert_close(finder.embed_crop(frame[y1:y2, x1:x2]), crops.embed([frame[y1:y2, x1:x2]])[0])
    with pytest.raises(ValueError, match="made without a detector; give one"):
        finder.index(footage, finder.open_gallery(tmp_path / "more", create=True))
    with pytest.raises(ValueError, match="averages mirrored views by itself"):
        PersonSearch(model, mirrored=True)
    other = PersonSearch(CropPersonSearch(None, crop_model(1)), device="cpu")
    with pytest.raises(ValueError, match="was indexed with another model than the one given"):
        other.open_gallery(tmp_path / "people")


def test_a_split_is_detected_and_its_queries_embedded_by_both_stages(crops: SphereReID, footage: Path) -> None:
    paths = sorted(footage.iterdir())
    nobody = np.zeros((0, 4), np.float32), np.zeros(0, np.int64)
    samples = [FrameSample(path.name, path, *nobody) for path in paths]
    found = detect_split(BlobModel(), samples, second_stage=crops, score_threshold=0.5)
    assert found.second.keys() == found.by_frame.keys()
    for name, one in found.by_frame.items():
        assert torch.equal(found.second[name].boxes, one.boxes)
        image = (
            scene([]) if name == "nobody.png" else scene([(int(name[0]) + step) % 5 for step in range(3)], int(name[0]))
        )
        torch.testing.assert_close(
            found.second[name].embeddings, embed_boxes(crops, [image], [one.boxes])[0], atol=1e-5, rtol=0
        )
    assert detect_split(BlobModel(), samples).second is None
    box = found.by_frame["1.png"].boxes[0].numpy()
    queries = [Query(0, [], frame="1.png", box=box), Query(1, [], crop=paths[2])]
    seen = embed_queries(CropPersonSearch(None, crops), queries, samples)
    torch.testing.assert_close(seen.embeddings[0], found.second["1.png"].embeddings[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(seen.embeddings[1], crops.embed([scene([2, 3, 4], 2)])[0], atol=1e-5, rtol=0)


def test_of_torchvisions_classes_only_people_are_taken() -> None:
    torch.manual_seed(0)
    network = fasterrcnn_mobilenet_v3_large_320_fpn(
        weights=None, weights_backbone=None, num_classes=3, min_size=64, max_size=96, box_score_thresh=0.0
    ).eval()
    images = [torch.rand(3, 64, 80), torch.rand(3, 70, 60)]
    with torch.no_grad():
        expected = network(images)
    assert {1, 2} <= set(expected[0]["labels"].tolist())
    detector = CocoDetector(network)
    for one, answer in zip(expected, detector.detect(images), strict=True):
        people = one["labels"] == 1
        assert torch.equal(answer.boxes, one["boxes"][people])
        assert torch.equal(answer.scores, one["scores"][people])
        assert answer.embeddings is None
    assert detector.detect([]) == []


def refuse(*_: object, **__: object) -> None:
    raise OSError("Network is unreachable")


def test_the_coco_detector_without_a_network_and_with_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(
        ConnectionError, match=r"'coco' could not be downloaded .*; connect to the network once"
    ) as error:
        load_detector("coco")
    assert "\n" not in str(error.value)
    published = fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None)
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True, exist_ok=True)
    torch.save(published.state_dict(), cache / "fasterrcnn_resnet50_fpn_coco-258fb6c6.pth")
    detector = load_detector("coco", device="cpu").model
    assert isinstance(detector, CocoDetector)
    assert not detector.training
    own = detector.network.state_dict()
    assert all(torch.equal(own[name], value) for name, value in published.state_dict().items() if name in own)
    assert own["roi_heads.box_predictor.cls_score.bias"].shape == (91,)


def test_a_model_file_is_a_detector(tmp_path: Path) -> None:
    torch.manual_seed(0)
    structure = DetectorConfig(
        backbone="resnet18", pyramid_levels=(1, 2), pyramid_channels=16, anchor_sizes=((16,), (32,), (64,)),
        box_features=16, min_size=96, max_size=160, score_threshold=0.0, detections_per_frame=5,
    )  # fmt: skip
    joint = PersonSearchRCNN(structure, EmbeddingConfig(dimension=8, channels=16)).eval()
    save_model(tmp_path / "model.safetensors", joint)
    detector = load_detector(tmp_path, device="cpu").model
    image = torch.rand(3, 96, 128)
    (expected,), (found,) = joint.detect([image]), detector.detect([image])
    assert isinstance(found, Detections)
    assert torch.equal(found.boxes, expected.boxes)
    with pytest.raises(FileNotFoundError, match="missing"):
        load_detector(tmp_path / "missing")
    crop_model(0).save(tmp_path / "crops.safetensors")
    with pytest.raises(ValueError, match="a file written by `train joint`"):
        load_detector(tmp_path / "crops.safetensors")
