"""The models of a gallery: loaded when they are first needed, kept, and used by one thread at a time."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from search.desk.jobs import Jobs
from search.desk.refusals import NotReady, TooMany
from search.pipeline import PersonSearch

MOST_WAITING = 16

logger = logging.getLogger(__name__)


class LoadedModels:
    """The models behind a lock, so that two searches never share the memory of one network.

    Args:
        load: Loads them; it is called once, and again only where it failed.
        jobs: Shows that they are being loaded.
    """

    def __init__(self, load: Callable[[], PersonSearch], jobs: Jobs) -> None:
        self._load, self._jobs = load, jobs
        self._lock = threading.Lock()
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)
        self._search: PersonSearch | None = None

    @property
    def loaded(self) -> bool:
        """Whether the models are there already, so that a search need not wait for them."""
        return self._search is not None

    @contextmanager
    def used(self) -> Iterator[PersonSearch]:
        """Lend the models to one thread; others wait for the end of the block.

        Raises:
            NotReady: The models cannot be loaded; the log says why, the reader is not told paths of the machine.
            TooMany: Too many searches and uploads wait for the models.
        """
        if not self._waiting.acquire(blocking=False):
            raise TooMany("models_busy")
        try:
            with self._lock:
                if self._search is None:
                    with self._jobs.running("models", "The models are being loaded, which takes some seconds once."):
                        self._search = self._loaded()
                yield self._search
        finally:
            self._waiting.release()

    def _loaded(self) -> PersonSearch:
        try:
            return self._load()
        except (OSError, ValueError) as error:
            logger.error("the models cannot be loaded: %s", error)
            raise NotReady("models_not_loaded") from error
