"""Where faults are planted and which tests should notice, the faults that once survived, and changes that are none."""

from typing import NamedTuple


class Area(NamedTuple):
    """A source file and the tests that should notice a fault in it, the quickest first.

    Args:
        file: The source file, from the repository's root.
        tests: Test files, or single tests as FILE::NAME.
    """

    file: str
    tests: tuple[str, ...]


class PlantedFault(NamedTuple):
    """One fault in words of the source, tried on every run.

    Args:
        name: What the project does wrong with it.
        file: The source file, from the repository's root.
        old: A text that occurs once in the file.
        new: What stands there instead.
        tests: The tests that should notice.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


class Equivalent(NamedTuple):
    """A change after which the program does the same, so that no test could notice.

    Args:
        file: The source file, from the repository's root.
        within: The source line in which the change begins, without indentation.
        change: The change, as the table of survivors shows it.
        reason: Why nothing can be noticed.
    """

    file: str
    within: str
    change: str
    reason: str


AREAS: tuple[Area, ...] = (
    Area("reid/runs/optimizer.py", ("tests/reid/runs/test_optimizer.py",)),
    Area("datasets/samplers.py", ("tests/datasets/test_samplers.py",)),
    Area("reid/losses/oim.py", ("tests/reid/losses/test_paper_settings.py", "tests/reid/losses/test_oim_loss.py")),
    Area("reid/losses/toim.py", ("tests/reid/losses/test_paper_settings.py", "tests/reid/losses/test_toim_loss.py")),
    Area("reid/losses/memory.py", ("tests/reid/losses/test_paper_settings.py", "tests/reid/losses/test_memory.py")),
    Area(
        "reid/losses/classifiers.py",
        (
            "tests/reid/losses/test_paper_settings.py",
            "tests/reid/losses/test_sphere_loss.py",
            "tests/reid/losses/test_classifiers_and_metric.py",
        ),
    ),
    Area(
        "reid/losses/metric.py",
        ("tests/reid/losses/test_paper_settings.py", "tests/reid/losses/test_classifiers_and_metric.py"),
    ),
    Area("reid/losses/rows.py", ("tests/reid/losses/test_rows.py", "tests/reid/losses/test_criterion.py")),
    Area("reid/losses/criterion.py", ("tests/reid/losses/test_criterion.py",)),
    Area("reid/ranking/metrics.py", ("tests/reid/ranking/test_rank_metrics.py",)),
    Area("reid/ranking/sides.py", ("tests/reid/ranking/test_sides.py",)),
    Area("reid/ranking/rerank.py", ("tests/reid/ranking/test_rerank.py",)),
    Area("reid/ranking/open_set.py", ("tests/reid/ranking/test_open_set.py",)),
    Area("detection/metrics.py", ("tests/detection/test_metrics.py",)),
    Area(
        "search/evaluation/protocols.py",
        ("tests/search/evaluation/test_protocols.py", "tests/search/evaluation/test_stages.py"),
    ),
    Area(
        "search/query/rank.py",
        (
            "tests/search/query/test_class_weighted.py",
            "tests/search/query/test_find_context.py",
            "tests/search/gallery/test_gallery.py",
        ),
    ),
    Area("reid/ranking/strangers.py", ("tests/reid/ranking/test_strangers.py",)),
    Area("search/query/verdict.py", ("tests/search/query/test_verdict.py",)),
    Area("search/gallery/filters.py", ("tests/search/gallery/test_gallery.py",)),
)

_STEPS = "tests/detection/test_training_steps.py"
_COMMANDS = "tests/tools/commands/test_search_commands.py"
_DRAWING = "tests/search/pages/test_drawing.py"
_TEACHER = "tests/detection/test_learning_from_a_teacher.py"

PLANTED: tuple[PlantedFault, ...] = (
    PlantedFault(
        "the joint learning rate never falls",
        "reid/runs/optimizer.py",
        "    return _cosine((step - warmup_steps) / max(1, total_steps - warmup_steps))",
        "    return 1.0",
        (_STEPS,),
    ),
    PlantedFault(
        "no warm-up",
        "reid/runs/optimizer.py",
        "        return (step + 1) / warmup_steps",
        "        return 1.0",
        (_STEPS,),
    ),
    PlantedFault(
        "the rate of the first step stays",
        "reid/runs/run.py",
        "self.schedule.step()",
        "None",
        ("tests/reid/runs/test_run.py",),
    ),
    PlantedFault(
        "the seed of the size is fixed",
        "detection/training.py",
        "size_seed = [self.config.seed, step]",
        "size_seed = [self.config.seed, 0]",
        (_STEPS,),
    ),
    PlantedFault(
        "a box that augmentation keeps has the teacher's row of another one",
        "detection/loader.py",
        "torch.from_numpy(self.taught[row][kept])",
        "torch.from_numpy(self.taught[row][: len(boxes)])",
        (_TEACHER,),
    ),
    PlantedFault(
        "the teacher's rows are those of the first frame",
        "detection/training.py",
        "[first[found.image_index] + found.truth_index]",
        "[found.truth_index]",
        (_TEACHER,),
    ),
    PlantedFault(
        "another teacher goes on with a run",
        "detection/training.py",
        """        recipe["teacher"] = self.taught_by\n""",
        "",
        (_TEACHER,),
    ),
    PlantedFault(
        "people are sampled from another level of the trunk",
        "detection/embedding_head.py",
        "str(levels.index(embedding.level))",
        "str(len(levels) - 1)",
        ("tests/detection/test_embedding_branch.py",),
    ),
    PlantedFault(
        "the embedding of a branch begins without the crop model's offset",
        "reid/crops/sphere_reid.py",
        "return weight.contiguous(), bias",
        "return weight.contiguous(), 0 * bias",
        ("tests/detection/test_embedding_branch.py",),
    ),
    PlantedFault(
        "whom the teacher has not seen counts",
        "reid/losses/teacher.py",
        "taught.any(dim=1).nonzero()",
        "taught.isfinite().any(dim=1).nonzero()",
        ("tests/reid/losses/test_teacher_loss.py",),
    ),
    PlantedFault(
        "the second part of the teacher's crops overwrites the first",
        "reid/crops/teacher.py",
        "{id(sample): start + row for",
        "{id(sample): row for",
        ("tests/reid/crops/test_teacher.py",),
    ),
    PlantedFault(
        "regions to ignore are not grey in training",
        "detection/loader.py",
        "        picture = without_regions(picture, sample.ignore, sample.boxes)\n",
        "",
        (_STEPS,),
    ),
    PlantedFault(
        "every part of the detector draws alike",
        "detection/faster_rcnn.py",
        "torch.manual_seed(seed + self.part)",
        "torch.manual_seed(seed)",
        ("tests/detection/test_sampling.py",),
    ),
    PlantedFault(
        "the tracker's momentum counts for the new looks",
        "search/tracks/tracker.py",
        "_normalized(momentum * self._embeddings[tracks] + (1 - momentum) * rows)",
        "_normalized((1 - momentum) * self._embeddings[tracks] + momentum * rows)",
        ("tests/search/tracks/test_tracking.py",),
    ),
    PlantedFault(
        "find --combine is dropped",
        "tools/commands/find.py",
        '"combine": probe.combine, ',
        "",
        (f"{_COMMANDS}::test_several_crops_count_together_or_each_alone",),
    ),
    PlantedFault(
        "the heat maps of two pictures are exchanged",
        "search/pages/heat_maps.py",
        "overlay(model.view(crop), first, warmest), overlay(model.view(other), second, warmest)",
        "overlay(model.view(crop), second, warmest), overlay(model.view(other), first, warmest)",
        ("tests/search/pages/test_heat_maps.py",),
    ),
    PlantedFault(
        "a box of YOLO begins at its middle",
        "datasets/labeling/yolo.py",
        "[x - width / 2, y - height / 2,",
        "[x, y - height / 2,",
        ("tests/datasets/labeling/test_yolo.py",),
    ),
    PlantedFault(
        "people whom CVAT marks outside are there",
        "datasets/labeling/cvat_tracks.py",
        "        if outside:",
        "        if outside and not label:",
        ("tests/datasets/labeling/test_cvat.py",),
    ),
    PlantedFault(
        "the bag of tricks gets a ReLU that it does not have",
        "reid/crops/backbones.py",
        'if stem == "plain":',
        'if stem == "bare":',
        ("tests/detection/published/test_crop_families.py",),
    ),
    PlantedFault(
        "an imported detector forgets that its norms have no epsilon",
        "detection/published/coco_detector.py",
        "            module.eps = 0.0",
        "            module.eps = 1e-2",
        ("tests/detection/published/test_coco_detector.py",),
    ),
    PlantedFault(
        "GeM forgets its root",
        "reid/crops/layers.py",
        ".mean((2, 3)).pow(1 / self.p)",
        ".mean((2, 3)).pow(1.0)",
        ("tests/reid/crops/test_crop_layers.py",),
    ),
    PlantedFault(
        "a non-local block stands one block too early",
        "detection/published/crop_families.py",
        '_FIRST_ATTENDED = {"2": 2, "3": 3}',
        '_FIRST_ATTENDED = {"2": 1, "3": 3}',
        ("tests/detection/published/test_crop_families.py",),
    ),
    PlantedFault(
        "OIM corrects boxes without the units that corrections are learned in",
        "detection/published/oim.py",
        "_DEVIATIONS = (0.1, 0.1, 0.2, 0.2)",
        "_DEVIATIONS = (0.1, 0.1, 0.1, 0.1)",
        ("tests/detection/published/test_oim.py",),
    ),
    PlantedFault(
        "NAE is sure of people by another length than the embedding's",
        "detection/published/seqnet_parts.py",
        "embeddings.norm(dim=1, keepdim=True)",
        "embeddings.norm(p=1, dim=1, keepdim=True)",
        ("tests/detection/published/test_nae.py",),
    ),
    PlantedFault(
        "SeqNet embeds people by the head that finds them",
        "detection/published/seqnet.py",
        "cast(LastLevel, self.roi_heads.reid_head)",
        "cast(LastLevel, self.roi_heads.box_head)",
        ("tests/detection/published/test_seqnet.py",),
    ),
    PlantedFault(
        "the page's last sighting shows the first",
        "search/pages/find_page.py",
        '("latest of them", latest)',
        '("latest of them", earliest)',
        ("tests/search/pages/test_page.py",),
    ),
    PlantedFault(
        "the labels of a plot's vertical axis are turned round",
        "search/pages/drawing.py",
        'tuple(Tick(float(down(value)), f"{value:g}") for value in y_values)',
        'tuple(Tick(float(down(value)), f"{other:g}") for value, other in zip(y_values, y_values[::-1]))',
        (_DRAWING,),
    ),
    PlantedFault(
        "the labels of a plot's horizontal axis are shifted",
        "search/pages/drawing.py",
        'tuple(Tick(float(across(value)), f"{value:g}") for value in x_values)',
        'tuple(Tick(float(across(value)), f"{value + 1:g}") for value in x_values)',
        (_DRAWING,),
    ),
    PlantedFault(
        "times on a page are those of the next label",
        "search/pages/drawing.py",
        "_short_time(time, span, clock, zone)) for time in _time_ticks(first, last)",
        "_short_time(time + 60, span, clock, zone)) for time in _time_ticks(first, last)",
        (_DRAWING,),
    ),
    PlantedFault(
        "a crop takes another share of its canvas",
        "detection/canvas.py",
        "CROP_SHARE = 1 / 4",
        "CROP_SHARE = 1 / 3",
        ("tests/detection/test_canvas.py",),
    ),
)

_AUTOCAST = "with torch.autocast(device_type=rows.device.type, enabled=False):"
_IN_FLOAT32_ANYWAY = "autocast computes norms and distances in float32 by itself"

EQUIVALENT: tuple[Equivalent, ...] = (
    Equivalent("reid/losses/toim.py", _AUTOCAST, ", enabled=False -> nothing", _IN_FLOAT32_ANYWAY),
    Equivalent("reid/losses/metric.py", _AUTOCAST, ", enabled=False -> nothing", _IN_FLOAT32_ANYWAY),
    Equivalent(
        "reid/losses/toim.py",
        "return torch.zeros_like(person_index, dtype=torch.int64)",
        ", dtype=torch.int64 -> nothing",
        "Indices of any integer type choose the same rows.",
    ),
    Equivalent(
        "reid/ranking/rerank.py",
        "found, places = block.topk(min(self.values.shape[1], block.shape[1]), dim=1, largest=False)",
        "dim=1, -> nothing",
        "The last dimension of a matrix is dimension 1.",
    ),
    Equivalent(
        "reid/ranking/rerank.py",
        "self.values[rows], chosen = both.topk(self.values.shape[1], dim=1, largest=False)",
        "dim=1, -> nothing",
        "The last dimension of a matrix is dimension 1.",
    ),
)
