"""The frames of a whole data set divided into training, gallery and queries, once its people are.

What the paper of UESTC-PR leaves open is decided here:

- A frame may show people of both halves. `disjoint` gives each frame to one half only, the one that has more people in
  it, so that no test frame has been trained on: the people of the other half stay in it as people of unknown identity.
  `shared` gives it to both halves, and no label is lost: for crops, which the paper measures. Detection and full-frame
  search would then be measured on frames that were trained on.
- Where many people are in sight at once, a division by chance hides many labels. `keep_together` exchanges people
  between the halves so that those who are seen in the same frames are in the same half; the numbers stay.
- A frame with as many people of either half, or of none, goes where the frame before it in its recording went; those
  before the first decided one go with that one, and recordings without any identity into the gallery.
- Each query person has one query box per camera, as in Market-1501; chance takes it among the boxes of the gallery's
  frames. Somebody whom only one camera sees in the gallery has no query: the search leaves the own camera out.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from datasets.boxes import FloatBoxes
from datasets.samples import UNLABELLED, Camera, FrameSample, Query

FrameSharing = Literal["disjoint", "shared"]
_CANDIDATES = 64


@dataclass(frozen=True)
class FrameSplit:
    """The frames of both halves.

    Args:
        train: Frames whose identities are those of training people; everybody else in them is UNLABELLED.
        gallery: Frames whose identities are those of the other people.
        hidden: The number of boxes with an identity that no half tells, because their frame went to the other half.
    """

    train: list[FrameSample]
    gallery: list[FrameSample]
    hidden: int


def split_frames(
    recordings: Iterable[Sequence[FrameSample]],
    train: Iterable[int],
    gallery: Iterable[int],
    *,
    sharing: FrameSharing = "disjoint",
) -> FrameSplit:
    """Divide the frames of recordings by the people in them.

    Args:
        recordings: The frames of each recording in time order; a number in `person_ids` is one person in all of them.
        train: The people to train on.
        gallery: The other people.
        sharing: "disjoint" gives each frame to one half, "shared" to both; the text of this module explains both.

    Returns:
        The halves in the order given; `original_ids` keep the identities that a half does not tell.
    """
    sides = {"train": frozenset(train), "gallery": frozenset(gallery)}
    halves: dict[str, list[FrameSample]] = {"train": [], "gallery": []}
    labelled = 0
    for frames in recordings:
        labelled += sum(int((frame.person_ids >= 0).sum()) for frame in frames)
        for frame, side in zip(frames, _sides(frames, sides), strict=True):
            present = set(frame.person_ids.tolist())
            for name, people in sides.items():
                if name == side or (sharing == "shared" and present & people):
                    halves[name].append(_only(frame, people))
    kept = sum(int((frame.person_ids >= 0).sum()) for half in halves.values() for frame in half)
    return FrameSplit(halves["train"], halves["gallery"], labelled - kept)


def keep_together(
    recordings: Iterable[Sequence[FrameSample]], train: Iterable[int], gallery: Iterable[int]
) -> tuple[int, ...]:
    """Exchange people of two halves one for one as long as that puts more pairs seen in one frame into one half.

    Args:
        recordings: The frames of each recording in time order, as `split_frames` takes them.
        train: The people of one half, from which the search starts.
        gallery: The people of the other half.

    Returns:
        The people of the first half then, as many as before, ascending. A local optimum; nothing is left to chance.
    """
    from scipy.sparse import csr_array, diags_array  # 0.2 s that only this should pay

    sides = {**dict.fromkeys(train, 1), **dict.fromkeys(gallery, -1)}
    people = np.array(sorted(sides), dtype=np.int64)
    side = np.array([sides[person] for person in people.tolist()], dtype=np.int64)
    shown = [np.unique(frame.person_ids[frame.person_ids >= 0]) for frames in recordings for frame in frames]
    columns = np.searchsorted(people, np.concatenate([np.zeros(0, np.int64), *shown]))
    rows = np.repeat(np.arange(len(shown)), [len(ids) for ids in shown])
    present = csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(shown), len(people)))
    # Of how large a share of either's boxes it is about: who is seen rarely is not given up for who is seen often.
    share = diags_array(1.0 / np.maximum(present.sum(axis=0), 1))
    together = csr_array(share @ (present.T @ present) + (present.T @ present) @ share)
    together.setdiag(0)
    pull = together @ side  # how much somebody is drawn to the first half
    while True:
        gains = -side * pull
        first, second = (_best(np.flatnonzero(side == half), gains) for half in (1, -1))
        both = gains[first][:, None] + gains[second] - 2 * together[first][:, second].toarray()
        if not both.size or both.max() <= 1e-9:
            return tuple(people[side == 1].tolist())
        one, other = np.unravel_index(np.argmax(both), both.shape)
        for person in (first[one], second[other]):
            pull = pull - 2 * side[person] * together[[person]].toarray()[0]
            side[person] = -side[person]


def _best(people: NDArray[np.int64], gains: NDArray[np.float64]) -> NDArray[np.int64]:
    return people[np.argsort(-gains[people], kind="stable")[:_CANDIDATES]]


def choose_queries(gallery: Sequence[FrameSample], people: Iterable[int], *, seed: int) -> list[Query]:
    """One box of each person and camera of the gallery's frames, by chance.

    Args:
        gallery: The gallery's frames.
        people: The people to look for; those whom fewer than two cameras see are left out.
        seed: The number that decides which boxes are chosen. The choice for one person does not depend on other people.

    Returns:
        Queries by person and camera; their galleries are empty, for in the custom layout the gallery is the split.
    """
    seen = sightings(gallery)
    queries = []
    for person in sorted(set(people)):
        cameras = seen.get(person, {})
        if len(cameras) < 2:
            continue
        rng = np.random.default_rng([seed, person])
        for camera in sorted(cameras, key=_camera_key):
            frame, box = cameras[camera][int(rng.integers(len(cameras[camera])))]
            queries.append(Query(person, (), frame=frame.name, box=box, camera=camera))
    return queries


def sightings(frames: Iterable[FrameSample]) -> dict[int, dict[Camera | None, list[tuple[FrameSample, FloatBoxes]]]]:
    """Person -> camera -> (frame, box) of everybody with an identity, in the order of the frames.

    Args:
        frames: The frames of a whole data set.
    """
    found: dict[int, dict[Camera | None, list[tuple[FrameSample, FloatBoxes]]]] = defaultdict(lambda: defaultdict(list))
    for frame in frames:
        for person, box in zip(frame.person_ids.tolist(), frame.boxes, strict=True):
            if person >= 0:
                found[person][frame.camera].append((frame, box))
    return found


def _sides(frames: Sequence[FrameSample], sides: Mapping[str, frozenset[int]]) -> list[str]:
    """The half of each frame of a recording by the majority of its people; see the module's text for ties."""
    decided: list[str | None] = []
    for frame in frames:
        votes = {name: sum(person in people for person in frame.person_ids.tolist()) for name, people in sides.items()}
        ahead = votes["train"] - votes["gallery"]
        decided.append("train" if ahead > 0 else "gallery" if ahead < 0 else None)
    current = next((side for side in decided if side is not None), "gallery")
    result = []
    for side in decided:
        current = side or current
        result.append(current)
    return result


def _only(frame: FrameSample, people: frozenset[int]) -> FrameSample:
    """The frame with the identities of these people alone."""
    own = np.array([person in people for person in frame.person_ids.tolist()], dtype=bool)
    return replace(frame, person_ids=np.where(own, frame.person_ids, UNLABELLED), original_ids=frame.person_ids)


def _camera_key(camera: Camera | None) -> tuple[bool, int, str]:
    return (isinstance(camera, int), camera if isinstance(camera, int) else 0, str(camera))
