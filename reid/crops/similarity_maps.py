"""Where in a crop its similarity comes from."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from reid.crops.sphere_reid import SphereReID


@torch.inference_mode()
def similarity_maps(
    model: SphereReID, crops: Sequence[NDArray[np.uint8]], targets: Tensor | None = None, *, batch_size: int = 64
) -> Tensor:
    """Computes what each place of a crop adds to its cosine similarity with a target; their mean is the similarity.

    The features are the mean of what each place of the trunk's map adds to them (of the map itself under average
    pooling), and the head behind it is affine in evaluation mode: the embedding is the mean of what the head makes of
    each place, and so is its product with the target. Nothing is approximated, and no gradient is needed. A place sees
    more of the crop than it covers, so a map is coarse by nature.

    Source: class activation mapping (Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016),
    with another crop's embedding in the place of a class weight.

    Args:
        model: The crop model.
        crops: Each is (H, W, 3) uint8 RGB, of any size; they are not mirrored.
        targets: (N, D), for each crop the unit embedding of the crop that it is compared with. None compares each crop
            with itself, and shows what its embedding is made of.
        batch_size: How many crops go through the network together. More takes more memory.

    Returns:
        (N, h, w) float32 on the processor, over what `SphereReID.view` shows of each crop. Values may be negative.

    Raises:
        ValueError: The targets are not one row of the embedding's width for each crop.
    """
    expected = (len(crops), model.embedding_dim)
    if targets is not None and targets.shape != expected:
        raise ValueError(f"targets have shape {tuple(targets.shape)}, expected {expected}: an embedding for each crop")
    trunk: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        trunk.append(output)

    was_training = model.training
    model.eval()
    hook = model.backbone.register_forward_hook(keep)
    try:
        maps = [torch.empty(0, 1, 1)]
        for start in range(0, len(crops), batch_size):
            part = slice(start, start + batch_size)
            views = np.stack([model.view(crop) for crop in crops[part]])
            images = torch.from_numpy(views).permute(0, 3, 1, 2).to(model.device)
            embedding = model(images).embedding  # [N, D]
            features = model.pooling.shares(trunk.pop().float())  # [N, F, h, w]
            count, _, height, width = features.shape
            places = model.head(features.permute(0, 2, 3, 1).flatten(0, 2)).view(count, height, width, -1)
            if targets is None:
                target = functional.normalize(embedding, dim=1)
            else:
                target = targets[part].to(embedding)
            length = embedding.norm(dim=1).clamp_min(1e-12)
            maps.append((torch.einsum("nhwd,nd->nhw", places, target) / length[:, None, None]).cpu())
    finally:
        hook.remove()
        model.train(was_training)
    return torch.cat(maps[1:] or maps)
