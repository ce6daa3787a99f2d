"""The page that `personsearch evaluate search --report` writes, and the whole frames that it links to."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from datasets.samples import FrameSample
    from search.pages.page import Status
    from search.query.ranking import Ranking

REPORT_FILE = "report.html"
FRAMES_FOLDER = "frames"


def write_report(
    folder: Path,
    root: Path,
    rows: Sequence[Sequence[object]],
    *,
    asked: tuple[str, Any, Any],
    looks: Any,
    samples: "Sequence[FrameSample]",
    ranking: "Ranking",
    shared: Mapping[str, Any],
) -> Path:
    """Write the page of an evaluation.

    Args:
        folder: The folder for the page; it is made if it is not there.
        root: The data set, for the title.
        rows: The table of the command.
        asked: The name of the protocol that is shown, its queries, and their embeddings, one matrix for each stage.
        looks: What was found in the frames, one mapping for each stage.
        samples: The frames.
        ranking: The share of the second stage.
        shared: The least confidence ("score_threshold") and the boxes to ignore ("ignore").

    Returns:
        The page's file.
    """
    from datasets.files import write_whole
    from search.evaluation.protocols import evaluate_search
    from search.evaluation.stages import searched_by
    from search.pages.search_page import JudgedSearch, search_page
    from search.query.fusion import fused

    name, queries, embeddings = asked
    searched = searched_by(looks, ranking)
    probes = embeddings[0] if len(looks) == 1 else fused(embeddings[0], embeddings[1], ranking.share)
    confidence = shared["score_threshold"]
    metrics = evaluate_search(searched, queries, probes, score_threshold=confidence, ignore=shared["ignore"])
    known = {sample.name: sample for sample in samples}
    said = name if len(looks) == 1 else f"{name}, both stages weighted"
    judged = JudgedSearch(said, known, queries, probes, searched, metrics, confidence)
    frames = _Frames(folder, known)
    page = folder / REPORT_FILE
    write_whole(page, search_page(f"Search on {root.name}", rows, judged, frames.link))
    return page


class _Frames:
    """Whole frames with a box, written beside the page when the page asks for their address.

    Args:
        folder: The page's folder.
        samples: Frame name -> frame.
    """

    def __init__(self, folder: Path, samples: "Mapping[str, FrameSample]") -> None:
        self._folder, self._samples = folder, samples

    def link(self, name: str, box: "NDArray[np.float32]", status: "Status") -> str:
        """The address of a frame with a box in it; empty where the frame cannot be read any more."""
        from datasets.files import write_whole
        from datasets.images import ImageError, encode_jpeg, read_image
        from search.pages.lettering import ACCENT, RIGHT, WRONG, draw_box

        try:
            image = read_image(self._samples[name].path)
        except ImageError:
            return ""
        draw_box(image, box, {"right": RIGHT, "wrong": WRONG, "plain": ACCENT}[status])
        key = hashlib.sha256(f"{name} {box.tolist()} {status}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
        address = f"{FRAMES_FOLDER}/{key}.jpg"
        write_whole(self._folder / address, encode_jpeg(image, longest_side=1280))
        return address
