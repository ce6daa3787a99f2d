"""Who may write to a folder on object storage, which knows no locks: leases, small files that their holders renew."""

import logging
import random
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from datasets.storage.places import ObjectPath

LEASE_SECONDS = 60.0
"""A lease that was not renewed for so long belongs to a process that was killed, and counts no more."""
RENEWED_SECONDS = 15.0
SHORTEST_WAIT, LONGEST_WAIT = 0.2, 1.0

logger = logging.getLogger(__name__)


@contextmanager
def held(folder: ObjectPath, *, alone: bool) -> Iterator[None]:
    """Hold a lease while the block runs: together with others, or alone.

    Each holder writes a lease of its own and then looks who else has one. Of two who may not write together at least
    one sees the other's and waits, because object storage lists what was written before. Whoever asks to be alone is
    let in before those who come after. Ages are taken by the server's clock.

    Args:
        folder: Where the leases lie; a block must not stand in another one of the same folder.
        alone: Whether nobody else may hold one meanwhile.

    Raises:
        OSError: The server cannot be reached, or it could not be for so long that another one may have been let in.
    """
    lease = folder / f"{'alone' if alone else 'shared'}-{uuid.uuid4().hex}"
    _wait_for_turn(folder, lease, alone=alone)
    holding = _Renewal(lease)
    try:
        yield
    finally:
        holding.end()
        lease.unlink(missing_ok=True)
    if holding.lapsed:
        raise OSError(
            f"the server of {folder.parent} could not be reached for {LEASE_SECONDS:g} seconds, and another program "
            f"may have written meanwhile; run `personsearch gallery check {folder.parent}`, then the same command again"
        )


def _wait_for_turn(folder: ObjectPath, lease: ObjectPath, *, alone: bool) -> None:
    """Return when the lease is written and nobody holds one that excludes it."""
    told = False
    while True:
        lease.write_bytes(b"")
        others = _living(folder, lease)
        hindering = others if alone else [one for one in others if one.name.startswith("alone")]
        if not hindering:
            return
        if not told:
            logger.info("%s waits for %d others to finish writing", folder.parent, len(hindering))
            told = True
        if any(one.name.startswith("alone") for one in hindering):
            # It may be waiting for this one; who waits for those who write together keeps its lease, so that they end.
            lease.unlink(missing_ok=True)
        time.sleep(random.uniform(SHORTEST_WAIT, LONGEST_WAIT))


def _living(folder: ObjectPath, lease: ObjectPath) -> list[ObjectPath]:
    """The leases of others that were renewed lately; the rest is removed."""
    times = folder.times()
    now = times.get(lease.name, max(times.values(), default=0.0))
    living = []
    for name, renewed in times.items():
        if name == lease.name or not name.startswith(("alone-", "shared-")):
            continue
        if now - renewed <= LEASE_SECONDS:
            living.append(folder / name)
        else:
            (folder / name).unlink(missing_ok=True)
    return living


class _Renewal:
    """Renews a lease from a thread of its own until it is ended.

    Args:
        lease: The lease, which has just been written.
    """

    def __init__(self, lease: ObjectPath) -> None:
        self.lapsed = False
        self._lease = lease
        self._renewed = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop renewing; `lapsed` is true afterwards where the lease was not renewed in time."""
        self._ended.set()
        self._thread.join()
        self.lapsed |= time.monotonic() - self._renewed > LEASE_SECONDS

    def _renew(self) -> None:
        while not self._ended.wait(RENEWED_SECONDS):
            try:
                self._lease.write_bytes(b"")
            except OSError as error:
                logger.info("%s could not be renewed: %s", self._lease, error)
                continue
            now = time.monotonic()
            self.lapsed |= now - self._renewed > LEASE_SECONDS
            self._renewed = now
