"""The folder of cases: everything comes back, nobody's mark is lost, and nothing half-written is ever read."""

import dataclasses
import json
import multiprocessing
from pathlib import Path

import pytest
from cases_world import seen

from datasets.files import whole_file
from search.cases import folder as folder_module
from search.cases.folder import CaseFolder, NoCase
from search.cases.values import Case, CaseSearch, CaseSighting, MarkedSighting
from search.gallery.filters import Filters
from search.gallery.gallery import Gallery
from search.gallery.sightings import Cutout, Sighting
from search.query.ranking import Ranking
from search.query.results import RankedSightings

MODEL = {"model": "0123456789abcdef", "second_stage": None, "mirrored": False, "tracklet_blend": None}


def sighting(number: int) -> Sighting:
    box = (1.0, 2.0, 3.5 + number, 4.0)
    return Sighting(
        f"gate/{number:06}.jpg", 1, "/disk/square", "gate", 12.5, box, 0.9, 0.8, 640, 360, f"/disk/square/{number}.jpg",
        Cutout("a.pack", 5, 7), 0.8,
    )  # fmt: skip


def search_of(numbers: range, *, by: str = "anna") -> CaseSearch:
    answer = RankedSightings(
        tuple(map(sighting, numbers)), searched=40, best_similarity=0.8, no_verdict="no calibration"
    )
    filters = Filters(cameras=["gate"], after=1.0, limit=5)
    return CaseSearch.of(
        answer, by=by, examples=[{"sighting": "abc.1"}], filters=filters, ranking=Ranking(0.7), embedded_by=MODEL
    )


@pytest.fixture
def cases(tmp_path: Path) -> CaseFolder:
    return CaseFolder(tmp_path / "cases")


def test_everything_comes_back_as_it_was_given(cases: CaseFolder) -> None:
    case = cases.create("  The  red coat ", by="anna").case
    search = search_of(range(3))
    cases.add_search(case, search, [b"first", b"second", b"first"])
    cases.mark(case, CaseSighting(sighting(1), 2, "match"), "confirmed", by="anna")
    cases.mark(case, CaseSighting(sighting(2)), "rejected", by="bert")
    cases.note(case, "Ünder the bridge\n\x00", by="bert")
    found = cases.open(case)
    assert (found.name, found.by) == ("The red coat", "anna")
    (kept,) = found.searches
    assert dataclasses.replace(kept, probes=()) == search
    assert [cases.probe(case, name) for name in kept.probes] == [b"first", b"second", b"first"]
    assert len(set(kept.probes)) == 2
    assert found.mark_of(sighting(1).key) == "confirmed"
    assert found.mark_of(sighting(2).key) == "rejected"
    assert found.mark_of(sighting(0).key) is None
    assert (found.confirmed[0].seen, found.confirmed[0].by) == (CaseSighting(sighting(1), 2, "match"), "anna")
    assert found.notes[0].text == "Ünder the bridge\n\x00"
    assert found.changed >= found.created
    assert json.loads(json.dumps(found.to_dict()))["searches"][0]["sightings"][2]["rank"] == 3


def test_a_mark_replaces_the_one_before_and_none_takes_it_away(cases: CaseFolder) -> None:
    case = cases.create("a").case
    for mark in ("confirmed", "rejected"):
        cases.mark(case, CaseSighting(sighting(1)), mark, by="anna")  # type: ignore[arg-type]
        assert [one.mark for one in cases.open(case).marks] == [mark]
    assert cases.mark(case, CaseSighting(sighting(1)), None).marks == ()
    with pytest.raises(ValueError, match="expected one of confirmed, rejected"):
        cases.mark(case, CaseSighting(sighting(1)), "maybe")  # type: ignore[arg-type]


def test_the_list_counts_and_names_what_is_damaged(cases: CaseFolder) -> None:
    assert cases.list() == ()
    first, second = cases.create("first").case, cases.create("second").case
    cases.add_search(first, search_of(range(1)))
    cases.mark(first, CaseSighting(sighting(1)), "confirmed")
    one, two = cases.list()
    assert (one.name, one.searches, one.confirmed, one.rejected, one.notes) == ("first", 1, 1, 0, 0)
    assert two.name == "second"
    (cases.path / second / "case.json").write_text("{")
    (cases.path / "notes.txt").write_text("not ours")
    damaged = next(one for one in cases.list() if one.case == second)
    assert "damaged" in damaged.problem
    with pytest.raises(ValueError, match="put it back from a copy"):
        cases.open(second)


@pytest.mark.parametrize("name", ["", "..", "../other", "0" * 15, "0" * 16, "0" * 17, "A" * 16, "/etc/passwd", "a\0b"])
def test_only_names_of_cases_that_are_there_reach_the_disk(cases: CaseFolder, name: str) -> None:
    cases.create("a")
    for ask in (cases.open, cases.remove, lambda case: cases.note(case, "x"), lambda case: cases.probe(case, "x.jpg")):
        with pytest.raises(NoCase, match="there is no case"):
            ask(name)


@pytest.mark.parametrize("name", ["../case.json", "case.json", "a.jpg", ""])
def test_only_pictures_of_the_person_are_given_as_such(cases: CaseFolder, name: str) -> None:
    assert cases.probe(cases.create("a").case, name) is None


def test_rename_and_remove(cases: CaseFolder) -> None:
    case = cases.create("a").case
    assert cases.give_name(case, "b").name == "b"
    cases.remove(case)
    assert cases.list() == ()
    assert list(cases.path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "  \n", "a" * 20_001, "half a letter \ud800"])
def test_texts_that_cannot_be_kept_are_refused_and_change_nothing(cases: CaseFolder, text: str) -> None:
    case = cases.create("a").case
    before = cases.open(case)
    with pytest.raises(ValueError, match=r"expected|cannot be kept"):
        cases.note(case, text)
    assert cases.open(case) == before


def test_values_refuse_what_no_case_holds() -> None:
    with pytest.raises(ValueError, match="rank 0"):
        CaseSighting(sighting(1), 0)
    with pytest.raises(ValueError, match="no finite number"):
        CaseSighting(dataclasses.replace(sighting(1), similarity=float("nan")))
    twice = MarkedSighting(CaseSighting(sighting(1)), "confirmed", "", "")
    with pytest.raises(ValueError, match="two marks"):
        Case("0" * 16, "a", "", "", marks=(twice, twice))


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (b"", "damaged"),
        (b"[]", "damaged"),
        (b'{"format": 1, "case": {"case": 7}}', r"case\.case"),
        (b'{"format": 1}', "case: Field required"),
    ],
)
def test_a_damaged_file_is_one_line(cases: CaseFolder, what: bytes, said: str) -> None:
    case = cases.create("a").case
    (cases.path / case / "case.json").write_bytes(what)
    with pytest.raises(ValueError, match=said) as caught:
        cases.open(case)
    assert "\n" not in str(caught.value)


def test_a_case_of_a_later_version_is_not_guessed_at(cases: CaseFolder) -> None:
    case = cases.create("a").case
    file = cases.path / case / "case.json"
    file.write_text(file.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(ValueError, match="another format than 1"):
        cases.open(case)


def test_a_write_that_fails_leaves_the_case_as_it_was(cases: CaseFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    case = cases.create("a").case
    before = cases.open(case)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder_module, "write_whole", full)
    with pytest.raises(OSError, match="No space"):
        cases.mark(case, CaseSighting(sighting(1)), "confirmed")
    monkeypatch.undo()
    assert cases.open(case) == before
    assert cases.mark(case, CaseSighting(sighting(1)), "confirmed").marks


def _write_some(path: Path, case: str, first: int) -> None:
    cases = CaseFolder(path)
    for number in range(first, first + 6):
        cases.mark(case, CaseSighting(sighting(number)), "confirmed", by=str(first))
        if number % 3 == 0:
            cases.add_search(case, search_of(range(1), by=str(number)))


def test_a_search_that_somebody_is_just_writing_is_none_of_the_case_yet(cases: CaseFolder) -> None:
    case = cases.create("a").case
    cases.add_search(case, search_of(range(1)))
    with whole_file(cases.path / case / "searches" / "000009.json"):
        assert len(cases.open(case).searches) == 1
        assert cases.list()[0].searches == 1
        assert len(cases.add_search(case, search_of(range(1))).searches) == 2


def test_several_processes_do_not_lose_each_others_marks_and_searches(cases: CaseFolder) -> None:
    case = cases.create("a").case
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write_some, args=(cases.path, case, first)) for first in (0, 100, 200)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    found = cases.open(case)
    keys = {sighting(first + number).key for first in (0, 100, 200) for number in range(6)}
    assert {one.seen.key for one in found.marks} == keys
    assert sorted(one.by for one in found.searches) == sorted(["0", "3", "102", "105", "201", "204"])


def test_a_real_sighting_of_a_gallery_comes_back(cases: CaseFolder, gallery: Gallery) -> None:
    one = seen(gallery, "hall", 0, 2)
    case = cases.create("a").case
    assert cases.mark(case, CaseSighting(one), "confirmed").marks[0].seen.sighting == one
