"""Places under the open sky: street, square, car park, stairs, park. Each call draws a place of its own."""

import math
from collections.abc import Callable

import numpy as np

from datasets.rendering.builders import box, cylinder, ground, quad
from datasets.rendering.surface import Material, Surface, join, plain
from datasets.worlds.fronts import door, facade, poster, shop_front, sign
from datasets.worlds.outside import bicycle, car, hedge, stall, tree
from datasets.worlds.scenery import Place, Scenery
from datasets.worlds.textures import asphalt, brick, concrete, gravel, grey, lawn, paving, plaster
from datasets.worlds.things import bars, bench, bin_, bollard, column, post_sign, stack, street_lamp

Generator = np.random.Generator


def _wall_row(scenery: Scenery, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Building fronts from one point to another, with shops, doors and signs; they look to the left of the way."""
    rng = scenery.rng
    way = np.array(end) - start
    total = float(np.linalg.norm(way))
    unit = way / total
    out = np.array([-unit[1], unit[0]])
    at = 0.0
    while at < total - 0.5:
        width = min(float(rng.uniform(6, 16)), total - at)
        foot = np.array([*(start + unit * (at + width)), 0.0])  # pictures run against the way, to be read from its left
        edge = np.array([*(-unit * width), 0.0])
        height = float(rng.uniform(5, 20))
        base = float(rng.uniform(3.2, 4.5))
        recess = np.array([*(-out * float(rng.uniform(0, 0.4))), 0.0])
        front = Material(facade(rng), gloss=0.08)
        scenery.add(
            quad(foot + recess + (0, 0, base), edge, (0, 0, height), front, (max(1, round(width / 6)) / 2, height / 12))
        )
        if rng.random() < 0.6:
            shop = Material(shop_front(rng), gloss=0.15, emission=float(rng.choice([0, 0, 0.25])))
            scenery.add(quad(foot + recess, edge, (0, 0, base), shop, (max(1, round(width / 6)), 1)))
        else:
            wall = Material([brick, plaster, concrete][int(rng.choice(3, p=[0.35, 0.45, 0.2]))](rng))
            scenery.add(quad(foot + recess, edge, (0, 0, base), wall, (width / 1.6, base / 1.6)))
            place = foot + recess + edge * float(rng.uniform(0.2, 0.7)) + np.array([*(out * 0.03), 0.0])
            scenery.add(quad(place, (*-unit, 0), (0, 0, 2.1), Material(door(rng))))
            if rng.random() < 0.5:
                spot = foot + recess + edge * float(rng.uniform(0.0, 0.15)) + np.array([*(out * 0.04), 0.9])
                scenery.add(quad(spot, (*-unit, 0), (0, 0, 1.5), Material(poster(rng))))
        if rng.random() < 0.4:
            spot = foot + recess + edge * 0.3 + np.array([*(out * 0.1), base - 0.7])
            board = Material(sign(rng), emission=float(rng.choice([0, 0.6])))
            scenery.add(quad(spot, edge * 0.4, (0, 0, 0.6), board))
        at += width


def _enclose(scenery: Scenery, sides: tuple[bool, bool, bool, bool]) -> None:
    """Building fronts along the chosen edges (low y, high x, high y, low x), and far ones beyond the open edges."""
    (x0, y0), (x1, y1) = scenery.low, scenery.high
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    outward = [(0, -1), (1, 0), (0, 1), (-1, 0)]
    for side in range(4):
        start, end = np.array(corners[side]), np.array(corners[(side + 1) % 4])
        if not sides[side]:
            move = np.array(outward[side]) * float(scenery.rng.uniform(12, 40))
            along = (end - start) / np.linalg.norm(end - start) * 25
            start, end = start + move - along, end + move + along
        _wall_row(scenery, (float(start[0]), float(start[1])), (float(end[0]), float(end[1])))


def _far_ground(scenery: Scenery, material: Material, repeats: float) -> None:
    (x0, y0), (x1, y1) = scenery.low, scenery.high
    scenery.add(ground((x0 - 70, y0 - 70), (x1 + 70, y1 + 70), material, repeats, -0.03))


def _clutter(scenery: Scenery, count: int) -> None:
    """Things of the street anywhere where there is room."""
    makers: list[Callable[[Generator], Surface]] = [bin_, bollard, post_sign, bicycle, bench, stack, hedge]
    for _ in range(count):
        scenery.scatter(makers[int(scenery.rng.integers(len(makers)))], 1)


def _plant_trees(scenery: Scenery, count: int, gap: float = 0.6) -> None:
    """Trees whose trunks stand where there is room; a few models of tree are enough for a place."""
    models = [tree(scenery.rng) for _ in range(min(count, 3))]
    for _ in range(count):
        x, y = (float(scenery.rng.uniform(scenery.low[axis] + 1, scenery.high[axis] - 1)) for axis in (0, 1))
        marker = cylinder((0, 0, 0), (0, 0, 0.2), 0.28, plain((60, 50, 40)), sides=8)
        if scenery.try_put(marker, x, y, tall=True, gap=gap):
            model = models[int(scenery.rng.integers(len(models)))]
            scenery.add(model.moved(float(scenery.rng.uniform(0, 6)), (x, y, 0.0)))


def _lamps(scenery: Scenery, count: int) -> None:
    height = float(scenery.rng.uniform(3.5, 7))
    marker = cylinder((0, 0, 0), (0, 0, 0.1), 0.1, plain((40, 40, 40)), sides=6)
    for number in range(count):
        x = scenery.low[0] + (number + 0.5) / count * (scenery.high[0] - scenery.low[0])
        y = float(scenery.rng.uniform(scenery.low[1] + 1, scenery.high[1] - 1))
        if scenery.try_put(marker, x, y, gap=0.3):
            scenery.add(
                street_lamp(scenery.rng, height).moved(float(scenery.rng.choice([-1, 1])) * math.pi / 2, (x, y, 0.0))
            )
            scenery.lamp(x, y, height)


def street(rng: Generator) -> Place:
    """A road with sidewalks between buildings."""
    length, road, walk = float(rng.uniform(34, 50)), float(rng.uniform(5, 9)), float(rng.uniform(2.5, 6))
    wide = road / 2 + walk
    scenery = Scenery(rng, (-length / 2, -wide), (length / 2, wide))
    surface = Material(asphalt(rng))
    _far_ground(scenery, surface, 0.25)
    slabs = Material(paving(rng))
    scale = float(rng.uniform(0.3, 0.7))
    curb = plain(grey(rng, 120, 190))
    for side in (-1, 1):
        low, high = sorted((side * road / 2, side * wide))
        scenery.add(ground((-length, low), (length, high), slabs, scale, 0.0))
        low, high = sorted((side * road / 2, side * (road / 2 + 0.15)))
        scenery.add(box((-length, low, -0.1), (length, high, 0.015), curb))
        scenery.flow(
            (-length / 2, side * (road / 2 + walk * 0.55)), (length / 2, side * (road / 2 + walk * 0.55)), walk * 0.7
        )
    scenery.keep_clear((-length / 2, -road / 2), (length / 2, road / 2))
    white = plain(grey(rng, 190, 235))
    for x in np.arange(-length, length, 6.0):
        scenery.add(ground((x, -0.07), (x + 3, 0.07), white, height=-0.02))
    crossing = float(rng.uniform(-length / 4, length / 4))
    for y in np.arange(-road / 2 + 0.3, road / 2 - 0.4, 1.0):
        scenery.add(ground((crossing - 1.8, y), (crossing + 1.8, y + 0.5), white, height=-0.018))
    scenery.flow((crossing, -wide + 0.5), (crossing, wide - 0.5), 3.0)
    _enclose(scenery, (True, False, True, False))
    for side in (-1, 1):
        x = -length / 2 + 3
        while x < length / 2 - 3:
            if rng.random() < 0.45 and abs(x - crossing) > 5:
                scenery.put(car(rng), x, side * (road / 2 - 1.1), 0.0 if side < 0 else math.pi, tall=True)
            x += float(rng.uniform(5.2, 7))
    if rng.random() < 0.5:
        x = float(rng.uniform(-length / 3, length / 3))
        scenery.put(
            car(rng), x if abs(x - crossing) > 5 else x + 8, float(rng.choice([-1, 1])) * road / 6, math.pi, tall=True
        )
    _lamps(scenery, int(rng.integers(3, 6)))
    _plant_trees(scenery, int(rng.integers(0, 8)))
    _clutter(scenery, int(rng.integers(6, 16)))
    return scenery.finish("street")


def square(rng: Generator) -> Place:
    """A paved square with benches, trees and stalls, with buildings on some sides."""
    length, width = float(rng.uniform(24, 44)), float(rng.uniform(20, 34))
    scenery = Scenery(rng, (-length / 2, -width / 2), (length / 2, width / 2))
    _far_ground(scenery, Material(asphalt(rng)), 0.25)
    scenery.add(
        ground(
            (-length / 2 - 6, -width / 2),
            (length / 2 + 6, width / 2),
            Material(paving(rng)),
            float(rng.uniform(0.2, 0.6)),
        )
    )
    if rng.random() < 0.5:
        band = Material(paving(rng))
        scenery.add(ground((-length / 2, -2), (length / 2, 2), band, 0.5, 0.004))
    scenery.flow((-length / 2, float(rng.uniform(-4, 4))), (length / 2, float(rng.uniform(-4, 4))), 4.0)
    scenery.flow((float(rng.uniform(-6, 6)), -width / 2), (float(rng.uniform(-6, 6)), width / 2), 3.0)
    _enclose(scenery, (True, bool(rng.random() < 0.5), True, bool(rng.random() < 0.4)))
    if rng.random() < 0.6:
        radius = float(rng.uniform(1.2, 2.6))
        rim = Material(concrete(rng))
        basin = join(
            [
                cylinder((0, 0, 0), (0, 0, 0.45), radius, rim, (6, 0.3), sides=28),
                cylinder((0, 0, 0.4), (0, 0, 2.2), (0.4, 0.2), rim, sides=12),
                cylinder((0, 0, 0.45), (0, 0, 0.46), radius * 0.9, plain((70, 90, 100), gloss=0.8), sides=28),
            ]
        )
        scenery.try_put(basin, float(rng.uniform(-8, 8)), float(rng.uniform(-8, 8)))
    scenery.scatter(stall, int(rng.integers(0, 5)), tall=True)
    scenery.scatter(column, int(rng.integers(0, 3)), tall=True)
    benches(scenery, int(rng.integers(2, 7)))
    _lamps(scenery, int(rng.integers(2, 5)))
    _plant_trees(scenery, int(rng.integers(2, 10)))
    _clutter(scenery, int(rng.integers(4, 14)))
    return scenery.finish("square")


def benches(scenery: Scenery, count: int) -> None:
    """Benches with seats, where there is room."""
    rng = scenery.rng
    for _ in range(count):
        length = float(rng.uniform(1.4, 2.4))
        thing = bench(rng, length, bool(rng.random() < 0.7))
        for _ in range(6):
            x, y = (float(rng.uniform(scenery.low[axis] + 1, scenery.high[axis] - 1)) for axis in (0, 1))
            turn = float(rng.choice([0, 0.5, 1, 1.5])) * math.pi
            if scenery.try_put(thing, x, y, turn, gap=0.7):
                for along in np.linspace(-length / 2 + 0.35, length / 2 - 0.35, max(2, int(length / 0.65))):
                    scenery.sit(x - along * math.sin(turn), y + along * math.cos(turn), 0.45, turn)
                break


def car_park(rng: Generator) -> Place:
    """Cars in rows, with marked bays."""
    rows = int(rng.integers(2, 4))
    aisle, bay, pitch = float(rng.uniform(6, 8)), 5.0, float(rng.uniform(2.5, 3.0))
    length, width = float(rng.uniform(28, 44)), rows * (aisle + bay)
    scenery = Scenery(rng, (-length / 2, -width / 2), (length / 2, width / 2))
    _far_ground(scenery, Material(gravel(rng)), 0.4)
    scenery.add(
        ground((-length / 2 - 5, -width / 2 - 3), (length / 2 + 5, width / 2 + 3), Material(asphalt(rng)), 0.22)
    )
    white = plain(grey(rng, 180, 235))
    filled = float(rng.uniform(0.3, 0.9))
    for row in range(rows):
        y = -width / 2 + row * (aisle + bay) + bay / 2
        scenery.flow((-length / 2, y + bay / 2 + aisle / 2), (length / 2, y + bay / 2 + aisle / 2), aisle * 0.6)
        for x in np.arange(-length / 2 + pitch, length / 2 - pitch, pitch):
            scenery.add(
                ground((x - pitch / 2 - 0.05, y - bay / 2), (x - pitch / 2 + 0.05, y + bay / 2), white, height=0.004)
            )
            if rng.random() < filled:
                turn = float(rng.choice([-1, 1])) * math.pi / 2 + float(rng.normal(0, 0.03))
                scenery.put(car(rng), float(x), y + float(rng.normal(0, 0.15)), turn, tall=True)
    scenery.flow((length / 2 - 1.5, -width / 2), (length / 2 - 1.5, width / 2), 1.5)
    _enclose(scenery, (bool(rng.random() < 0.4), False, bool(rng.random() < 0.6), bool(rng.random() < 0.3)))
    _lamps(scenery, int(rng.integers(2, 5)))
    _plant_trees(scenery, int(rng.integers(0, 5)))
    _clutter(scenery, int(rng.integers(2, 9)))
    return scenery.finish("car park")


def stairs(rng: Generator) -> Place:
    """A broad flight of stairs beside a forecourt; people walk before it and stand on its lower ground."""
    length, width = float(rng.uniform(20, 32)), float(rng.uniform(12, 20))
    scenery = Scenery(rng, (-length / 2, -width / 2), (length / 2, width / 2))
    slabs, rock = Material(paving(rng)), Material(concrete(rng))
    _far_ground(scenery, Material(asphalt(rng)), 0.25)
    scenery.add(ground(scenery.low, scenery.high, slabs, float(rng.uniform(0.3, 0.7))))
    steps, rise, tread = int(rng.integers(8, 18)), 0.16, float(rng.uniform(0.3, 0.4))
    left, right = sorted(rng.uniform(-length / 2 + 2, length / 2 - 2, 2).tolist())
    right = max(right, left + 6)
    for step in range(steps):
        y = width / 2 - (steps - step) * tread
        scenery.add(box((left, y, 0), (right, width / 2, (step + 1) * rise), rock, 0.5))
    scenery.close((left, width / 2 - steps * tread), (right, width / 2))
    top = steps * rise
    scenery.add(box((-length / 2 - 20, width / 2, 0), (length / 2 + 20, width / 2 + 12, top), rock, 0.4))
    rail = plain(grey(rng, 60, 200), gloss=0.4)
    for x in (left + 0.1, (left + right) / 2, right - 0.1):
        low, high = (x, width / 2 - steps * tread, 0.95), (x, width / 2, top + 0.95)
        scenery.add(cylinder(low, high, 0.03, rail, sides=8))
        scenery.add(cylinder((low[0], low[1], 0), low, 0.03, rail, sides=8))
    for step in range(1, steps - 1, 2):
        for x in np.arange(left + 1, right - 1, 1.2):
            if rng.random() < 0.5:
                scenery.sit(float(x), width / 2 - (steps - step) * tread + 0.2, (step + 1) * rise, -math.pi / 2)
    scenery.flow((-length / 2, -width / 5), (length / 2, -width / 5), 4.0)
    _enclose(scenery, (bool(rng.random() < 0.5), bool(rng.random() < 0.5), False, bool(rng.random() < 0.5)))
    benches(scenery, int(rng.integers(0, 3)))
    _lamps(scenery, int(rng.integers(2, 4)))
    _plant_trees(scenery, int(rng.integers(0, 4)))
    _clutter(scenery, int(rng.integers(3, 10)))
    return scenery.finish("stairs")


def park(rng: Generator) -> Place:
    """Lawns with paths, trees, hedges and benches."""
    length, width = float(rng.uniform(26, 42)), float(rng.uniform(22, 36))
    scenery = Scenery(rng, (-length / 2, -width / 2), (length / 2, width / 2))
    _far_ground(scenery, Material(lawn(rng)), 0.3)
    path = Material(gravel(rng) if rng.random() < 0.6 else asphalt(rng))
    for _ in range(int(rng.integers(1, 4))):
        across = rng.random() < 0.5
        half = float(rng.uniform(1.0, 2.0))
        at, to = rng.uniform(-0.35, 0.35, 2) * (length if across else width)
        ends = (
            ((float(at), -width / 2), (float(to), width / 2))
            if across
            else ((-length / 2, float(at)), (length / 2, float(to)))
        )
        way = np.subtract(*ends[::-1])
        side = np.array([-way[1], way[0]]) / np.linalg.norm(way) * half
        corner = np.array(ends[0]) - side
        repeats = (float(np.linalg.norm(way)) * 0.3, half * 0.6)
        scenery.add(quad((*corner, 0.004), (*way, 0), (*(2 * side), 0), path, repeats, (8, 1)))
        scenery.flow(ends[0], ends[1], 2 * half)
    if rng.random() < 0.6:
        _enclose(scenery, (bool(rng.random() < 0.3), False, bool(rng.random() < 0.3), False))
    for _ in range(int(rng.integers(2, 9))):
        scenery.scatter(lambda chance: hedge(chance, float(chance.uniform(1, 6))), 1, tall=True)
    if rng.random() < 0.4:
        scenery.scatter(lambda chance: bars(chance, 6.0, 1.0), 2, gap=0.1)
    benches(scenery, int(rng.integers(2, 7)))
    _plant_trees(scenery, int(rng.integers(10, 24)))
    models = [tree(rng), tree(rng)]
    for edge in range(24):
        turn = edge / 24 * 2 * math.pi
        spot = (
            math.cos(turn) * length * float(rng.uniform(0.62, 0.9)),
            math.sin(turn) * width * float(rng.uniform(0.62, 0.9)),
            0.0,
        )
        scenery.add(models[edge % 2].moved(turn, spot))
    _lamps(scenery, int(rng.integers(1, 4)))
    _clutter(scenery, int(rng.integers(2, 8)))
    return scenery.finish("park")
