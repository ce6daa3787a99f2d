"""personsearch data statistics: what a data set of full frames holds, as tables, figures and a page."""

from pathlib import Path

from datasets.building.build import recorded_frames
from datasets.catalog.loading import read_everything
from datasets.catalog.statistics import measure_frames
from datasets.catalog.statistics_rows import camera_tables, seen_rows, statistics_figures, summary_rows
from datasets.catalog.table import LAYOUTS, FrameFormat
from datasets.files import write_whole
from tools.outcome import Outcome, table


def statistics(
    root: Path,
    *,
    format: FrameFormat = "custom",  # noqa: A002 - the option is called --format
    report: Path | None = None,
) -> Outcome:
    """Count what full frames hold: boxes per camera and period, heights, who is seen by how many cameras.

    A new period begins where all cameras pause for ten minutes; the frames of UESTC-PR name their period. For UESTC-PR
    the figures of its paper stand beside those of the folder.

    Args:
        root: The data set's folder.
        format: The layout of the data set.
        report: An HTML page to write, with charts, a frame of each camera, and one person as every camera sees it.
    """
    splits, queries, left_out = read_everything(format, root)
    whole = recorded_frames(root) if LAYOUTS[format].json_file else []
    found = measure_frames(splits, queries, whole)
    boxes, heights = camera_tables(found)
    titles = ("", "boxes by camera and period", "heights in pixels: so many per cent of the boxes are lower", "")
    contents = (summary_rows(found, format), boxes, heights, seen_rows(found))
    text = "\n\n".join(
        "\n".join([*([title] if title else []), table(header, rows)])
        for title, (header, rows) in zip(titles, contents, strict=True)
    )
    if report is not None:
        from search.pages.statistics_page import statistics_page

        frames = whole or [one for part in splits.values() for one in part]
        write_whole(report, statistics_page(report, root, format, found, frames))
        text += f"\n\npage: {report}"
    return Outcome(text, statistics_figures(root, format, found), left_out)
