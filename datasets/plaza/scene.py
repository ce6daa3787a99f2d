"""What stands on and around the square: fountain, beds, benches, trees, lamps, a kiosk, cars, and buildings."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from datasets.plaza.light import LAMP_HEIGHT, LAMPS
from datasets.plaza.mesh import Array, Mesh, MeshBuilder, box, ellipsoid, loft, tube, upright_rings

BEDS = np.array([(-8.6, -11.4), (9.6, -11.2), (-12.8, 4.6), (8.4, 11.4)])
BED_RADIUS = 2.5
FOUNTAIN = (0.5, 0.5)
FOUNTAIN_RADIUS = 2.3
TREES = np.array(
    [(-2.8, 11.6), (3.2, 12.4), (-4.2, -12.6), (5.4, -12.9), (-16.4, 7.6), (16.6, 4.8), (-16.4, -5.0), (16.6, -3.4)]
)
# x, y, direction of the long side in radians
BENCHES = (
    (-5.4, 3.6, 0.75),
    (5.6, 4.4, -0.72),
    (5.4, -3.6, 0.78),
    (-5.2, -3.4, -0.8),
    (-1.6, -7.4, 0.0),
    (12.6, 2.0, 1.57),
)
KIOSK = (-12.2, -1.0)
BINS = np.array([(-4.1, 5.6), (6.8, 2.4), (-6.9, -4.6), (4.0, -8.4)])
_IRON = np.array([0.13, 0.15, 0.16])
_STONE = np.array([0.60, 0.58, 0.54])
_WOOD = np.array([0.46, 0.30, 0.18])


def _ring(mesh: MeshBuilder, center: Array, radii: tuple[float, float], z: tuple[float, float], color: Array) -> None:
    """A ring wall from the ground: outer side, flat top and inner side, in short pieces."""
    outer, inner = radii
    rows = [(outer, z[0]), (outer, z[1]), (inner, z[1]), (inner, z[0])]
    profile = [(center[0], center[1], level, radius, radius) for radius, level in rows]
    vertices, faces = loft(upright_rings(profile, 36), caps=False)
    pieces = np.arange(len(faces)) % 36
    mesh.add(vertices, faces, color * (1 + 0.06 * np.cos(pieces * 2.1))[:, None])


def _add_fountain(mesh: MeshBuilder) -> None:
    center = np.array(FOUNTAIN)
    water = np.array([0.30, 0.46, 0.52])
    for outer, inner in ((2.05, 1.4), (1.4, 0.8), (0.8, 0.2)):
        profile = [(*center, 0.36, outer, outer), (*center, 0.361, inner, inner)]
        vertices, faces = loft(upright_rings(profile, 36), caps=False)
        mesh.add(vertices, faces, water * (1 + 0.10 * np.cos(np.arange(36) * 1.7 + outer * 5))[:, None])
    _ring(mesh, center, (FOUNTAIN_RADIUS, 2.02), (0.0, 0.52), _STONE)
    profile = [(0.45, 0.3), (0.40, 0.5), (0.20, 0.7), (0.17, 1.15), (0.25, 1.25), (0.95, 1.42), (1.0, 1.50), (0.9, 1.5)]
    rows = [(*center, z, radius, radius) for radius, z in profile]
    vertices, faces = loft(upright_rings(rows, 20))
    mesh.add(vertices, faces, _STONE * 0.92)
    rows = [(*center, z, radius, radius) for radius, z in ((0.16, 1.5), (0.12, 1.8), (0.20, 1.9), (0.05, 2.2))]
    vertices, faces = loft(upright_rings(rows, 12))
    mesh.add(vertices, faces, _STONE * 0.9)
    foam = np.array([0.80, 0.86, 0.90])
    for step in range(14):
        angle = step * 2 * np.pi / 14
        direction = np.array([np.cos(angle), np.sin(angle)])
        points = [(*(center + direction * r), z) for r, z in ((0.98, 1.5), (1.15, 1.35), (1.26, 0.9), (1.32, 0.38))]
        for a, b in pairwise(points):
            vertices, faces = tube(a, b, 0.022, 0.018, 4)
            mesh.add(vertices, faces, foam)


def _add_bench(mesh: MeshBuilder, x: float, y: float, turn: float) -> None:
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    for offset in (-0.18, -0.06, 0.06, 0.18):
        for piece in (-0.6, 0.0, 0.6):
            place = np.array([x, y]) + across * offset + along * piece
            mesh.add(*box((*place, 0.45), (0.6, 0.10, 0.04), turn=turn), _WOOD * (1.0 + offset * 0.5))
    for level in (0.58, 0.70, 0.82):
        for piece in (-0.6, 0.0, 0.6):
            place = np.array([x, y]) + across * (0.25 + 0.05 * (level - 0.58) / 0.12) + along * piece
            mesh.add(*box((*place, level), (0.6, 0.03, 0.09), turn=turn), _WOOD)
    for end in (-0.72, 0.72):
        place = np.array([x, y]) + along * end
        mesh.add(*box((*place, 0.21), (0.06, 0.40, 0.42), turn=turn), _IRON)
        mesh.add(*box((*(place + across * 0.27), 0.55), (0.06, 0.05, 0.70), turn=turn), _IRON)


def _add_foliage(
    mesh: MeshBuilder, rng: np.random.Generator, center: Array, radii: Array, tint: Array, count: int
) -> None:
    """Clusters of leaves through an ellipsoid, darker inside and below."""
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    depth = rng.uniform(0.45, 1.0, size=(count, 1)) ** 0.5
    places = center + direction * depth * radii
    size = rng.uniform(0.05, 0.13, size=(count, 1)) * (0.5 + 0.5 * float(np.mean(radii)))
    normal = _unit(rng.normal(size=(count, 3)) + np.array([0, 0, 0.6]))
    side = _unit(np.cross(normal, rng.normal(size=(count, 3))))
    other = np.cross(normal, side)
    corners = [places + size * (np.cos(angle) * side + np.sin(angle) * other) for angle in (0.2, 1.7, 3.2, 4.9)]
    shade = (0.45 + 0.55 * depth**3) * (0.86 + 0.22 * direction[:, 2:])
    colors = np.clip(tint * shade * rng.uniform(0.8, 1.2, size=(count, 3)) ** np.array([0.6, 0.4, 0.6]), 0, 1)
    # Leaves are seen from both sides.
    fronts = np.arange(4 * count).reshape(count, 4)
    faces = np.concatenate([fronts, fronts[:, ::-1]])
    mesh.add(np.stack(corners, axis=1).reshape(-1, 3), faces, np.tile(colors, (2, 1)))


def _unit(vectors: Array) -> Array:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _add_tree(mesh: MeshBuilder, rng: np.random.Generator, x: float, y: float, height: float, crown: float) -> None:
    bark = np.array([0.30, 0.24, 0.19])
    fork = height - crown * 1.15
    for low in np.arange(0.0, fork - 0.05, 0.4):
        shift = 0.03 * np.sin(low * 2)
        mesh.add(
            *tube((x + shift, y, low), (x + shift, y, min(low + 0.4, fork)), 0.15 - 0.012 * low, 0.15 - 0.012 * low, 9),
            bark,
        )
    for _ in range(6):
        end = np.array([x, y, fork]) + rng.normal(size=3) * (0.5, 0.5, 0.15) * crown + (0, 0, crown * 0.7)
        mesh.add(*tube((x, y, fork - 0.1), end, 0.07, 0.03, 6), bark)
    tint = np.array(
        [(0.30, 0.42, 0.15), (0.52, 0.42, 0.12), (0.58, 0.32, 0.10), (0.38, 0.44, 0.16)][int(rng.integers(4))]
    )
    center = np.array([x, y, height - crown * 0.85])
    _add_foliage(mesh, rng, center, np.array([crown, crown, crown * 0.85]), tint, 700)


def _add_bed(mesh: MeshBuilder, rng: np.random.Generator, center: Array) -> None:
    _ring(mesh, center, (BED_RADIUS, BED_RADIUS - 0.16), (0.0, 0.22), _STONE * 0.95)
    for dx, dy, size in ((0.0, 0.1, 0.75), (-0.75, 0.5, 0.5), (0.8, -0.35, 0.55), (0.1, -0.9, 0.42)):
        place, radii = np.array([center[0] + dx, center[1] + dy, size * 0.75]), np.array([size, size, size * 0.85])
        _add_foliage(mesh, rng, place, radii, np.array([0.20, 0.36, 0.14]), 140)
    blooms = np.array(
        [(0.62, 0.18, 0.22), (0.72, 0.60, 0.20), (0.52, 0.30, 0.55), (0.22, 0.36, 0.14), (0.22, 0.36, 0.14)]
    )
    for step in range(26):
        angle, radius = step * 2 * np.pi / 26 + rng.uniform(-0.1, 0.1), rng.uniform(1.55, 2.1)
        place = np.array([*(center + radius * np.array([np.cos(angle), np.sin(angle)])), 0.14])
        size = float(rng.uniform(0.12, 0.24))
        vertices, faces = ellipsoid(place, (size, size, size * 0.9), rows=5, sides=6)
        mesh.add(vertices, faces, blooms[int(rng.integers(5))] * rng.uniform(0.7, 1.2, size=(len(faces), 1)))


def _add_lamp(mesh: MeshBuilder, x: float, y: float, top: float, lit: bool) -> None:
    for low in np.arange(0.0, top - 0.05, 0.6):
        mesh.add(*tube((x, y, low), (x, y, min(low + 0.6, top)), 0.065, 0.06, 8), _IRON * 1.3)
    mesh.add(*tube((x, y, 0), (x, y, 0.35), 0.14, 0.09, 10), _IRON)
    glass = np.array([3.0, 2.5, 1.7]) if lit else np.array([0.78, 0.78, 0.74])
    mesh.add(*ellipsoid((x, y, LAMP_HEIGHT), (0.2, 0.2, 0.24), rows=7, sides=12), glass)
    mesh.add(*tube((x, y, LAMP_HEIGHT + 0.2), (x, y, LAMP_HEIGHT + 0.32), 0.22, 0.08, 12), _IRON)
    if top > LAMP_HEIGHT + 0.4:
        mesh.add(*box((x, y, top), (0.30, 0.16, 0.15), turn=float(np.arctan2(-y, -x))), np.array([0.82, 0.82, 0.80]))


def _add_kiosk(mesh: MeshBuilder, x: float, y: float) -> None:
    green, cream = np.array([0.16, 0.32, 0.25]), np.array([0.80, 0.74, 0.60])
    for level in np.arange(0.15, 2.35, 0.3):
        profile = [(x, y, level - 0.15, 1.35, 1.35), (x, y, min(level + 0.15, 2.4), 1.35, 1.35)]
        vertices, faces = loft(upright_rings(profile, 16), caps=False)
        opening = (level > 0.95) & (level < 2.1) & (np.arange(16) % 4 != 0)
        colors = np.where(
            opening[:, None], np.array([0.16, 0.17, 0.18]), green if level < 0.9 or level > 2.1 else cream
        )
        mesh.add(vertices, faces, colors)
    rows = [(x, y, 2.38, 1.85, 1.85), (x, y, 2.52, 1.8, 1.8), (x, y, 3.0, 0.7, 0.7), (x, y, 3.25, 0.12, 0.12)]
    vertices, faces = loft(upright_rings(rows, 16))
    stripes = np.where((np.arange(len(faces)) % 2 == 0)[:, None], green * 1.3, cream)
    mesh.add(vertices, faces, stripes)


def _add_car(mesh: MeshBuilder, x: float, y: float, turn: float, paint: Array) -> None:
    """A parked car: lower body, cabin with windows, wheels."""
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    for piece in np.linspace(-1.6, 1.6, 5):
        place = np.array([x, y]) + along * piece
        mesh.add(*box((*place, 0.58), (0.82, 1.72, 0.66), turn=turn), paint)
    cabin = np.array([x, y]) - along * 0.2
    mesh.add(*box((*cabin, 1.14), (2.2, 1.56, 0.48), turn=turn, taper=0.78), np.array([0.12, 0.15, 0.18]))
    mesh.add(*box((*cabin, 1.40), (1.7, 1.24, 0.05), turn=turn), paint)
    for end in (-1.25, 1.25):
        for side in (-0.84, 0.84):
            hub = np.array([x, y]) + along * end + across * side
            a, b = (*(hub - across * 0.06), 0.31), (*(hub + across * 0.06), 0.31)
            mesh.add(*tube(a, b, 0.31, 0.31, 14), np.array([0.06, 0.06, 0.07]))
            c, d = (*(hub - across * 0.07), 0.31), (*(hub + across * 0.07), 0.31)
            mesh.add(*tube(c, d, 0.17, 0.17, 10), np.array([0.55, 0.56, 0.58]))


def build_furniture(rng: np.random.Generator, lit: bool, camera_heights: Array) -> Mesh:
    """Everything that can stand in front of a person; `camera_heights` (5,) is how high the camera posts reach."""
    mesh = MeshBuilder()
    _add_fountain(mesh)
    for bed in BEDS:
        _add_bed(mesh, rng, bed)
    for x, y in TREES:
        _add_tree(mesh, rng, x, y, float(rng.uniform(5.2, 6.2)), float(rng.uniform(1.4, 1.7)))
    for x, y, turn in BENCHES:
        _add_bench(mesh, x, y, turn)
    for index, (x, y) in enumerate(LAMPS):
        top = float(camera_heights[index]) if index < len(camera_heights) else LAMP_HEIGHT
        _add_lamp(mesh, x, y, top, lit)
    _add_kiosk(mesh, *KIOSK)
    for x in np.arange(-16.0, 16.1, 2.0):
        for y in (-14.2, 14.2):
            if abs(x - 2) > 2.5:
                mesh.add(*tube((x, y, 0), (x, y, 0.85), 0.08, 0.07, 8), _IRON * 1.6)
    for x, y in BINS:
        mesh.add(*tube((x, y, 0), (x, y, 0.9), 0.22, 0.26, 12), np.array([0.20, 0.30, 0.24]))
    paints = np.array(
        [(0.55, 0.10, 0.10), (0.66, 0.68, 0.70), (0.14, 0.20, 0.34), (0.80, 0.80, 0.78), (0.10, 0.11, 0.12)]
    )
    places = (
        (-14.0, 16.4, 0.0),
        (-2.2, 16.4, 0.0),
        (10.8, 16.4, 0.0),
        (19.8, -1.0, 1.57),
        (19.8, 11.0, 1.57),
        (-19.9, 4.4, 1.57),
        (-19.9, -6.5, 1.57),
    )
    for number, (x, y, turn) in enumerate(places):
        _add_car(mesh, x, y, turn, paints[number % len(paints)])
    return mesh.build()


# x from, to, y from, to, height in meters, floors, wall color
_BUILDINGS = (
    (-34.0, -23.5, -22.0, -4.0, 13.0, 4, (0.72, 0.62, 0.50)),
    (-34.0, -23.5, 1.5, 7.5, 10.0, 3, (0.62, 0.40, 0.32)),
    (-34.0, -23.5, 11.5, 30.0, 14.0, 4, (0.70, 0.70, 0.68)),
    (-20.0, -10.5, 19.5, 30.0, 12.0, 4, (0.78, 0.72, 0.58)),
    (-10.5, 2.0, 19.5, 30.0, 10.0, 3, (0.58, 0.36, 0.30)),
    (8.0, 22.0, 19.5, 30.0, 13.5, 4, (0.66, 0.68, 0.72)),
    (23.5, 34.0, 7.5, 30.0, 12.0, 4, (0.74, 0.58, 0.46)),
    (23.5, 34.0, -4.0, 2.5, 9.5, 3, (0.80, 0.78, 0.72)),
    (23.5, 34.0, -24.0, -8.0, 13.0, 4, (0.56, 0.42, 0.36)),
    (10.0, 22.0, -30.0, -19.5, 11.0, 3, (0.74, 0.70, 0.60)),
    (-6.5, 5.0, -30.0, -19.5, 12.0, 4, (0.66, 0.56, 0.48)),
    (-22.0, -11.5, -30.0, -19.5, 10.0, 3, (0.62, 0.64, 0.60)),
    (-75.0, -62.0, -12.0, 12.0, 12.0, 3, (0.60, 0.60, 0.60)),
    (62.0, 75.0, -14.0, 16.0, 12.0, 3, (0.62, 0.58, 0.54)),
    (-14.0, 24.0, 62.0, 75.0, 12.0, 3, (0.60, 0.58, 0.58)),
    (-20.0, 20.0, -75.0, -62.0, 12.0, 3, (0.60, 0.58, 0.58)),
)


def _wall_frame(start: Array, end: Array) -> tuple[Array, Array, float]:
    """Direction along a wall, its outward normal and its length; walls run counter-clockwise around a house."""
    length = float(np.linalg.norm(end - start))
    along = (end - start) / length
    return np.array([*along, 0.0]), np.array([along[1], -along[0], 0.0]), length


class _Facade:
    """Draws rectangles on one wall, in meters along it and above the ground."""

    def __init__(self, mesh: MeshBuilder, start: Array, end: Array) -> None:
        self.mesh = mesh
        self.origin = np.array([*start, 0.0])
        self.along, self.normal, self.length = _wall_frame(start, end)

    def rectangle(self, left: float, right: float, low: float, high: float, color: Array, out: float = 0.0) -> None:
        """A flat piece of the wall, meters along it and above the ground, `out` meters before it."""
        corners = [(left, low), (right, low), (right, high), (left, high)]
        vertices = np.array([self.origin + self.along * u + (0, 0, v) + self.normal * out for u, v in corners])
        self.mesh.add(vertices, np.array([[0, 1, 2, 3]]), color)

    def ledge(self, left: float, right: float, low: float, high: float, color: Array, out: float) -> None:
        """A thing that sticks out: an awning, a cornice."""
        center = self.origin + self.along * (left + right) / 2 + self.normal * out / 2 + (0, 0, (low + high) / 2)
        turn = float(np.arctan2(self.along[1], self.along[0]))
        self.mesh.add(*box(center, (right - left, out, high - low), turn=turn), color)


def _add_window(
    facade: _Facade, rng: np.random.Generator, left: float, low: float, size: tuple[float, float], lit: bool
) -> None:
    wide, high = size
    glow = lit and rng.random() < 0.45
    glass = (
        np.array([1.25, 0.95, 0.50]) * rng.uniform(0.7, 1.2)
        if glow
        else np.array([0.20, 0.25, 0.31]) * rng.uniform(0.7, 1.3)
    )
    frame = np.array([0.82, 0.81, 0.78])
    facade.rectangle(left - 0.1, left + wide + 0.1, low - 0.1, low + high + 0.1, frame, 0.02)
    facade.rectangle(left, left + wide, low, low + high * 0.6, glass * 0.9, 0.03)
    facade.rectangle(left, left + wide, low + high * 0.6, low + high, glass * 1.15, 0.03)
    facade.rectangle(left + wide / 2 - 0.04, left + wide / 2 + 0.04, low, low + high, frame, 0.04)
    facade.ledge(left - 0.15, left + wide + 0.15, low - 0.2, low - 0.1, frame * 0.9, 0.16)


def _add_shop(facade: _Facade, rng: np.random.Generator, left: float, wide: float, lit: bool) -> None:
    """Ground floor of one bay: a door or a shop window, sometimes with an awning."""
    tints = np.array(
        [(0.55, 0.16, 0.14), (0.16, 0.34, 0.26), (0.18, 0.24, 0.42), (0.60, 0.48, 0.24), (0.30, 0.28, 0.27)]
    )
    tint = tints[int(rng.integers(5))]
    glass = np.array([1.3, 1.02, 0.6]) if lit and rng.random() < 0.6 else np.array([0.22, 0.26, 0.30])
    if rng.random() < 0.3:
        facade.rectangle(left + wide / 2 - 0.7, left + wide / 2 + 0.7, 0.0, 2.5, np.array([0.75, 0.73, 0.69]), 0.02)
        facade.rectangle(left + wide / 2 - 0.55, left + wide / 2 + 0.55, 0.05, 2.35, tint * 0.8, 0.03)
        facade.rectangle(left + wide / 2 - 0.4, left + wide / 2 + 0.4, 1.4, 2.2, glass * 0.8, 0.04)
        return
    facade.rectangle(left + 0.2, left + wide - 0.2, 0.3, 2.7, tint * 0.7, 0.02)
    for pane in range(2):
        first = left + 0.35 + pane * (wide - 0.6) / 2
        facade.rectangle(first, first + (wide - 0.9) / 2, 0.65, 2.5, glass * rng.uniform(0.8, 1.1), 0.03)
    facade.rectangle(left + 0.2, left + wide - 0.2, 2.7, 3.15, tint, 0.05)
    if rng.random() < 0.4:
        for stripe in range(6):
            first = left + 0.2 + stripe * (wide - 0.4) / 6
            color = tint * 1.2 if stripe % 2 else np.array([0.86, 0.84, 0.78])
            facade.ledge(first, first + (wide - 0.4) / 6, 2.52, 2.66, color, 0.9)


def _add_wall(facade: _Facade, rng: np.random.Generator, height: float, floors: int, wall: Array, lit: bool) -> None:
    bays = max(1, round(facade.length / 3.0))
    wide = facade.length / bays
    storey = (height - 3.4) / (floors - 1)
    # Walls first, what hangs on them afterwards: houses are drawn in this order.
    for bay in range(bays):
        left = bay * wide
        facade.rectangle(left, left + wide, 0.0, 3.4, wall * 0.86 * rng.uniform(0.97, 1.03))
        facade.rectangle(left, left + wide, 0.0, 0.35, np.array([0.36, 0.35, 0.34]), 0.01)
        for floor in range(floors - 1):
            low = 3.4 + floor * storey
            facade.rectangle(left, left + wide, low, low + storey, wall * rng.uniform(0.97, 1.03))
    for bay in range(bays):
        left = bay * wide
        for floor in range(floors - 1):
            low = 3.4 + floor * storey
            _add_window(facade, rng, left + wide / 2 - 0.6, low + 0.75, (1.2, min(1.7, storey - 1.2)), lit)
        facade.ledge(left, left + wide, 3.35, 3.5, wall * 0.8, 0.12)
        facade.ledge(left, left + wide, height - 0.3, height, wall * 0.75, 0.3)
        _add_shop(facade, rng, left, wide, lit)


_VIEWPOINTS = np.array([(-15.6, -13.2), (15.6, -13.2), (15.6, 12.0), (-15.6, 12.0)])


def build_buildings(rng: np.random.Generator, lit: bool) -> list[Mesh]:
    """The houses around the square and at the ends of the streets, walls that no camera sees left out.

    The faces of a house are in drawing order.
    """
    houses = []
    for west, east, south, north, height, floors, color in _BUILDINGS:
        mesh = MeshBuilder()
        corners = np.array([(west, south), (east, south), (east, north), (west, north)])
        for index in range(4):
            facade = _Facade(mesh, corners[index], corners[(index + 1) % 4])
            if np.any((_VIEWPOINTS - corners[index]) @ facade.normal[:2] > 0):
                _add_wall(facade, rng, height, floors, np.array(color), lit)
        houses.append(mesh.build())
    return houses


def building_footprints() -> NDArray[np.float64]:
    """(B, 5) west, east, south, north, height of the houses, meters."""
    return np.array([row[:5] for row in _BUILDINGS])
