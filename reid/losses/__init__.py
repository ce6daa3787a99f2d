"""The project's identity losses by one name each: OIM, TOIM, Sphere; the baselines are in `reid.losses.metric`.

All are called alike, `loss = criterion(embeddings, person_index, ...)`, and are means over the rows that count. Those
with a memory have `criterion.update(embeddings, person_index, ...)`, to be called once per step after the loss.
"""

from reid.losses.oim import OIMLoss
from reid.losses.sphere import SphereLoss
from reid.losses.toim import TOIMLoss

__all__ = ["OIMLoss", "SphereLoss", "TOIMLoss"]
