"""personsearch bench annotations: loading a protocol of CUHK-SYSU's size, beside SciPy's reader."""

import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tools.bench.speed.machine import load_average, peak_megabytes
from tools.bench.speed.measured import Measured, Run
from tools.outcome import Outcome, table
from tools.progress import say

MOST_SECONDS, MOST_MEGABYTES = 10.0, 1024
"""What loading may take."""

MATLAB_HEADER = 128 + 8
"""The bytes of a MATLAB 5 file before its one packed variable: the header, and the variable's kind and length."""


@dataclass(frozen=True)
class Protocol:
    """A made-up protocol in the format of CUHK-SYSU's files, by default of the size of its largest.

    Args:
        queries: The number of queries.
        gallery: How many frames each query's gallery has, 500, 1000, 2000 or 4000.
        frames: The number of frames that galleries are chosen from.
        seed: The seed of the random numbers, 0 or more.
    """

    queries: int = 2900
    gallery: int = 4000
    frames: int = 6978
    seed: int = 0

    def __post_init__(self) -> None:
        if self.queries < 1 or self.gallery not in (500, 1000, 2000, 4000) or self.frames < self.gallery:
            raise ValueError(
                f"{self.queries} queries, galleries of {self.gallery} of {self.frames} frames, expected at least 1 "
                "query and a gallery of 500, 1000, 2000 or 4000 frames of as many or more"
            )


def annotations(
    *,
    protocol: Protocol = Protocol(),
    repeats: int = 1,
    compared_queries: int = 10,
    compare: Path | None = None,
) -> Outcome:
    """Seconds and memory of loading CUHK-SYSU's TestG4000, beside SciPy's reader.

    The file is made up and written in the format of the published one. SciPy reads a file of a few queries, and its
    time is multiplied. Each is measured in a process of its own. The exit status is 1 where both read something else.

    Args:
        protocol: The file.
        repeats: How often loading is timed, 1 or more; the shortest time counts.
        compared_queries: The number of queries that SciPy reads.
        compare: A file that --json of an earlier run wrote. What takes longer than then, beyond noise, is named, and
            the exit status is 1.
    """
    if repeats < 1 or compared_queries < 1:
        raise ValueError(f"repeats is {repeats}, compared_queries {compared_queries}, expected at least 1 of each")
    from tools.bench.peers.protocol_file import write_protocol

    compared = min(compared_queries, protocol.queries)
    run = Run.of("bench annotations", {**asdict(protocol), "compared_queries": compared}, compare)
    load = load_average()
    with tempfile.TemporaryDirectory(prefix="bench_annotations_") as folder:
        whole, few = Path(folder) / "whole", Path(folder) / "few"
        say("writing a made-up file, which takes longer than reading it")
        size = write_protocol(whole, protocol.queries, protocol.gallery, protocol.frames, protocol.seed)
        write_protocol(few, compared, protocol.gallery, protocol.frames, protocol.seed)
        ours = _in_own_process(whole, protocol.gallery, repeats, by_scipy=False)
        scipy = _in_own_process(few, protocol.gallery, 1, by_scipy=True)
        unpacking = _unpacking(whole / "annotation" / "test" / "train_test" / f"TestG{protocol.gallery}.mat")
    factor = protocol.queries / compared
    same = ours["first"][:compared] == scipy["first"]
    label = f"loading {protocol.queries} queries with galleries of {protocol.gallery}"
    measured = [
        Measured(label, min(ours["times"]), repeats=tuple(ours["times"]), baseline="SciPy's reader, extrapolated",
                 baseline_value=factor * min(scipy["times"]), asked=MOST_SECONDS,
                 processor=ours["processor_seconds"], limit=unpacking),
        Measured(f"{label}, memory at most", ours["peak_mb"], "MB", asked=MOST_MEGABYTES),
    ]  # fmt: skip
    figures: dict[str, Any] = {"protocol": protocol, "file_mb": size / 1e6, "ours": ours, "scipy": scipy}
    text = "\n".join(
        [
            table(
                ["", "seconds", "of processors", "peak MB"],
                [["ours", min(ours["times"]), ours["processor_seconds"], ours["peak_mb"]],
                 ["SciPy, extrapolated", measured[0].baseline_value, factor * scipy["processor_seconds"], None]],
            ),
            "",
            f"a file of {size / 1e6:.0f} MB; SciPy read {compared} queries, times {factor:.4g}",
        ]
    )  # fmt: skip
    failures = [] if same else ["the two readers read something else of the same queries"]
    return run.outcome(text, figures, measured, ("numpy", "scipy"), failures, load=load)


def _unpacking(file: Path) -> float:
    """Seconds that unpacking the file takes, in pieces that are thrown away: nobody can read it in less."""
    import zlib

    began = time.perf_counter()
    unpack = zlib.decompressobj()
    with open(file, "rb") as packed:
        packed.seek(MATLAB_HEADER)
        while piece := packed.read(2**16):
            while piece:
                unpack.decompress(piece, 2**20)
                piece = unpack.unconsumed_tail
    return time.perf_counter() - began


def _in_own_process(root: Path, gallery: int, repeats: int, *, by_scipy: bool) -> dict[str, Any]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, root, gallery, repeats, by_scipy).result()


def measure(root: Path, gallery: int, repeats: int, by_scipy: bool) -> dict[str, Any]:
    """Load a protocol in this process.

    Args:
        root: The data set's folder.
        gallery: The size of the galleries.
        repeats: How often.
        by_scipy: Whether SciPy reads the file, whatever its size.

    Returns:
        times of the repeats, processor_seconds of the fastest, peak_mb, and `first`: a digest of each query.
    """
    from datasets.layouts import cuhk_sysu

    if by_scipy:
        cuhk_sysu.LARGE_FILE = 2**62
    times, processor = [], []
    for _ in range(repeats):
        began, used = time.perf_counter(), time.process_time()
        queries, problems = cuhk_sysu.scan_queries(root, gallery)
        times.append(time.perf_counter() - began)
        processor.append(time.process_time() - used)
        assert not problems
    peak = round(peak_megabytes())
    return {
        "times": times,
        "processor_seconds": min(processor),
        "peak_mb": peak,
        "first": [_digest(one) for one in queries],
    }


def _digest(query: Any) -> int:
    """A number that differs where a query differs."""
    import zlib

    boxes = b"".join(
        position.to_bytes(8, "little") + box.tobytes() for position, box in sorted(query.gallery.true_boxes.items())
    )
    return zlib.crc32(query.frame.encode() + query.box.tobytes() + query.gallery.members.tobytes() + boxes)
