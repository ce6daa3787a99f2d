"""What made the vectors of a gallery, and reading values that JSON holds."""

import dataclasses
from collections.abc import Mapping
from typing import Any


def known_fields(value: type, content: Mapping[str, Any]) -> dict[str, Any]:
    """The contents of a JSON object as the fields of a dataclass.

    Raises:
        ValueError: It is no object, or it has a field that the dataclass does not know.
    """
    names = [item.name for item in dataclasses.fields(value)]
    if not isinstance(content, Mapping):
        raise ValueError(f"{value.__name__} is {content!r}, expected an object with {', '.join(names)}")
    unknown = [name for name in content if name not in names]
    if unknown:
        raise ValueError(f"{value.__name__} has the unknown field {unknown[0]!r}, expected {', '.join(names)}")
    return dict(content)
