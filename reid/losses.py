"""The project's identity losses by one name each: OIM, TOIM, Sphere; the baselines are in `reid.baselines`.

All are called alike, `loss = criterion(embeddings, person_index, ...)`, and are means over the rows that count. Those
with a memory have `criterion.update(embeddings, person_index, ...)`, to be called once per step after the loss.
"""

from reid.oim import OIMLoss
from reid.sphere import SphereLoss
from reid.toim import TOIMLoss

__all__ = ["OIMLoss", "SphereLoss", "TOIMLoss"]
