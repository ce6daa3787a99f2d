"""The script that plants faults: its map points at what is there, and its faults are faults."""

from pathlib import Path

import pytest
from mutants import faults
from mutants.__main__ import sampled
from mutants.mutations import compiles, mutations

SOURCE = '''
"""A docstring with a number 7 that stays."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nowhere import Nothing


def clipped(values: list[int], limit: int = 3, *, names: dict[str, int] | None = None) -> list[int]:
    """Nothing above the limit, 5 at most."""
    if limit < 0:
        raise ValueError(f"limit {limit + 1}, expected 0 or more")
    kept = [min(value, limit) for value in values if value != -4 and not value % 2]
    kept = sorted(kept[1:], key=abs)
    return kept


def forget(values: list[int]) -> None:
    """Empty a list."""
    values.clear()
'''


def changes(kind: str) -> set[str]:
    return {one.change for one in mutations(SOURCE) if one.kind == kind}


def test_each_kind_of_fault_is_found_where_it_can_be() -> None:
    assert changes("comparison") == {"< -> <=", "< -> >=", "!= -> =="}
    assert changes("boolean") == {"and -> or"}
    assert changes("arithmetic") == {"% -> *"}
    assert changes("constant") == {"3 -> 4", "0 -> 1", "4 -> 5", "2 -> 3", "1 -> 2"}
    assert changes("opposite") == {"min -> max"}
    assert changes("argument dropped") == {", key=abs -> nothing"}
    assert changes("slice bound") == {"1 -> (1) + 1"}
    assert changes("condition turned round") == {"limit < 0 -> not (limit < 0)"}
    assert changes("branch never taken") == {"limit < 0 -> False"}
    assert changes("sign or not dropped") == {"- -> nothing", "not -> nothing"}
    assert changes("return at once") == {"forget does nothing"}
    assert changes("statement dropped") == {"values.clear() -> pass", "kept = sorted(kept[1:], key=abs) -> pass"}


def test_a_fault_changes_one_place() -> None:
    for one in mutations(SOURCE):
        faulty = one.apply(SOURCE)
        assert faulty != SOURCE
        assert faulty.startswith(SOURCE[: one.start])
        assert faulty.endswith(SOURCE[one.end :])
        assert SOURCE.splitlines()[one.line - 1].strip() == one.within
        assert compiles(faulty)


def test_letters_of_several_bytes_do_not_shift_a_fault() -> None:
    (one,) = [one for one in mutations('x = "ä€" if 1 < y else 0\n') if one.change == "< -> <="]
    assert one.apply('x = "ä€" if 1 < y else 0\n') == 'x = "ä€" if 1 <= y else 0\n'


@pytest.mark.parametrize("area", faults.AREAS, ids=lambda area: area.file)
def test_every_file_of_the_map_is_there_and_can_be_wrong(area: faults.Area, repository: Path) -> None:
    assert (repository / area.file).is_file()
    assert area.tests
    for test in area.tests:
        require_test(repository, test)
    chosen = sampled(area, 8, seed=0)
    assert len(chosen) == 8
    assert chosen == sampled(area, 8, seed=0)
    assert chosen != sampled(area, 8, seed=1)
    assert all(compiles(one.source) for one in chosen)


def test_every_planted_fault_can_be_planted(repository: Path) -> None:
    for fault in faults.PLANTED:
        source = (repository / fault.file).read_text(encoding="utf-8")
        assert source.count(fault.old) == 1, f"{fault.name}: {fault.old!r} in {fault.file}"
        compile(source.replace(fault.old, fault.new), fault.file, "exec")
        assert fault.tests
        for test in fault.tests:
            require_test(repository, test)


def test_every_change_that_is_no_fault_is_still_possible(repository: Path) -> None:
    for known in faults.EQUIVALENT:
        found = mutations((repository / known.file).read_text(encoding="utf-8"))
        assert any((one.within, one.change) == (known.within, known.change) for one in found), known
        assert known.reason


def require_test(repository: Path, test: str) -> None:
    file, _, name = test.partition("::")
    assert (repository / file).is_file(), f"{test} is not there"
    function = name.partition("[")[0]
    assert f"def {function}(" in (repository / file).read_text(encoding="utf-8") or not name, f"{test} is not there"
