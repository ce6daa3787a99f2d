"""Things that look like people and are none: mannequins, statues, posters, coat racks, columns, bollards ..."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.figures.colors import Color, bag_color, cloth_color, varied
from datasets.figures.fabrics import Canvas, as_texture, clouds, draw_fabric, woven
from datasets.figures.figure import person
from datasets.figures.lofts import Part, around, closed_ends, ovals, pillow, profile, smooth, solid, surface_of, tube
from datasets.figures.looks import draw_look
from datasets.figures.poses import draw_pose
from datasets.rendering import Material, Surface, box, join, plain, quad

Array = NDArray[np.float64]
DecoyKind = Literal[
    "mannequin",
    "headless mannequin",
    "bust",
    "statue",
    "poster",
    "cutout",
    "screen",
    "advertising column",
    "coat rack",
    "clothes rail",
    "bollard",
    "boxes",
    "hydrant",
    "trunk",
    "bin",
    "parasol",
]
DECOYS: tuple[DecoyKind, ...] = get_args(DecoyKind)


def _turned(table: list[tuple[float, float]], material: Material, rows: int = 24, sides: int = 18) -> Part:
    """What a lathe would make: rows of (level, radius), meters, from the ground up."""
    levels = np.linspace(table[0][0], table[-1][0], rows)
    (radius,) = profile(table, levels)
    rings = ovals((0 * levels, 0 * levels, levels), (radius, radius, radius), around(sides))
    return solid(closed_ends(rings), material)


def _rod(start: list[float], end: list[float], radius: float, material: Material) -> Part:
    return solid(closed_ends(tube(np.array([start, end], dtype=np.float64), radius, 8)), material)


def _repainted(surface: Surface, old: Callable[[Material], bool], new: Material) -> Surface:
    materials = tuple(new if old(each) else each for each in surface.materials)
    return replace(surface, materials=materials)


def _lifted(surface: Surface, height: float) -> Surface:
    return surface.moved(0.0, (0.0, 0.0, height))


def _stone(rng: np.random.Generator, color: Color, gloss: float) -> Material:
    mottled = 1 + 0.10 * clouds(rng, (64, 64), (6, 6)) + 0.08 * rng.normal(size=(64, 64))
    canvas = np.array(color, dtype=np.float32) * mottled[..., None].astype(np.float32)
    return Material(as_texture(canvas), gloss=gloss)


def _mannequin(rng: np.random.Generator) -> Surface:
    """A shop's figure: clothes on a body of one color, without hair."""
    look = replace(draw_look(rng), hair="bald", headwear="", beard=0.0, glasses="", bag="", gear="", mask=False)
    if look.age == "old":
        look = replace(look, age="adult")
    shell = _stone(rng, ((226, 224, 220), (34, 34, 36), (186, 160, 138), (150, 150, 152))[int(rng.integers(4))], 0.3)
    skin = np.array(look.skin)
    surface = person(replace(look, weight=-0.5), draw_pose(rng, "standing"))
    face = (112, 144, 3)

    def bare(material: Material) -> bool:
        small = material.texture.size == 3 and bool((material.texture.reshape(3) == skin).all())
        return small or material.texture.shape == face or material.texture.shape == (96, 128, 3)

    stand = box((-0.18, -0.18, 0.0), (0.18, 0.18, 0.02), plain((120, 120, 122), gloss=0.5))
    return join([_lifted(_repainted(surface, bare, shell), 0.02), stand])


def _headless(rng: np.random.Generator) -> Surface:
    """The same without a head: everything above the collar is left out."""
    surface = _mannequin(rng)
    tall = float(surface.vertices[:, 2].max())
    kept = surface.vertices[surface.triangles, 2].max(axis=1) < 0.875 * tall
    return replace(surface, triangles=surface.triangles[kept], material=surface.material[kept])


def _bust(rng: np.random.Generator) -> Surface:
    """A tailor's dummy: a trunk in a shirt on a pole."""
    surface = _headless(rng)
    tall = float(surface.vertices[:, 2].max())
    heights = surface.vertices[surface.triangles, 2]
    aside = np.abs(surface.vertices[surface.triangles, 1]).max(axis=1)
    kept = (heights.min(axis=1) > 0.48 * tall) & (aside < 0.135 * tall)
    bust = replace(surface, triangles=surface.triangles[kept], material=surface.material[kept])
    metal = plain((110, 104, 98), gloss=0.4)
    pole = [
        _rod([0, 0, 0.02], [0, 0, 0.6 * tall], 0.018, metal),
        _turned([(0, 0.16), (0.02, 0.16), (0.04, 0.02)], metal, 6),
    ]
    return join([bust, surface_of(pole)])


def _statue(rng: np.random.Generator) -> Surface:
    """A figure of bronze or stone on a pedestal."""
    color = ((78, 92, 78), (70, 58, 44), (176, 172, 162), (128, 126, 120))[int(rng.integers(4))]
    stone = _stone(rng, color, 0.2)
    look = replace(draw_look(rng), gear="")
    kind = ("standing", "standing", "sitting", "walking")[int(rng.integers(4))]
    figure = person(replace(look, height=max(1.5, look.height)), draw_pose(rng, kind))  # type: ignore[arg-type]
    high = float(rng.uniform(0.15, 1.1))
    base = box((-0.42, -0.42, 0.0), (0.42, 0.42, high), _stone(rng, (150, 146, 138), 0.0))
    return join([_lifted(_repainted(figure, lambda _: True, stone), high), base])


def pictured(surface: Surface, turn: float, shape: tuple[int, int], background: Canvas) -> Canvas:
    """A flat picture (H, W, 3), float 0 .. 255, of a surface seen from in front and turned by `turn` radians."""
    seen = surface.moved(turn)
    high, wide = shape
    points = seen.vertices
    scale = 0.9 * high / float(points[:, 2].max())
    places = np.stack([wide / 2 + points[:, 1] * scale, 0.97 * high - points[:, 2] * scale], -1)
    canvas = cv2.resize(background, (wide, high)).astype(np.float32)
    corners = seen.triangles
    order = np.argsort(points[corners, 0].mean(1))
    light = 0.62 + 0.42 * np.clip(seen.normals[corners].mean(1) @ np.array([0.6, -0.4, 0.6]), -0.4, 1)
    uv = seen.uv[corners].mean(1) % 1
    colors = np.empty((len(corners), 3))
    for place, material in enumerate(seen.materials):
        mine = seen.material == place
        tall, broad = material.texture.shape[:2]
        rows, columns = ((1 - uv[mine, 1]) * tall).astype(int) % tall, (uv[mine, 0] * broad).astype(int) % broad
        colors[mine] = material.texture[rows, columns, :3]
    facing = seen.normals[corners].mean(1)[:, 0] > -0.35
    colors = np.clip(colors * light[:, None], 0, 255)
    fixed = np.rint(places[corners] * 16).astype(np.int32)
    for face in order[facing[order]]:
        cv2.fillConvexPoly(canvas, fixed[face], tuple(float(part) for part in colors[face]), cv2.LINE_8, 4)
    return canvas


def _scene(rng: np.random.Generator) -> tuple[Canvas, NDArray[np.bool_]]:
    """A picture (384, 192, 3) of somebody in front of a soft background, and where the person is."""
    look = replace(draw_look(rng), gear="")
    figure = person(look, draw_pose(rng, "standing" if rng.random() < 0.6 else "walking"), 0.5)
    sky = np.array(cloth_color(rng, True), dtype=np.float32) * np.float32(0.5) + np.float32(90)
    background = sky + 26 * np.stack([clouds(rng, (96, 48), (4, 3))] * 3, -1)
    turn, shape = float(rng.uniform(-0.9, 0.9)), (384, 192)
    picture = pictured(figure, turn, shape, np.clip(background, 0, 255).astype(np.float32))
    mask = pictured(figure, turn, shape, np.full((8, 8, 3), -1000, np.float32))[..., 0] > -500
    return picture, mask


def _poster(rng: np.random.Generator) -> Surface:
    """A printed person, sometimes only head and shoulders, in a frame that stands on the ground."""
    picture, _ = _scene(rng)
    if rng.random() < 0.5:
        cut = int(rng.integers(150, 300))
        picture = picture[10:cut]
        picture = cv2.resize(picture, (192, max(192, 2 * (cut - 10)))).astype(np.float32)
    words = str(int(rng.integers(10, 99))) + "".join(rng.choice(list("ABCDEFGHIKLMNOPRSTU"), 6))
    cv2.putText(picture, words, (12, 30), cv2.FONT_HERSHEY_DUPLEX, 0.9, (245.0, 245.0, 240.0), 2, cv2.LINE_AA)
    return _panel(rng, Material(as_texture(picture), gloss=0.2), picture.shape, float(rng.uniform(0.0, 0.6)))


def _panel(rng: np.random.Generator, material: Material, shape: tuple[int, ...], low: float) -> Surface:
    high = float(rng.uniform(1.2, 2.2))
    wide = high * shape[1] / shape[0]
    front = quad((0.03, -wide / 2, low + 0.05), (0.0, wide, 0.0), (0.0, 0.0, high), material)
    frame = plain((40, 41, 44), gloss=0.3)
    back = box((-0.05, -wide / 2 - 0.04, low), (0.025, wide / 2 + 0.04, low + high + 0.1), frame)
    feet = [
        box((-0.2, sign * wide / 2 - 0.03, 0.0), (0.2, sign * wide / 2 + 0.03, max(low, 0.03)), frame)
        for sign in (-1, 1)
    ]
    return join([front, back, *feet])


def _screen(rng: np.random.Generator) -> Surface:
    """A lit screen that shows somebody."""
    picture, _ = _scene(rng)
    return _panel(
        rng,
        Material(as_texture(picture), emission=float(rng.uniform(0.4, 1.2))),
        picture.shape,
        float(rng.uniform(0.3, 0.9)),
    )


def _cutout(rng: np.random.Generator) -> Surface:
    """A flat person of cardboard, cut out along the outline."""
    picture, mask = _scene(rng)
    outline = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8))
    texture = np.concatenate([as_texture(picture), outline[..., None] * np.uint8(255)], axis=-1)
    high = float(rng.uniform(1.5, 1.95))
    wide = high / 2
    front = quad((0.0, -wide / 2, -0.02), (0.0, wide, 0.0), (0.0, 0.0, high), Material(texture))
    foot = box((-0.18, -0.14, 0.0), (0.02, 0.14, 0.02), plain((150, 128, 96)))
    return join([front, foot])


def _advertising_column(rng: np.random.Generator) -> Surface:
    """A column pasted with posters, with a hat of metal."""
    canvas = np.full((420, 640, 3), 150, np.float32)
    pictures = [_scene(rng)[0] for _ in range(2)]
    for left in range(0, 640, 160):
        for top in (0, 215):
            start = int(rng.integers(0, 120))
            part = cv2.resize(pictures[int(rng.integers(2))][start : start + 200], (156, 200))
            canvas[top : top + 200, left : left + 156] = part if rng.random() < 0.6 else cloth_color(rng, True)
    radius, high = float(rng.uniform(0.35, 0.6)), float(rng.uniform(2.3, 3.0))
    dark = plain((44, 60, 50), gloss=0.2)
    levels = np.linspace(0.25, high, 3)
    half = np.full(3, radius)
    rings = ovals((0 * levels, 0 * levels, levels), (half, half, half), around(28))
    hat = _turned(
        [(high, radius + 0.12), (high + 0.08, radius + 0.12), (high + 0.3, 0.2), (high + 0.42, 0.02)], dark, 12
    )
    foot = _turned([(0.0, radius + 0.06), (0.2, radius + 0.05), (0.26, radius)], dark, 6)
    return surface_of([solid(rings, Material(as_texture(canvas))), hat, foot])


def _hung_coat(rng: np.random.Generator, top: float, long: float) -> Part:
    """A coat without anybody in it; its shoulders hang from (0, 0, top)."""
    fabric = draw_fabric(rng, "coat", cloth_color(rng, False, darker=True))
    levels = np.linspace(top - long, top, 18)
    wide = 0.24 - 0.20 * smooth(levels, top - 0.10, top) + 0.05 * smooth(levels, top - 0.2, top - long)
    deep = 0.085 - 0.04 * smooth(levels, top - 0.10, top)
    rings = ovals((0 * levels, 0 * levels, levels), (wide, deep, deep), around(22), 2.4)
    angle = around(22)[None]
    rings[..., 0] += 0.018 * np.sin(5 * angle) * smooth(levels, top - 0.1, top - long)[:, None]
    return solid(rings, Material(as_texture(woven(fabric, 0.9, long))))


def _coat_rack(rng: np.random.Generator) -> Surface:
    """A coat, and perhaps a hat, on a stand."""
    wood = plain(varied(rng, (96, 66, 42), 0.3), gloss=0.15)
    parts = [_rod([0, 0, 0], [0, 0, 1.82], 0.02, wood), _turned([(0, 0.2), (0.02, 0.2), (0.05, 0.03)], wood, 6)]
    parts.append(_hung_coat(rng, float(rng.uniform(1.45, 1.62)), float(rng.uniform(0.75, 1.2))))
    if rng.random() < 0.6:
        felt = plain(cloth_color(rng, False, darker=True))
        parts.append(_turned([(1.70, 0.17), (1.715, 0.17), (1.72, 0.09), (1.80, 0.085), (1.83, 0.02)], felt, 14))
    return surface_of(parts)


def _clothes_rail(rng: np.random.Generator) -> Surface:
    """A row of clothes on a rail, as in a shop."""
    metal = plain((140, 142, 146), gloss=0.6)
    long = float(rng.uniform(0.9, 1.6))
    parts = [_rod([0, -long / 2, 1.55], [0, long / 2, 1.55], 0.014, metal)]
    for sign in (-1, 1):
        parts += [_rod([0, sign * long / 2, 0], [0, sign * long / 2, 1.55], 0.016, metal)]
        parts += [_rod([-0.22, sign * long / 2, 0.02], [0.22, sign * long / 2, 0.02], 0.016, metal)]
    for along in np.arange(-long / 2 + 0.12, long / 2 - 0.08, 0.11):
        coat = _hung_coat(rng, 1.50, float(rng.uniform(0.6, 1.1)))
        turned = coat.vertices[:, [1, 0, 2]] * np.array([1.0, 0.45, 1.0]) + np.array([0.0, along, 0.0])
        parts.append(replace(coat, vertices=turned, triangles=coat.triangles[:, ::-1].copy()))
    return surface_of(parts)


def _bollard(rng: np.random.Generator) -> Surface:
    color = ((52, 54, 58), (132, 132, 128), (150, 40, 36), (206, 170, 50))[int(rng.integers(4))]
    high, radius = float(rng.uniform(0.6, 1.3)), float(rng.uniform(0.06, 0.16))
    canvas = np.broadcast_to(np.array(color, dtype=np.float32), (64, 16, 3)).copy()
    if rng.random() < 0.6:
        canvas[8:14] = canvas[20:26] = (228, 228, 224)
    head = [(0.82 * high, radius), (0.86 * high, radius * 0.8), (0.93 * high, radius * 1.15), (high, 0.02)]
    return surface_of(
        [
            _turned(
                [(0, radius * 1.2), (0.05, radius * 1.2), (0.08, radius), *head],
                Material(as_texture(canvas), gloss=0.2),
            )
        ]
    )


def _boxes(rng: np.random.Generator) -> Surface:
    """Boxes stacked about as high and wide as a person."""
    level, stack = 0.0, []
    for _ in range(int(rng.integers(3, 6))):
        half, tall = rng.uniform(0.14, 0.32, 2), float(rng.uniform(0.22, 0.55))
        shift = rng.uniform(-0.06, 0.06, 2)
        canvas = (
            np.array(varied(rng, (168, 132, 92), 0.12), dtype=np.float32)
            * (1 + 0.05 * clouds(rng, (64, 64), (5, 5)))[..., None]
        )
        canvas[28:36] *= 1.12
        cardboard = Material(as_texture(canvas.astype(np.float32)))
        low = (float(shift[0] - half[0]), float(shift[1] - half[1]), level)
        high = (float(shift[0] + half[0]), float(shift[1] + half[1]), level + tall)
        stack.append(box(low, high, cardboard))
        level += tall
    return join(stack)


def _hydrant(rng: np.random.Generator) -> Surface:
    paint = plain(varied(rng, ((168, 36, 32), (196, 160, 40), (40, 70, 120))[int(rng.integers(3))], 0.1), gloss=0.3)
    body = _turned(
        [(0, 0.17), (0.05, 0.17), (0.07, 0.12), (0.55, 0.12), (0.58, 0.16), (0.62, 0.15), (0.74, 0.08), (0.8, 0.03)],
        paint,
    )
    sides = [_rod([0, -0.2, 0.45], [0, 0.2, 0.45], 0.055, paint), _rod([0, 0, 0.4], [0.2, 0, 0.4], 0.07, paint)]
    return surface_of([body, *sides])


def _trunk(rng: np.random.Generator) -> Surface:
    """The lower part of a tree's trunk, with a branch or two."""
    bark = (
        np.array(varied(rng, (92, 78, 64), 0.2), dtype=np.float32)
        * (1 + 0.22 * clouds(rng, (128, 64), (6, 22)) + 0.1 * clouds(rng, (128, 64), (30, 12)))[..., None]
    )
    material = Material(as_texture(bark.astype(np.float32)))
    radius = float(rng.uniform(0.12, 0.32))
    high = float(rng.uniform(2.0, 3.4))
    levels = np.linspace(0, high, 14)
    half = radius * (1 + 0.5 * smooth(levels, 0.35, 0.0) - 0.2 * levels / high)
    sway = 0.05 * np.cumsum(rng.normal(size=14)) * levels / high
    rings = ovals((sway, 0.7 * sway, levels), (half, half, half), around(14))
    parts = [solid(rings, material)]
    for sign in (-1.0, 1.0):
        start = float(rng.uniform(1.0, 1.7))
        end = [float(rng.uniform(-0.3, 0.3)), sign * float(rng.uniform(0.4, 0.8)), start + float(rng.uniform(0.3, 0.9))]
        parts.append(_rod([0, 0, start], end, 0.3 * radius, material))
    return surface_of(parts)


def _bin(rng: np.random.Generator) -> Surface:
    material = plain(varied(rng, ((54, 72, 58), (60, 62, 66), (140, 142, 146))[int(rng.integers(3))], 0.15), gloss=0.2)
    high, radius = float(rng.uniform(0.8, 1.15)), float(rng.uniform(0.2, 0.3))
    top = [
        (0.74 * high, radius),
        (0.76 * high, 0.8 * radius),
        (0.86 * high, 0.8 * radius),
        (0.88 * high, radius),
        (high, 0.4 * radius),
    ]
    bag = pillow((0, 0, 0.72 * high), (1.05 * radius, 1.05 * radius, 0.06), sides=14)
    return surface_of(
        [_turned([(0, 0.8 * radius), (0.05, 0.85 * radius), *top], material), solid(bag, plain((30, 30, 34)))]
    )


def _parasol(rng: np.random.Generator) -> Surface:
    """A folded sunshade on its foot: as slim and tall as a person in a coat."""
    cloth = Material(as_texture(woven(draw_fabric(rng, "scarf", bag_color(rng)), 0.5, 1.4)))
    high = float(rng.uniform(1.9, 2.4))
    metal = plain((150, 150, 152), gloss=0.5)
    levels = np.linspace(0.75, high, 14)
    (half,) = profile([(0.75, 0.13), (0.95, 0.15), (1.3, 0.09), (1.7, 0.11), (high, 0.02)], levels)
    rings = ovals((0 * levels, 0 * levels, levels), (half, half, half), around(18))
    rings[..., :2] *= (1 + 0.18 * np.sin(8 * around(18)))[None, :, None]
    foot = _turned([(0, 0.26), (0.06, 0.26), (0.09, 0.04)], plain((110, 108, 104)), 6)
    return surface_of([solid(rings, cloth), _rod([0, 0, 0], [0, 0, high], 0.022, metal), foot])


_MAKERS: dict[DecoyKind, Callable[[np.random.Generator], Surface]] = {
    "mannequin": _mannequin,
    "headless mannequin": _headless,
    "bust": _bust,
    "statue": _statue,
    "poster": _poster,
    "cutout": _cutout,
    "screen": _screen,
    "advertising column": _advertising_column,
    "coat rack": _coat_rack,
    "clothes rail": _clothes_rail,
    "bollard": _bollard,
    "boxes": _boxes,
    "hydrant": _hydrant,
    "trunk": _trunk,
    "bin": _bin,
    "parasol": _parasol,
}


def decoy(rng: np.random.Generator, kind: DecoyKind) -> Surface:
    """A thing that a detector could take for a person, standing on z = 0 at the origin and facing +x.

    Args:
        rng: Decides its size, color and shape.
        kind: One of `DECOYS`.

    Raises:
        ValueError: The kind is unknown.
    """
    if kind not in _MAKERS:
        raise ValueError(f"decoy kind is {kind!r}; give one of {', '.join(DECOYS)}")
    return _MAKERS[kind](rng)
