"""Which annotations of a COCO file are people; of the others it is counted how many are not read."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from datasets.label_values import means_person, whole_number
from datasets.layouts.scan import BrokenFileError, Problem


class Categories:
    """Which annotations of a file are people, and how many are of something else.

    Args:
        file: The file's name, for messages.
        records: The list "categories" of the file. Where the file has none, COCO's number 1 is a person.

    Raises:
        BrokenFileError: "categories" is no list of objects with an id and a name.
    """

    def __init__(self, file: str, records: object) -> None:
        self._file = file
        self._names: dict[int | str, str] = {}
        self._other: Counter[int | str] = Counter()
        self._unlisted: Counter[int | str] = Counter()
        self._people = 0
        for record in records if isinstance(records, list) else [] if records is None else [records]:
            if not isinstance(record, dict) or record.get("id") is None or record.get("name") is None:
                what = f"categories has {json.dumps(record)[:60]}, expected objects with an id and a name"
                raise BrokenFileError(Problem(file, what, 'write {"id": 1, "name": "person"}'))
            key = _category_key(record["id"])
            if self._names.get(key, record["name"]) != record["name"]:
                what = f"category {key} is both {self._names[key]!r} and {record['name']!r}, expected one name"
                raise BrokenFileError(Problem(file, what, "give each category an id of its own"))
            self._names[key] = str(record["name"])
        self._persons = {key for key, name in self._names.items() if means_person(name)} if self._names else {1}

    def is_person(self, record: Mapping[str, Any]) -> bool:
        """Whether an annotation is a person; it is counted either way.

        Args:
            record: The annotation.

        Raises:
            ValueError: It does not say which category it is of.
        """
        value = record.get("category_id")
        if value is None:
            if self._names and self._persons != set(self._names):
                raise ValueError(f"category_id is missing, expected one of {self._listed()}")
            key: int | str = next(iter(self._persons))
        else:
            key = _category_key(value)
            if self._names and key not in self._names:
                self._unlisted[key] += 1
                return False
        person = key in self._persons
        self._people += person
        self._other[key] += not person
        return person

    def problems(self) -> list[Problem]:
        """What is wrong with the categories as a whole: boxes of unlisted ones, or no category is called person."""
        found = []
        for key, count in self._unlisted.items():
            what = (
                f"category {key} of {count} boxes is not in categories, which has {self._listed()}; they are not read"
            )
            found.append(Problem(self._file, what, "list the category, or correct category_id", not self._people))
        if not self._people and +self._other and not self._persons & set(self._names):
            what = f"no category is called person: {self._unread()} are not read"
            remedy = 'name the category of people "person" (or pedestrian, people, human) in categories'
            found.append(Problem(self._file, what, remedy))
        return found

    def notes(self) -> list[str]:
        """A line where annotations of other categories were not read."""
        return [f"{self._file}: {self._unread()} are no people and are not read"] if +self._other else []

    def _unread(self) -> str:
        named = (f"{count} boxes of {self._names.get(key, f'category {key}')!r}" for key, count in self._other.items())
        return ", ".join(text for text, count in zip(named, self._other.values(), strict=True) if count)

    def _listed(self) -> str:
        return ", ".join(f"{key} ({name})" for key, name in self._names.items())


def _category_key(value: object) -> int | str:
    """The id of a category; 1, 1.0 and "1" are one."""
    try:
        return whole_number(value)
    except ValueError:
        if isinstance(value, str):
            return value.strip()
        raise ValueError(f"category_id is {value!r}, expected a whole number") from None
