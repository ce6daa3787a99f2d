"""What a network makes of people: the value that travels from an embedder to the losses."""

from typing import NamedTuple

from torch import Tensor


class PersonFeatures(NamedTuple):
    """What a network makes of N people, before anything is brought to unit length.

    Args:
        features: (N, F) what the global average pooling gives, before the neck. The bag of tricks' metric losses act
            on it.
        embedding: (N, D) what the network gives in the end.
    """

    features: Tensor
    embedding: Tensor
