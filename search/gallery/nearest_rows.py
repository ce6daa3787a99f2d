"""What searches a gallery in place of its tables, where somebody keeps its embeddings in memory."""

from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from search.gallery.filters import Filters


class NearestRows(Protocol):
    """Finds the sightings that are most similar to a probe, exactly as the tables would."""

    def nearest(
        self, probes: NDArray[np.float32], most: int, filters: Filters, vectors: list[str], *, weighted: bool
    ) -> tuple[pa.Table, int]:
        """The rows most similar to any of the probes, with all that tie with the last of them, and how many there are.

        Args:
            probes: (P, D) of unit length.
            most: How many rows are wanted, 1 or more.
            filters: Which rows may answer, cameras as the gallery writes them.
            vectors: The columns of embeddings to read with the rows.
            weighted: Whether a row's similarity is multiplied by the confidence of its detection.

        Returns:
            The rows in no order, and how many were compared.
        """
        ...
