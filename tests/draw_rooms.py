"""Draws docs/rooms.svg from the imports: five floors, their rooms, and an arrow from each room to those it imports."""

import sys
from html import escape
from pathlib import Path

from rooms import FLOORS, REPOSITORY, circles, imports_between_rooms, room_sizes

Graph = dict[str, dict[str, list[str]]]
FILE = REPOSITORY / "docs" / "rooms.svg"
WIDTH, MARGIN, LABEL = 1180, 24, 120
BOX_WIDTH, BOX_HEIGHT = 116, 46
FLOOR, GAP = 124, 34  # heights of a floor and of the space between two
TOP = 66
STYLE = """
text { font-family: Helvetica, Arial, "DejaVu Sans", sans-serif; fill: #1f2933; }
.title { font-size: 18px; font-weight: bold; }
.note { font-size: 12px; fill: #52606d; }
.floor { fill: #f1f4f7; }
.floor-name { font-size: 16px; font-weight: bold; }
.room { fill: #ffffff; stroke: #52606d; stroke-width: 1.2; }
.door { fill: #e6eefc; stroke: #52606d; stroke-width: 1.2; stroke-dasharray: 4 2; }
.name { font-size: 13px; text-anchor: middle; }
.size { font-size: 11px; text-anchor: middle; fill: #52606d; }
.inside { fill: none; stroke: #1f6feb; stroke-width: 1.3; }
.down { stroke: #7b8794; stroke-width: 5; }
.circle { fill: none; stroke: #d1242f; stroke-width: 2.2; }
"""
HEADS = (("blue", "#1f6feb", 8), ("grey", "#7b8794", 3), ("red", "#d1242f", 5))


def is_door(room: str) -> bool:
    """Whether it is the front door of a package, not a room behind it."""
    return room.endswith("/__init__")


def floor_of(room: str) -> int:
    """The floor on which a room lies, 0 for the lowest."""
    return FLOORS.index(room.split("/")[0])


def heights(graph: Graph) -> dict[str, int]:
    """The longest way from each room down through the rooms of its floor, 0 for one that imports none of them."""
    together = [set(circle) for circle in circles(graph)]
    below = {
        room: [
            one
            for one in graph[room]
            if floor_of(one) == floor_of(room) and not any({room, one} <= circle for circle in together)
        ]
        for room in graph
    }
    known = dict.fromkeys(graph, 0)
    for _ in graph:
        known = {room: max((known[one] + 1 for one in below[room]), default=0) for room in graph}
    return known


def corners(graph: Graph) -> dict[str, tuple[float, float]]:
    """The left upper corner of every room's box: on each floor the lowest room at the left, the front door last."""
    height = heights(graph)
    found = {}
    for floor in range(len(FLOORS)):
        rooms = [room for room in graph if floor_of(room) == floor]
        rooms.sort(key=lambda room: (is_door(room), height[room], room))
        top = TOP + (len(FLOORS) - 1 - floor) * (FLOOR + GAP) + FLOOR - BOX_HEIGHT - 12
        space = (WIDTH - 2 * MARGIN - LABEL) / max(len(rooms), 1)
        for number, room in enumerate(rooms):
            found[room] = (MARGIN + LABEL + space * number + (space - BOX_WIDTH) / 2, top)
    return found


def arrow(start: tuple[float, float], end: tuple[float, float], red: bool) -> str:
    """An arch over the boxes of one floor; between floors, where only an import upwards is drawn, a line."""
    (x1, y1), (x2, y2) = start, end
    shift = 16 if x1 > x2 else -16
    begin, finish = x1 + BOX_WIDTH / 2 - shift, x2 + BOX_WIDTH / 2 + shift
    rise = min(20 + 0.075 * abs(begin - finish), 68) if y1 == y2 else 0
    path = f"M{begin:.1f} {y1:.1f} C{begin:.1f} {y1 - rise:.1f} {finish:.1f} {y2 - rise:.1f} {finish:.1f} {y2:.1f}"
    kind, head = ("circle", "red") if red else ("inside", "blue")
    return f'<path class="{kind}" d="{path}" marker-end="url(#{head})"/>'


def box(room: str, corner: tuple[float, float], size: int, uses: list[str]) -> list[str]:
    """A room with its name and number of files; the pointer resting on it shows all that it imports."""
    left, top = corner
    if is_door(room):
        kind, name, below = "door", "front door", "names for others"
    else:
        kind, name, below = "room", room.split("/", 1)[-1], f"{size} file{'s' if size != 1 else ''}"
        below += "" if "/" in room else " at its top"
    middle = left + BOX_WIDTH / 2
    return [
        f"<g><title>{escape(room)} imports {escape(', '.join(sorted(uses)) or 'no other room')}</title>",
        f'<rect class="{kind}" x="{left:.1f}" y="{top:.1f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="5"/>',
        f'<text class="name" x="{middle:.1f}" y="{top + 20:.1f}">{escape(name)}</text>',
        f'<text class="size" x="{middle:.1f}" y="{top + 36:.1f}">{below}</text></g>',
    ]


def floor(number: int, graph: Graph) -> list[str]:
    """The ground of a floor, and the arrow to the floors below with what is imported from them."""
    package = FLOORS[number]
    top = TOP + (len(FLOORS) - 1 - number) * (FLOOR + GAP)
    wide = WIDTH - 2 * MARGIN
    lines = [
        f'<rect class="floor" x="{MARGIN}" y="{top}" width="{wide}" height="{FLOOR}" rx="8"/>',
        f'<text class="floor-name" x="{MARGIN + 16}" y="{top + FLOOR - 30}">{package}</text>',
    ]
    used = {one for room in graph if floor_of(room) == number for one in graph[room] if floor_of(one) < number}
    below = [name for name in reversed(FLOORS[:number]) if any(one.split("/")[0] == name for one in used)]
    if below:
        x, y = WIDTH / 2, top + FLOOR
        lines.append(f'<path class="down" d="M{x} {y + 3} L{x} {y + GAP - 12}" marker-end="url(#grey)"/>')
        named = ", ".join(below[:-1]) + f" and {below[-1]}" if below[1:] else below[0]
        lines.append(f'<text class="note" x="{x + 22}" y="{y + GAP / 2 + 4}">{package} imports {named}</text>')
    return lines


def drawing(graph: Graph, sizes: dict[str, int]) -> str:
    """The picture as SVG."""
    circled = [set(circle) for circle in circles(graph)]
    place = corners(graph)
    bottom = TOP + len(FLOORS) * FLOOR + (len(FLOORS) - 1) * GAP
    size = f'width="{WIDTH}" height="{bottom + 60}"'
    heads = [
        f'<marker id="{name}" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="{wide}" markerHeight="{wide}" '
        f'orient="auto"><path d="M0 1 L7 4 L0 7 z" fill="{color}"/></marker>'
        for name, color, wide in HEADS
    ]
    count, rooms = sum(sizes.values()), sum(not is_door(room) for room in sizes)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 60}" {size}>',
        f"<style>{STYLE}</style>",
        "<defs>",
        *heads,
        "</defs>",
        f'<rect {size} fill="#ffffff"/>',
        f'<text class="title" x="{MARGIN}" y="32">The rooms of personsearch, drawn from the imports</text>',
        f'<text class="note" x="{MARGIN}" y="52">{count} files in {rooms} rooms. '
        "An arrow goes from what imports to what is imported.</text>",
    ]
    for number in range(len(FLOORS)):
        lines += floor(number, graph)
    for start in graph:
        for end in graph[start]:
            red = any({start, end} <= circle for circle in circled)
            if red or (floor_of(start) == floor_of(end) and not is_door(start)):
                lines.append(arrow(place[start], place[end], red))
    used = {one for uses in graph.values() for one in uses}
    for room in graph:
        if is_door(room) and not graph[room] and room not in used:
            continue
        lines += box(room, place[room], sizes[room], list(graph[room]))
    red_note = "these rooms import each other." if circled else "would be rooms that import each other; there are none."
    lines += [
        f'<text class="note" x="{MARGIN}" y="{bottom + 24}">Blue: imports within a floor. Rest the pointer on a room '
        "to see all that it imports, also from the floors below.</text>",
        f'<text class="note" x="{MARGIN}" y="{bottom + 42}">Red: {red_note}</text>',
    ]
    return "\n".join([*lines, "</svg>"]) + "\n"


def main(file: Path = FILE) -> int:
    """Write the drawing; exit status 1 where rooms stand in a circle."""
    graph = imports_between_rooms()
    file.parent.mkdir(exist_ok=True)
    file.write_text(drawing(graph, room_sizes()), encoding="utf-8")
    print(f"{file.relative_to(REPOSITORY)}: {sum(not is_door(room) for room in graph)} rooms")
    for circle in circles(graph):
        print(f"these rooms import each other: {', '.join(circle)}", file=sys.stderr)
    return int(bool(circles(graph)))


if __name__ == "__main__":
    sys.exit(main())
