"""A person as a surface: a look, dressed once and kept, and a pose that moves it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from datasets.figures import body as bodies
from datasets.figures import carried, clothes, tailoring
from datasets.figures import hair as hairs
from datasets.figures import head as heads
from datasets.figures.fabrics import Fabric, as_texture, woven
from datasets.figures.lofts import Part
from datasets.figures.looks import Garment, Look
from datasets.figures.poses import Pose, angles_of
from datasets.figures.skeleton import BONES, FOREARM, SHANK, THIGH, moved
from datasets.rendering import Material, Surface, plain

Array = NDArray[np.float64]
_FINENESS = (0.36, 0.55, 0.8)
_WAVES = 10


@dataclass(frozen=True, eq=False)
class Dressed:
    """A look with everything that does not depend on the pose.

    Args:
        joints: (BONES, 3) meters, at rest.
        vertices: (V, 3) float32 meters, at rest.
        uv: (V, 2) float32.
        triangles: (F, 3) int32.
        material: (F,) int16.
        materials: What the triangles are made of.
        weights: (V, BONES) float32.
        looseness: (V,) float32 how far cloth folds, meters.
        bends: (V, 6) float32 how near a vertex is to the knees, elbows and hips: right then left of each.
        corners: (V, F) which triangles meet at each vertex.
        stoop: How bent the back is.
    """

    joints: Array
    vertices: NDArray[np.float32]
    uv: NDArray[np.float32]
    triangles: NDArray[np.int32]
    material: NDArray[np.int16]
    materials: tuple[Material, ...]
    weights: NDArray[np.float32]
    looseness: NDArray[np.float32]
    bends: NDArray[np.float32]
    corners: csr_array
    stoop: float


def _cloth(canvas: NDArray[np.float32], fabric: Fabric) -> Material:
    dark = sum(fabric.colors[0]) < 240 and fabric.seed % 3 > 0
    gloss = {"leather": 0.35, "quilted": 0.08, "quilted two tone": 0.08}.get(fabric.pattern, 0.0)
    return Material(as_texture(canvas), gloss=gloss, infrared=1.0 + 1.6 * dark)


@lru_cache(maxsize=512)
def _materials(look: Look, stature: float) -> dict[str, Material]:
    """Every material that the look can need, painted once for all levels of detail."""
    skin = Fabric("skin", (look.skin,), 1.0, 0)
    made = {
        "face": Material(as_texture(heads.painted_face(look)), gloss=0.04),
        "skin": plain(look.skin, gloss=0.04),
        "hair": Material(as_texture(hairs.painted_hair(look)), gloss=0.12, infrared=1.5),
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
    if over is None or over.open or top.hem < over.hem + 0.01:
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
    bare = clothes.sleeve_end(outer) + 0.03 if outer.sleeves > 0.02 else 0.827
    return [*parts, *bodies.arms(body, made["skin"], min(bare, 0.827)), bodies.neck(body, made["skin"])]


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
        case _:
            parts += clothes.trousers(body, lower, made["lower"])
            parts += bodies.legs(body, made["legs"], high=min(0.5, lower.hem + 0.06))
    return parts


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
        parts += carried.bag(body, look, outer.ease + 0.3 * look.top.ease, made["bag"])
    return parts


def _nearness(vertices: Array, joints: Array) -> Array:
    """(V, 6) how near vertices are to the knees, the elbows and the hips, 0 .. 1."""
    wanted = [*SHANK, *FOREARM, *THIGH]
    apart = np.linalg.norm(vertices[:, None] - joints[wanted][None], axis=-1)
    return np.exp(-((apart / 0.12) ** 2))


def assembled(parts: Sequence[Part], joints: Array, stoop: float) -> Dressed:
    """Parts joined into one figure."""
    first = np.cumsum([0, *(len(part.vertices) for part in parts[:-1])])
    vertices = np.concatenate([part.vertices for part in parts])
    triangles = np.concatenate([part.triangles + start for part, start in zip(parts, first, strict=True)])
    twins = np.concatenate([part.twins + start for part, start in zip(parts, first, strict=True)])
    places: dict[int, int] = {}
    for part in parts:
        places.setdefault(id(part.material), len(places))
    materials = {id(part.material): part.material for part in parts}
    owner = np.concatenate([np.full(len(part.triangles), places[id(part.material)], np.int16) for part in parts])
    faces = np.repeat(np.arange(len(triangles)), 3)
    meet = csr_array(
        (np.ones(len(faces), np.float32), (twins[triangles].reshape(-1), faces)), shape=(len(vertices), len(triangles))
    )
    return Dressed(
        joints,
        vertices.astype(np.float32),
        np.concatenate([part.uv for part in parts]).astype(np.float32),
        triangles.astype(np.int32),
        owner,
        tuple(materials[key] for key in places),
        np.concatenate([part.weights for part in parts]).astype(np.float32),
        np.concatenate([part.looseness for part in parts]).astype(np.float32),
        _nearness(vertices, joints).astype(np.float32),
        csr_array(meet[twins]),
        stoop,
    )


@lru_cache(maxsize=256)
def _dressed(look: Look, level: int) -> Dressed:
    body = bodies.measured(look, _FINENESS[level])
    stoop = 0.15 + 0.6 * (look.seed % 31) / 31 if look.age == "old" else 0.0
    made = _materials(look, body.frame.stature)
    return assembled(_parts(look, body, made), body.frame.joints(), stoop)


def _folds(figure: Dressed, angles: Array, seed: int) -> NDArray[np.float32]:
    """How far (V,) meters cloth stands out of its smooth shape: folds at random, and deeper ones where limbs bend."""
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=(3, _WAVES)) * np.array([[1.0], [1.0], [0.8]])
    direction /= np.linalg.norm(direction, axis=0)
    waves = (direction * (2 * np.pi / rng.uniform(0.07, 0.26, _WAVES))).astype(np.float32)
    start = rng.uniform(0, 2 * np.pi, _WAVES).astype(np.float32)
    sines = np.sin(figure.vertices @ waves + start)
    folds = (1 - 1.6 * np.abs(sines)) @ np.full(_WAVES, 1 / np.sqrt(_WAVES), np.float32)
    bent = np.abs(angles[[*SHANK, *FOREARM, *THIGH], 1]).astype(np.float32)
    creased = figure.bends @ np.minimum(bent, 1.6)
    return np.asarray(figure.looseness * folds * (0.9 + 1.1 * creased), dtype=np.float32)


def _normals(figure: Dressed, points: NDArray[np.float32]) -> NDArray[np.float32]:
    a, b, c = (points[figure.triangles[:, k]] for k in range(3))
    first, second = b - a, c - a
    across = np.empty_like(first)
    across[:, 0] = first[:, 1] * second[:, 2] - first[:, 2] * second[:, 1]
    across[:, 1] = first[:, 2] * second[:, 0] - first[:, 0] * second[:, 2]
    across[:, 2] = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    normals = figure.corners @ across
    length = np.sqrt(np.einsum("ij,ij->i", normals, normals))
    flat = length < 1e-12
    normals[flat] = (0, 0, 1)
    length[flat] = 1
    return np.asarray(normals / length[:, None], dtype=np.float32)


def posed(figure: Dressed, pose: Pose) -> Surface:
    """A dressed figure in a pose: it stands on z = 0, its pelvis above the origin, and looks along +x."""
    angles = angles_of(pose, figure.stoop)
    bones = moved(figure.joints, angles).reshape(BONES, 12).astype(np.float32)
    matrices = (figure.weights @ bones).reshape(-1, 3, 4)
    points = np.einsum("vij,vj->vi", matrices[..., :3], figure.vertices) + matrices[..., 3]
    points += _normals(figure, points) * _folds(figure, angles, pose.seed)[:, None]
    points[:, 2] -= points[:, 2].min()
    return Surface(points, _normals(figure, points), figure.uv, figure.triangles, figure.material, figure.materials)


def person(look: Look, pose: Pose, detail: float = 1.0) -> Surface:
    """A person, standing on z = 0 at the origin and looking along +x.

    Args:
        look: Who it is. What a look needs is made when it is first drawn (tens of milliseconds) and kept.
        pose: What the person does.
        detail: 1 for people close to the camera, 0 for those far away. Raising it takes more triangles.

    Raises:
        ValueError: detail is outside [0, 1].
    """
    if not 0 <= detail <= 1:
        raise ValueError(f"detail is {detail}; give a value in [0, 1]")
    return posed(_dressed(look, min(2, int(detail * 3))), pose)
