"""Places under a roof: hall, corridor, shop, platform, office. Each call draws a place of its own."""

import math

import numpy as np

from datasets.rendering.builders import box, ground, quad
from datasets.rendering.surface import Material, Surface, join, plain
from datasets.worlds.fronts import door, poster, screen, shop_front, sign
from datasets.worlds.outdoors import benches
from datasets.worlds.scenery import Place, Scenery
from datasets.worlds.textures import asphalt, brick, carpet, concrete, grey, masonry, plaster, stone, tiles, tone, wood
from datasets.worlds.things import (
    bars,
    bin_,
    block,
    chair,
    counter,
    desk,
    machine,
    pillar,
    plant,
    rack,
    shelf_unit,
    stack,
    table,
    two_sided,
)

Generator = np.random.Generator


def _floor(rng: Generator, soft: bool = False) -> Material:
    """A floor: stone or tiles that shine a little, wood, or carpet."""
    if soft and rng.random() < 0.6:
        return Material(carpet(rng))
    picture = [stone, tiles, wood, concrete][int(rng.choice(4, p=[0.35, 0.35, 0.15, 0.15]))](rng)
    return Material(picture, gloss=float(rng.uniform(0.05, 0.45)))


def _wall_material(rng: Generator) -> Material:
    return Material([plaster, tiles, brick, concrete][int(rng.choice(4, p=[0.5, 0.2, 0.1, 0.2]))](rng))


def _wall(
    scenery: Scenery, start: tuple[float, float], end: tuple[float, float], height: float, material: Material
) -> None:
    """A wall seen from the left of the way from start to end, with doors, posters, signs and panes."""
    rng = scenery.rng
    way = np.array([end[0] - start[0], end[1] - start[1], 0.0])
    total = float(np.linalg.norm(way))
    unit = way / total
    out = np.array([-unit[1], unit[0], 0.0])
    foot = np.array([*end, 0.0])
    scenery.add(quad(foot, -way, (0, 0, height), material, (total / 1.7, height / 1.7), (max(1, round(total / 4)), 1)))
    if rng.random() < 0.7:
        skirting = plain(grey(rng, 30, 230))
        scenery.add(quad(foot + 0.015 * out, -way, (0, 0, float(rng.uniform(0.08, 1.0))), skirting))
    at = float(rng.uniform(0.5, 2.5))
    while at < total - 2.2:
        choice, spot = rng.random(), foot - unit * at + 0.03 * out
        if choice < 0.35:
            scenery.add(quad(spot, -unit * 1.0, (0, 0, 2.1), Material(door(rng))))
            if rng.random() < 0.4:
                scenery.add(
                    quad(
                        spot + np.array([0, 0, 2.15]),
                        -unit * 0.9,
                        (0, 0, 0.25),
                        Material(sign(rng, 192, 48), emission=0.6),
                    )
                )
        elif choice < 0.65:
            size = float(rng.uniform(0.6, 1.3))
            lit = float(rng.choice([0, 0, 0.8]))
            scenery.add(
                quad(
                    spot + np.array([0, 0, 0.9]), -unit * size, (0, 0, size * 1.45), Material(poster(rng), emission=lit)
                )
            )
        elif choice < 0.8:
            scenery.add(
                quad(
                    spot + np.array([0, 0, min(1.9, height - 0.6)]),
                    -unit * 1.4,
                    (0, 0, 0.4),
                    Material(sign(rng), emission=float(rng.choice([0, 0.5]))),
                )
            )
        at += float(rng.uniform(1.6, 4.5))


def _room(scenery: Scenery, height: float, floor: Material, scale: float, lamps: tuple[int, int]) -> None:
    """Floor, ceiling with lamps, and four walls around the scenery."""
    rng = scenery.rng
    (x0, y0), (x1, y1) = scenery.low, scenery.high
    scenery.add(
        quad((x0, y0, 0), (x1 - x0, 0, 0), (0, y1 - y0, 0), floor, ((x1 - x0) * scale, (y1 - y0) * scale), (6, 6))
    )
    panels = masonry(
        rng, grey(rng, 150, 235), (2, 2), shift=0.0, joint=2, joint_shade=float(rng.uniform(0.7, 0.95)), variety=0.01
    )
    scenery.add(
        quad(
            (x0, y0, height),
            (0, y1 - y0, 0),
            (x1 - x0, 0, 0),
            Material(panels),
            ((y1 - y0) / 1.5, (x1 - x0) / 1.5),
            (6, 6),
        )
    )
    wall = _wall_material(rng)
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    for side in range(4):
        material = wall if rng.random() < 0.7 else _wall_material(rng)
        _wall(scenery, corners[side], corners[(side + 1) % 4], height, material)
    _ceiling_lamps(scenery, height, lamps)


def _ceiling_lamps(scenery: Scenery, height: float, count: tuple[int, int]) -> None:
    """Lamps in rows; the light that reaches people comes from a few of them."""
    rng = scenery.rng
    (x0, y0), (x1, y1) = scenery.low, scenery.high
    glow = plain(tone(rng, (0.08, 0.6), (0.0, 0.1), (0.95, 1.0)), emission=float(rng.uniform(1.0, 2.0)))
    long, wide = ((1.2, 0.15), (0.6, 0.6), (2.4, 0.25))[int(rng.integers(3))]
    for column in range(count[0]):
        for row in range(count[1]):
            x = x0 + (column + 0.5) / count[0] * (x1 - x0)
            y = y0 + (row + 0.5) / count[1] * (y1 - y0)
            scenery.add(quad((x - long / 2, y - wide / 2, height - 0.03), (0, wide, 0), (long, 0, 0), glow))
            scenery.lamp(x, y, height - 0.1)


def _window_side(scenery: Scenery, height: float) -> None:
    """A row of bright windows along the upper edge: light from behind for who stands before it."""
    rng = scenery.rng
    (x0, _), (x1, y1) = scenery.low, scenery.high
    sky = tone(rng, (0.52, 0.62), (0.0, 0.15), (0.9, 1.0))
    pane = plain(sky, emission=float(rng.uniform(1.0, 3.0)))
    step, base = float(rng.uniform(1.5, 3.5)), float(rng.choice([0.05, 0.9]))
    for x in np.arange(x0 + 0.4, x1 - step, step):
        scenery.add(quad((x + step - 0.15, y1 - 0.02, base), (-step + 0.15, 0, 0), (0, 0, height - base - 0.4), pane))


def hall(rng: Generator) -> Place:
    """The hall of a station or an airport: pillars, benches, machines, boards, shops."""
    length, width, height = float(rng.uniform(24, 40)), float(rng.uniform(16, 28)), float(rng.uniform(4, 8))
    scenery = Scenery(rng, (-length / 2, -width / 2), (length / 2, width / 2))
    _room(scenery, height, _floor(rng), float(rng.uniform(0.2, 0.6)), (4, 3))
    if rng.random() < 0.4:
        _window_side(scenery, height)
    shops = int(length / 6)
    for number in range(shops):
        if rng.random() < 0.5:
            x = -length / 2 + number * 6
            front = Material(shop_front(rng), gloss=0.2, emission=float(rng.uniform(0, 0.6)))
            scenery.add(quad((x + 6, -width / 2 + 0.05, 0), (-6, 0, 0), (0, 0, min(4.0, height)), front))
    scenery.flow((-length / 2, float(rng.uniform(-4, 4))), (length / 2, float(rng.uniform(-4, 4))), 4.0)
    scenery.flow((float(rng.uniform(-8, 8)), -width / 2), (float(rng.uniform(-8, 8)), width / 2), 3.0)
    step = float(rng.uniform(6, 9))
    model = pillar(rng, height)
    for x in np.arange(-length / 2 + step / 2, length / 2, step):
        for y in (-width / 4, width / 4):
            scenery.try_put(model, float(x), y, tall=True, gap=0.2)
    for _ in range(int(rng.integers(1, 4))):
        x, y, wide = (
            float(rng.uniform(-length / 3, length / 3)),
            float(rng.uniform(-width / 3, width / 3)),
            float(rng.uniform(1.5, 4)),
        )
        board = Material(screen(rng), emission=float(rng.uniform(0.4, 1.2)))
        turn = float(rng.choice([0, 0.5, 1, 1.5])) * math.pi
        face = quad((0.06, -wide / 2, 0), (0, wide, 0), (0, 0, wide * 0.45), board)
        back = box((-0.05, -wide / 2 - 0.05, -0.05), (0.05, wide / 2 + 0.05, wide * 0.45 + 0.05), plain((25, 25, 28)))
        scenery.add(join([face, back]).moved(turn, (x, y, min(height - 1.6, 3.2))))
    scenery.scatter(machine, int(rng.integers(1, 6)), tall=True)
    scenery.scatter(counter, int(rng.integers(0, 3)))
    benches(scenery, int(rng.integers(3, 9)))
    scenery.scatter(bin_, 4)
    scenery.scatter(plant, int(rng.integers(0, 5)))
    scenery.scatter(lambda chance: bars(chance, 3.0), int(rng.integers(0, 5)), gap=0.3)
    scenery.scatter(stack, int(rng.integers(0, 4)))
    return scenery.finish("hall", height)


def corridor(rng: Generator) -> Place:
    """A long passage with doors and posters on both sides."""
    length, width, height = float(rng.uniform(18, 36)), float(rng.uniform(2.4, 6)), float(rng.uniform(2.5, 3.4))
    scenery = Scenery(rng, (-length / 2, -width / 2), (length / 2, width / 2))
    _room(scenery, height, _floor(rng, soft=True), float(rng.uniform(0.3, 0.9)), (6, 1))
    scenery.flow((-length / 2 + 0.5, 0), (length / 2 - 0.5, 0), width * 0.6)
    if rng.random() < 0.3:
        end = plain((235, 240, 250), emission=float(rng.uniform(1.0, 4.0)))
        scenery.add(quad((length / 2 - 0.02, width / 2 - 0.3, 0.1), (0, -width + 0.6, 0), (0, 0, height - 0.5), end))
    for make in (bin_, plant, machine, stack, chair):
        if rng.random() < 0.5:
            for _ in range(int(rng.integers(1, 4))):
                side = float(rng.choice([-1, 1]))
                x = float(rng.uniform(-length / 2 + 1, length / 2 - 1))
                scenery.try_put(
                    make(rng), x, side * (width / 2 - 0.45), -side * math.pi / 2, gap=0.0, tall=make is machine
                )
    if width > 4:
        benches(scenery, 2)
    return scenery.finish("corridor", height)


def shop(rng: Generator) -> Place:
    """A shop: shelves or racks in rows, tills, goods."""
    length, width, height = float(rng.uniform(14, 26)), float(rng.uniform(11, 20)), float(rng.uniform(2.7, 4.2))
    scenery = Scenery(rng, (-length / 2, -width / 2), (length / 2, width / 2))
    _room(scenery, height, _floor(rng), float(rng.uniform(0.3, 0.8)), (4, 3))
    scenery.flow((-length / 2 + 1.2, -width / 2 + 1.2), (length / 2 - 1.2, -width / 2 + 1.2), 1.6)
    clothes = rng.random() < 0.4
    scenery.try_put(counter(rng), length / 2 - 3.5, -width / 2 + 3.2, math.pi, gap=0.3)
    aisle, turned = float(rng.uniform(1.9, 3.0)), rng.random() < 0.5
    models = [rack(rng) if clothes and rng.random() < 0.8 else shelf_unit(rng) for _ in range(7)]
    for x in np.arange(-length / 2 + 1.8, length / 2 - 1.2, aisle + 0.6):
        for y in np.arange(-width / 2 + 4.2, width / 2 - 1.5, 2.4):
            if rng.random() < 0.8:
                thing = models[int(rng.integers(len(models)))]
                turn = math.pi / 2 if turned and clothes else 0.0
                scenery.try_put(thing, float(x), float(y), turn, tall=not clothes, gap=0.12 if not clothes else 0.4)
    for make in (table, stack, plant, bin_):
        scenery.scatter(make, int(rng.integers(0, 3)))
    for _ in range(int(rng.integers(0, 5))):
        x, y = float(rng.uniform(-length / 3, length / 3)), float(rng.uniform(-width / 3, width / 3))
        board = two_sided(1.2, 0.5, Material(sign(rng)))
        scenery.add(board.moved(float(rng.choice([0, 0.5])) * math.pi, (x, y, height - 0.7)))
    if clothes:
        scenery.decoys(float(rng.uniform(2, 6)), ("mannequin", "headless mannequin", "bust"))
    return scenery.finish("shop", height)


def platform(rng: Generator) -> Place:
    """A railway platform beside a train or an open track, under a roof."""
    length, width, height = float(rng.uniform(26, 44)), float(rng.uniform(5, 10)), float(rng.uniform(3.4, 5))
    scenery = Scenery(rng, (-length / 2, -width / 2), (length / 2, width / 2))
    edge = width / 2
    _platform_shell(scenery, height)
    if rng.random() < 0.55:
        scenery.add(train(rng, length).moved(0.0, (0.0, edge + 0.12, 0.0)))
    _ceiling_lamps(scenery, height, (6, 1))
    scenery.flow((-length / 2, 0.8), (length / 2, 0.8), width * 0.5)
    model = pillar(rng, height)
    for x in np.arange(-length / 2 + 3, length / 2, float(rng.uniform(5, 8))):
        scenery.try_put(model, float(x), -edge * 0.45, tall=True, gap=0.1)
    for make in (machine, bin_, plant):
        for _ in range(int(rng.integers(0, 3))):
            x = float(rng.uniform(-length / 2, length / 2))
            scenery.try_put(make(rng), x, -edge + 0.6, math.pi / 2, gap=0.1, tall=make is machine)
    benches(scenery, int(rng.integers(2, 6)))
    for _ in range(int(rng.integers(1, 4))):
        name = Material(sign(rng, 384, 64), emission=float(rng.choice([0, 0.6])))
        at = (float(rng.uniform(-length / 2, length / 2)), 0.0, height - 0.8)
        scenery.add(two_sided(1.8, 0.35, name).moved(0.0, at))
    scenery.close((-length / 2, edge - 0.35), (length / 2, edge))
    return scenery.finish("platform", height)


def _platform_shell(scenery: Scenery, height: float) -> None:
    """The floor with its lines, the track beside it, walls, the ends and the roof."""
    rng, length, width = scenery.rng, scenery.high[0] - scenery.low[0], scenery.high[1] - scenery.low[1]
    edge, far, long = width / 2, length / 2 + 10, length + 20
    floor = Material(paved(rng), gloss=float(rng.uniform(0, 0.25)))
    scenery.add(quad((-far, -edge, 0), (long, 0, 0), (0, width, 0), floor, (long * 0.4, width * 0.4), (8, 2)))
    yellow = plain(tone(rng, (0.12, 0.16), (0.5, 0.9), (0.7, 0.9)))
    scenery.add(ground((-far, edge - 0.9), (far, edge - 0.7), plain(grey(rng, 200, 245)), height=0.004))
    scenery.add(ground((-far, edge - 0.6), (far, edge - 0.3), yellow, height=0.004))
    bed = Material(concrete(rng))
    scenery.add(ground((-length / 2 - 30, edge), (length / 2 + 30, edge + 6), bed, 0.4, -1.1))
    scenery.add(quad((-far, edge, -1.1), (long, 0, 0), (0, 0, 1.1), bed, (length / 3, 0.4)))
    for y in (edge + 0.8, edge + 2.25):
        scenery.add(box((-length, y - 0.04, -1.1), (length, y + 0.04, -0.95), plain((110, 100, 95), gloss=0.5)))
    _wall(scenery, (far, edge + 6), (-far, edge + 6), height + 1, _wall_material(rng))
    _wall(scenery, (-far, -edge), (far, -edge), height, _wall_material(rng))
    for x, turn in ((-far, 1), (far, -1)):
        dark = plain(grey(rng, 10, 80)) if rng.random() < 0.6 else plain((225, 235, 245), emission=1.5)
        low = -edge if turn > 0 else edge + 6
        scenery.add(quad((x, low, -1.1), (0, turn * (width + 6), 0), (0, 0, height + 1.1), dark))
    roof = Material(concrete(rng))
    scenery.add(quad((-far, -edge, height), (0, width + 6, 0), (long, 0, 0), roof, (width / 2, length / 2), (2, 8)))


def paved(rng: Generator) -> np.ndarray:
    """The floor of a platform."""
    return [stone, tiles, asphalt, concrete][int(rng.integers(4))](rng)


def train(rng: Generator, length: float) -> Surface:
    """The side of a train that stands at a platform, along x at y = 0."""
    body = plain(tone(rng, (0, 1), (0.0, 0.8), (0.35, 0.9)), gloss=0.4)
    stripe, glass = plain(tone(rng, (0, 1), (0.3, 0.9), (0.3, 0.9)), gloss=0.4), plain(grey(rng, 15, 70), gloss=0.8)
    lit = plain((240, 230, 200), emission=0.7)
    parts = [box((-length / 2 - 9, 0, -0.9), (length / 2 + 9, 2.6, 2.9), body)]
    parts.append(quad((length / 2 + 9, -0.01, 0.7), (-length - 18, 0, 0), (0, 0, 0.25), stripe))
    pane = lit if rng.random() < 0.4 else glass
    for x in np.arange(-length / 2 - 8, length / 2 + 8, 2.0):
        if round(x) % 3 == 0:
            parts.append(quad((x + 1.4, -0.015, 0.02), (-1.3, 0, 0), (0, 0, 2.1), stripe))
            parts.append(quad((x + 1.2, -0.02, 0.9), (-0.4, 0, 0), (0, 0, 1.0), pane))
        else:
            parts.append(quad((x + 1.6, -0.02, 1.1), (-1.4, 0, 0), (0, 0, 0.9), pane))
    return join(parts)


def office(rng: Generator) -> Place:
    """An office, a waiting room or a canteen: desks or tables with chairs."""
    length, width, height = float(rng.uniform(9, 20)), float(rng.uniform(8, 14)), float(rng.uniform(2.5, 3.2))
    scenery = Scenery(rng, (-length / 2, -width / 2), (length / 2, width / 2))
    _room(scenery, height, _floor(rng, soft=True), float(rng.uniform(0.3, 0.9)), (3, 2))
    if rng.random() < 0.6:
        _window_side(scenery, height)
    scenery.flow((-length / 2 + 0.8, 0), (length / 2 - 0.8, 0), 1.4)
    working = rng.random() < 0.6
    model = chair(rng)
    for x in np.arange(-length / 2 + 1.8, length / 2 - 1.2, float(rng.uniform(2.2, 3.0))):
        for y in np.arange(-width / 2 + 1.4, width / 2 - 0.8, 2.1):
            if rng.random() > 0.75 or not scenery.try_put(
                desk(rng) if working else table(rng), float(x), float(y), gap=0.05
            ):
                continue
            for end in (-1,) if working else (-1, 1):
                at = float(x) + end * 0.68
                scenery.put(model, at, float(y), 0.0 if end < 0 else math.pi)
                scenery.sit(at, float(y), 0.46, 0.0 if end < 0 else math.pi)
    for make in (shelf_unit, plant, bin_, stack, machine):
        for _ in range(int(rng.integers(0, 3))):
            side = float(rng.choice([-1, 1]))
            x = float(rng.uniform(-length / 2 + 1, length / 2 - 1))
            scenery.try_put(
                make(rng), x, side * (width / 2 - 0.5), -side * math.pi / 2, gap=0.0, tall=make is shelf_unit
            )
    if rng.random() < 0.5:
        x = float(rng.uniform(-length / 4, length / 4))
        screen_wall = block((x - 0.03, -width / 2, 0), (x + 0.03, -width / 2 + 2.5, 1.5), Material(carpet(rng)))
        scenery.try_put(screen_wall, 0, 0, gap=0.0)
    return scenery.finish("office", height)
