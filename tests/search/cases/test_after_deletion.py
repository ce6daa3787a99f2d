"""What an export says of a case whose people were deleted from the gallery, and which cases hold such people."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest
from cases_world import seen

from datasets.images import encode_jpeg, read_image
from search.care.removal import Doomed, delete_sightings
from search.cases.export import export_case
from search.cases.folder import CaseFolder
from search.cases.present import HeldByCases, PeoplePictures, sightings_of
from search.cases.values import CaseSearch, CaseSighting
from search.gallery.gallery import Gallery
from search.query.results import RankedSightings


@pytest.fixture
def own(filled: Path, tmp_path: Path) -> Gallery:
    """A gallery of one's own, to delete from."""
    shutil.copytree(filled, tmp_path / "gallery")
    return Gallery.open(tmp_path / "gallery")


def made_case(gallery: Gallery, cases: CaseFolder, name: str, *cameras: str) -> str:
    """A case that marks somebody of each camera, and has all of them in one search."""
    found = [seen(gallery, camera, 0, second) for camera in cameras for second in (1, 2)]
    case = cases.create(name).case
    answer = RankedSightings(tuple(found), 20, no_verdict="none made")
    probe = encode_jpeg(read_image(Path(seen(gallery, "yard", 0).location or "")))
    cases.add_search(case, CaseSearch.of(answer, embedded_by=gallery.embedded_by.to_dict()), [probe])
    for camera in cameras:
        cases.mark(case, CaseSighting(seen(gallery, camera, 0, 1), 1), "confirmed")
    return case


def exported(gallery: Gallery, cases: CaseFolder, case: str, path: Path) -> tuple[set[str], list[str], str]:
    """The names in the ZIP, what case.json says is missing, and the page."""
    export_case(cases, case, gallery, path, clips=False)
    with zipfile.ZipFile(path) as source:
        about = json.loads(source.read("case.json"))
        return set(source.namelist()), about["missing"], source.read("index.html").decode()


def test_a_lost_picture_is_named_and_one_that_was_packed_anew_is_there(own: Gallery, tmp_path: Path) -> None:
    cases = CaseFolder(tmp_path / "gallery" / "cases")
    case = made_case(own, cases, "both", "hall", "yard")
    before, missing, _ = exported(own, cases, case, tmp_path / "before.zip")
    assert missing == []
    keys = {
        camera: {f"people/{seen(own, camera, 0, second).key}.jpg" for second in (1, 2)} for camera in ("hall", "yard")
    }
    stays = {one.key: own.cutout(one.cutout) for one in sightings_of(cases.open(case)) if one.camera == "yard"}
    gone = [one.id for one in (seen(own, "hall", 0, 1), seen(own, "hall", 0, 2))]
    assert keys["hall"] | keys["yard"] <= before
    delete_sightings(own, Doomed(cameras=("hall",)))
    after, missing, page = exported(Gallery.open(own.path), cases, case, tmp_path / "after.zip")
    assert before - after == keys["hall"], "the pictures of those who stay are exported from where they are now"
    assert missing == [f"no picture of 2 sightings: the gallery does not have {gone[0]}, {gone[1]} any more"]
    assert missing[0] in page
    pictures = PeoplePictures(Gallery.open(own.path), list(sightings_of(cases.open(case))))
    for one in sightings_of(cases.open(case)):
        assert pictures.of(one) == stays.get(one.key)


def test_somebody_else_in_the_same_row_is_not_taken_for_the_person(own: Gallery) -> None:
    one = seen(own, "hall", 0, 1)
    x1, y1, x2, y2 = one.box
    moved = type(one)(**{**vars(one), "box": (x1 + 1, y1, x2 + 1, y2), "cutout": type(one.cutout)("gone.pack", 0, 9)})
    assert PeoplePictures(own, [moved]).lost == (moved,)
    kept = type(one)(**{**vars(one), "cutout": moved.cutout})
    assert PeoplePictures(own, [kept]).of(kept) == own.cutout(one.cutout)


def test_many_lost_pictures_are_counted_and_some_named(own: Gallery) -> None:
    one = seen(own, "hall", 0, 1)
    lost = [type(one)(**{**vars(one), "frame": f"{number}.jpg", "source": "gone"}) for number in range(450)]
    lost = [type(one)(**{**vars(each), "cutout": type(one.cutout)("gone.pack", 0, 9)}) for each in lost]
    (line,) = PeoplePictures(own, lost).missing()
    assert line.startswith("no picture of 450 sightings: the gallery does not have 0.jpg#")
    assert line.endswith(" and 444 more any more")
    (line,) = PeoplePictures(own, lost[:1]).missing()
    assert line == f"no picture of 1 sighting: the gallery does not have {lost[0].id} any more"


def test_a_lost_picture_of_the_person_is_named(own: Gallery, tmp_path: Path) -> None:
    cases = CaseFolder(tmp_path / "cases")
    case = made_case(own, cases, "a", "yard")
    (probe,) = (tmp_path / "cases" / case / "probes").iterdir()
    probe.unlink()
    _, missing, page = exported(own, cases, case, tmp_path / "a.zip")
    assert missing == [f"no picture that a search went by: the case does not have {probe.name} any more"]
    assert missing[0] in page


def test_the_cases_that_hold_a_deleted_sighting_are_known(own: Gallery) -> None:
    cases = CaseFolder(own.path / "cases")
    both, hall, _ = (made_case(own, cases, name, *name.split()) for name in ("hall yard", "hall", "yard"))
    cases.create("empty")
    damaged = made_case(own, cases, "yard again", "yard")
    (own.path / "cases" / damaged / "searches" / "000001.json").write_text("{")
    held = HeldByCases(own)
    delete_sightings(own, Doomed(cameras=("hall",)))
    found = {one.case: one.sightings for one in held.of_deleted()}
    assert found == {both: 2, hall: 2, damaged: None}
    assert {one.sightings for one in HeldByCases(own).of_deleted()} == {None}, "what was gone before is not told again"
