"""A person as a surface: a look, dressed once and kept, and a pose that moves it."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from datasets.figures import body as bodies
from datasets.figures import carried, clothes, tailoring
from datasets.figures import hair as hairs
from datasets.figures import head as heads
from datasets.figures.fabrics import Fabric, as_texture, woven
from datasets.figures.lofts import Part, Skin, joined
from datasets.figures.looks import Garment, Look
from datasets.figures.poses import Pose, angles_of, telephone_side
from datasets.figures.skeleton import BONES, FOREARM, HANGING, LEFT, RIGHT, SHANK, THIGH, moved
from datasets.rendering import Material, Surface, plain

Array = NDArray[np.float64]
_FINENESS = (0.36, 0.55, 0.8)
_WAVES = 10
PEDALS = 0.13  # how high the lower pedal of a bicycle stands, meters


@dataclass(frozen=True, eq=False)
class Dressed:
    """A look with everything that does not depend on the pose.

    Args:
        skin: Body and clothes at rest.
        joints: (BONES, 3) meters, at rest.
        weights: (V, BONES) float32.
        looseness: (V,) float32 how far cloth folds, meters.
        bends: (V, 6) float32 how near a vertex is to the knees, elbows and hips: right then left of each.
        hanging: (V,) True where a vertex belongs to a bag that hangs from a hand.
        telephones: The vertices of the telephones in the right and in the left hand.
        stoop: How bent the back is.
    """

    skin: Skin
    joints: Array
    weights: NDArray[np.float32]
    looseness: NDArray[np.float32]
    bends: NDArray[np.float32]
    hanging: NDArray[np.bool_]
    telephones: tuple[slice, slice]
    stoop: float


def _cloth(canvas: NDArray[np.float32], fabric: Fabric) -> Material:
    dark = sum(fabric.colors[0]) < 240 and fabric.seed % 3 > 0
    gloss = {"leather": 0.35, "quilted": 0.08, "quilted two tone": 0.08}.get(fabric.pattern, 0.0)
    return Material(as_texture(canvas), gloss=gloss, infrared=1.0 + 1.6 * dark)


@lru_cache(maxsize=96)
def _materials(look: Look, stature: float) -> dict[str, Material]:
    """Every material that the look can need, painted once for all levels of detail."""
    skin = Fabric("skin", (look.skin,), 1.0, 0)
    made = {
        "face": Material(as_texture(heads.painted_face(look)), gloss=0.04),
        "skin": plain(look.skin, gloss=0.04),
        "hair": Material(as_texture(hairs.painted_hair(look)), gloss=0.12, infrared=1.5),
        "socks": plain((222, 221, 218) if look.seed % 5 < 3 else (30, 30, 33)),
        "dark": plain((22, 22, 24), gloss=0.5),
        "shoes": Material(
            as_texture(tailoring.shoe_picture(look)), gloss=0.25 if look.shoes in ("shoe", "boot") else 0.0
        ),
    }
    for name, garment in (("top", look.top), ("over", look.over)):
        if garment is not None:
            around = (0.95 + 4.0 * garment.ease) * stature / 1.75
            made[name] = _cloth(tailoring.trunk_picture(look, garment, stature, around), garment.fabric)
            sleeve = garment.sleeve_fabric or garment.fabric
            made[f"{name} sleeves"] = _cloth(tailoring.sleeve_picture(look, garment, stature), sleeve)
    lower = look.lower
    if lower.kind == "skirt":
        made["lower"] = _cloth(tailoring.skirt_picture(lower, stature), lower.fabric)
    elif lower.kind != "legs":
        made["lower"] = _cloth(tailoring.leg_picture(look, lower, stature), lower.fabric)
    made["legs"] = plain(lower.fabric.colors[0]) if lower.kind == "legs" else plain(skin.colors[0], gloss=0.04)
    if look.scarf is not None:
        made["scarf"] = _cloth(woven(look.scarf, 0.2, 0.6), look.scarf)
    if look.headwear:
        made["headwear"] = _cloth(woven(look.headwear_fabric, 0.6, 0.3), look.headwear_fabric)
    if look.bag:
        made["bag"] = _cloth(carried.bag_picture(look), look.bag_fabric)
    return made


def _layers(look: Look, body: bodies.Body, made: dict[str, Material]) -> list[Part]:
    """Shirt and jacket, with the arms that come out of them."""
    top, over = look.top, look.over
    parts = []
    if over is None or over.open or over.kind in ("blazer", "cardigan", "coat", "vest") or top.hem < over.hem:
        parts.append(clothes.trunk(body, top, made["top"]))
    outer: Garment = top if over is None else over
    if over is not None:
        under = 0.35 * top.ease + 0.003
        parts.append(clothes.trunk(body, over, made["over"], under))
        parts += clothes.collar(body, over, made["over"], under)
        parts += clothes.sleeves(body, over, made["over sleeves"], under)
    if over is None or over.open:
        parts += clothes.collar(body, top, made["top"])
    if over is None or over.sleeves == 0:
        parts += clothes.sleeves(body, top, made["top sleeves"])
        outer = top
    bare = clothes.sleeve_end(outer) + 0.03 if outer.sleeves > 0.02 else 0.822
    return [*parts, *bodies.arms(body, made["skin"], min(bare, 0.822)), bodies.neck(body, made["skin"])]


def _below(look: Look, body: bodies.Body, made: dict[str, Material]) -> list[Part]:
    """Trousers, skirt or bare legs, and shoes."""
    lower = look.lower
    boot = (0.10 + 0.2 * (look.seed % 5 == 0)) if look.shoes == "boot" else 0.0
    parts = bodies.shoes(body, look.shoes, made["shoes"], boot)
    match lower.kind:
        case "skirt":
            parts += [clothes.skirt(body, lower, made["lower"]), bodies.pelvis(body, made["lower"], 0.0, 0.58)]
            parts += bodies.legs(body, made["legs"])
        case "legs":
            parts += [bodies.pelvis(body, made["legs"], 0.0), *bodies.legs(body, made["legs"])]
            parts += _socks(look, body, made) if lower.fabric.pattern == "skin" else []
        case _:
            shorts = lower.hem > 0.2
            parts += clothes.trousers(body, lower, made["lower"])
            if shorts:
                parts += _socks(look, body, made)
            parts += bodies.legs(body, made["legs"], high=min(0.5, lower.hem + 0.05), ease=0.0005 if shorts else -0.007)
    return parts


def _socks(look: Look, body: bodies.Body, made: dict[str, Material]) -> list[Part]:
    """Socks on bare legs, as high as the look's seed says; none in sandals and boots."""
    high = (0.0, 0.075, 0.10, 0.10, 0.13, 0.24)[look.seed % 6]
    if look.shoes in ("sandal", "boot") or not high:
        return []
    return bodies.legs(body, made["socks"], high=high, ease=0.004)


def _parts(look: Look, body: bodies.Body, made: dict[str, Material]) -> list[Part]:
    parts = [*_layers(look, body, made), *_below(look, body, made)]
    parts += heads.head(body, look, made["face"], made["skin"])
    parts += hairs.hair(body, look, made["hair"])
    if look.headwear:
        parts += hairs.headwear(body, look, made["headwear"])
    if look.glasses:
        parts += hairs.glasses(body, look.glasses == "sunglasses", made["dark"])
    if look.scarf is not None:
        parts += clothes.scarf(body, made["scarf"])
    if look.bag:
        outer = look.over or look.top
        parts += carried.bag(
            body,
            look,
            min(outer.ease, 0.015 if outer.kind == "dress" else 0.05) + 0.3 * min(look.top.ease, 0.02),
            made["bag"],
        )
    return parts


def _nearness(vertices: Array, joints: Array) -> Array:
    """(V, 6) how near vertices are to the knees, the elbows and the hips, 0 .. 1."""
    wanted = [*SHANK, *FOREARM, *THIGH]
    apart = np.linalg.norm(vertices[:, None] - joints[wanted][None], axis=-1)
    return np.exp(-((apart / 0.12) ** 2))


@lru_cache(maxsize=160)
def _dressed(look: Look, level: int) -> Dressed:
    body = bodies.measured(look, _FINENESS[level])
    stoop = 0.1 + 0.5 * (look.seed % 31) / 31 if look.age == "old" else 0.0
    made = _materials(look, body.frame.stature)
    parts = [*_parts(look, body, made), *(carried.telephone(body, side, made["dark"]) for side in (RIGHT, LEFT))]
    skin, joints = joined(parts), body.frame.joints()
    count, each = len(skin.vertices), len(parts[-1].vertices)
    weights = np.concatenate([part.weights for part in parts]).astype(np.float32)
    return Dressed(
        skin,
        joints,
        weights,
        np.concatenate([part.looseness for part in parts]).astype(np.float32),
        _nearness(skin.vertices.astype(np.float64), joints).astype(np.float32),
        weights[:, list(HANGING)].sum(axis=1) > 0,
        (slice(count - 2 * each, count - each), slice(count - each, count)),
        stoop,
    )


def _folds(figure: Dressed, angles: Array, seed: int) -> NDArray[np.float32]:
    """How far (V,) meters cloth stands out of its smooth shape: folds at random, and deeper ones where limbs bend."""
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=(3, _WAVES)) * np.array([[1.0], [1.0], [0.8]])
    direction /= np.linalg.norm(direction, axis=0)
    waves = (direction * (2 * np.pi / rng.uniform(0.09, 0.34, _WAVES))).astype(np.float32)
    start = rng.uniform(0, 2 * np.pi, _WAVES).astype(np.float32)
    sines = np.sin(figure.skin.vertices @ waves + start)
    folds = (1 - 1.6 * np.abs(sines)) @ np.full(_WAVES, 1 / np.sqrt(_WAVES), np.float32)
    bent = np.abs(angles[[*SHANK, *FOREARM, *THIGH], 1]).astype(np.float32)
    creased = figure.bends @ np.minimum(bent, 1.6)
    return np.asarray(figure.looseness * folds * (1.0 + 1.1 * creased), dtype=np.float32)


def _suited(look: Look, pose: Pose) -> tuple[Pose, str, int]:
    """The pose with the telephone in the hand that carries nothing, what the other hand holds, and which it is."""
    side = LEFT if look.left_handed else RIGHT
    busy = look.bag in carried.IN_HAND or look.gear in ("umbrella", "suitcase")
    if busy:
        free = abs(pose.habits[11]) * (1 if side == RIGHT else -1)
        pose = replace(pose, habits=(*pose.habits[:11], free, *pose.habits[12:]))
    upright = pose.kind in ("standing", "walking", "phoning")
    return pose, look.gear if upright and look.gear in ("umbrella", "suitcase") else "", side


def placed(look: Look, pose: Pose, level: int) -> tuple[Dressed, NDArray[np.float32], Array]:
    """A figure, its vertices (V, 3) and its bones (BONES, 3, 4) in a pose; see `person`. `level` is 0, 1 or 2."""
    figure = _dressed(look, level)
    pose, holds, side = _suited(look, pose)
    angles = angles_of(pose, figure.stoop, holds, side)
    bones = moved(figure.joints, angles)
    matrices = (figure.weights @ bones.reshape(BONES, 12).astype(np.float32)).reshape(-1, 3, 4)
    points = np.einsum("vij,vj->vi", matrices[..., :3], figure.skin.vertices) + matrices[..., 3]
    points += figure.skin.normals(points) * _folds(figure, angles, pose.seed)[:, None]
    for hand, vertices in enumerate(figure.telephones):
        if hand != telephone_side(pose):
            points[vertices] = points[vertices.start]
    lift = (PEDALS if pose.kind == "cycling" else 0.0) - float(points[~figure.hanging, 2].min())
    points[:, 2] = np.maximum(points[:, 2] + lift, 0)
    bones[:, 2, 3] += lift
    return figure, points, bones


def person(look: Look, pose: Pose, detail: float = 1.0) -> Surface:
    """A person, standing on z = 0 at the origin and looking along +x, with the bags that belong to the outline.

    Those who cycle sit in the air, with the lower foot 0.13 m above the ground.

    Bicycles, prams, suitcases and umbrellas come from `gear` as surfaces of their own.

    Args:
        look: Who it is. What a look needs is made when it is first drawn (about a tenth of a second) and kept.
        pose: What the person does.
        detail: 1 for people close to the camera. 0.5 looks the same up to about 300 pixels of height, 0 up to about
            150. Raising it takes more triangles: about 3,000 at 0, 5,000 at 0.5, 9,000 at 1.

    Raises:
        ValueError: detail is outside [0, 1].
    """
    if not 0 <= detail <= 1:
        raise ValueError(f"detail is {detail}; give a value in [0, 1]")
    figure, points, _ = placed(look, pose, min(2, int(detail * 3)))
    return figure.skin.surface(points)


def seat_height(look: Look, pose: Pose) -> float:
    """How high above the ground the seat must be, in meters, on which `person(look, pose)` sits; see "sitting".

    The seat's middle lies below the origin, its front edge about 0.2 m further ahead.
    """
    figure, _, bones = placed(look, pose, 0)
    hips = bones[0, :, :3] @ figure.joints[0] + bones[0, :, 3]
    return float(hips[2] - 0.072 * figure.joints[0, 2] / 0.53)
