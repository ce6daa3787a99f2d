"""Settings as data: what of them departs from the defaults."""

import dataclasses


def departures(settings: object) -> object:
    """The fields of nested dataclasses that are not at their default, as plain values.

    What is named by them (a training, a model's structure) keeps its name when a setting is added.
    """
    if not dataclasses.is_dataclass(settings):
        return settings
    values = {}
    for entry in dataclasses.fields(settings):
        value = getattr(settings, entry.name)
        default = entry.default if entry.default_factory is dataclasses.MISSING else entry.default_factory()
        if value != default:
            values[entry.name] = departures(value)
    return values
