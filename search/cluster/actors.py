"""What a cluster does for this project: it runs objects in processes of their own, and says when one has died."""

from collections.abc import Sequence
from typing import Any, Protocol

Handle = Any
"""An object in another process."""

Answer = Any
"""What a method of such an object will give."""


class Died(Exception):
    """The process of an object has ended without an answer; the text is the reason in a few words."""


class Actors(Protocol):
    """Objects in processes of their own, each with one call after the other."""

    def start(self, role: type, *values: Any, processors: int = 1, gpu: float = 0.0) -> Handle:
        """Begin to make an object in a process of its own; it may wait for a free processor.

        Args:
            role: The object's class.
            values: What the class is called with.
            processors: How many processors it needs; with 0 it never waits for one.
            gpu: How much of a GPU it needs, from 0 to 1.
        """
        ...

    def ask(self, actor: Handle, method: str, *values: Any) -> Answer:
        """Call a method of an object, after those that were called before; returns at once.

        Args:
            actor: The object.
            method: The method's name.
            values: What it is called with.
        """
        ...

    def ready(self, answers: Sequence[Answer], seconds: float) -> list[Answer]:
        """The answers that are there, also those that are errors; waits until there is one.

        Args:
            answers: What is waited for; where there is none it waits all the time.
            seconds: For how long at most.
        """
        ...

    def result(self, answer: Answer) -> Any:
        """An answer; waits for it.

        Raises:
            Died: The process has ended.
            OSError, ValueError: The method raised it.
        """
        ...

    def end(self, actor: Handle) -> None:
        """End the process of an object, whatever it is doing."""
        ...

    @property
    def gpus(self) -> int:
        """How many GPUs there are."""
        ...

    @property
    def processors(self) -> int:
        """How many processors there are."""
        ...
