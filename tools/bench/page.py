"""What the pages of both kinds of tables have in common: how they were made, on which machine, and that they grow."""

import os
import platform
import shlex
import sys
from collections.abc import Sequence

from search.pages.page import Section, Table


def how_it_was_made(recipe: Table, seeds: Sequence[int], facts: Sequence[list[str]] = ()) -> Section:
    """The last section of a page: the recipe, the machine and the command.

    Args:
        recipe: The table of the settings.
        seeds: The seeds of the trainings.
        facts: Further lines about the data, each a name and a value.
    """
    from importlib.metadata import version

    libraries = ("torch", "torchvision", "numpy", "albumentations", "personsearch")
    machine = [
        ["processor", f"{os.cpu_count()} x {platform.processor() or platform.machine()}"],
        ["Python", platform.python_version()],
        *([name, version(name)] for name in libraries),
        ["seeds", ", ".join(map(str, seeds))],
        *facts,
    ]
    command = shlex.join(["personsearch", *sys.argv[1:]])
    tables = [recipe, Table("Machine and versions", ["", ""], machine)]
    return Section("How this was made", tables=tables, commands=[command])


def still_running(done: int, wanted: int) -> str:
    """The sentence that a page begins with while trainings are missing; empty once all are done.

    Args:
        done: The lines and seeds that have figures.
        wanted: The lines and seeds that were asked for.

    Example:
        >>> still_running(3, 8)
        'Still running: 3 of 8 figures are there; the page is written anew after each training. '
        >>> still_running(8, 8)
        ''
    """
    if done >= wanted:
        return ""
    return f"Still running: {done} of {wanted} figures are there; the page is written anew after each training. "
