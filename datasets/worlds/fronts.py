"""Textures of what stands upright and has a face: building fronts, shop windows, doors, signs, shelves, screens."""

import cv2
import numpy as np

from datasets.worlds.textures import (
    Color,
    Picture,
    any_color,
    brick,
    concrete,
    grey,
    noise,
    plaster,
    soiled,
    tinted,
    tone,
)

WORDS = (
    "OPEN", "SALE", "CAFE", "BAR", "TAXI", "HOTEL", "BANK", "EXIT", "INFO", "TICKETS", "BAKERY", "OPTIK", "GATE",
    "SHOP", "PARKING", "FRESH", "NEW", "BOOKS", "FLOWERS", "PIZZA", "GRILL", "METRO", "TRAVEL", "PHONE", "SPORT",
    "PLATFORM", "LIFT", "WC", "24H", "CITY", "STYLE", "MARKET", "HAIR", "TOYS", "RENT", "WELCOME", "STOP", "P1", "P2",
)  # fmt: skip
"""What signs say."""


def _ink(rng: np.random.Generator, paper: Color) -> Color:
    """A color that can be read on the paper."""
    return grey(rng, 0, 45) if sum(paper) > 380 else grey(rng, 215, 255)


def write(rng: np.random.Generator, picture: Picture, text: str, ink: Color, fill: float = 0.8) -> None:
    """Writes a text into the middle of a picture (H, W, 3), as large as fits into the share `fill` of its width."""
    font = int(
        rng.choice(
            [cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_COMPLEX]
        )
    )
    height, width = picture.shape[:2]
    (wide, high), _ = cv2.getTextSize(text, font, 1.0, 2)
    scale = min(width * fill / max(wide, 1), height * 0.6 / max(high, 1))
    thickness = max(1, round(scale * float(rng.uniform(1.5, 4.0))))
    place = (round((width - wide * scale) / 2), round((height + high * scale) / 2))
    cv2.putText(picture, text, place, font, scale, ink, thickness, cv2.LINE_AA)


def sign(rng: np.random.Generator, width: int = 256, height: int = 96) -> Picture:
    """A sign with one or two words, perhaps with a frame and an arrow."""
    paper = any_color(rng) if rng.random() < 0.7 else grey(rng, 20, 250)
    picture = np.full((height, width, 3), paper, dtype=np.uint8)
    ink = _ink(rng, paper)
    words = [str(word) for word in rng.choice(WORDS, int(rng.integers(1, 3)))]
    for number, word in enumerate(words):
        write(rng, picture[number * height // len(words) : (number + 1) * height // len(words)], word, ink)
    if rng.random() < 0.4:
        cv2.rectangle(picture, (2, 2), (width - 3, height - 3), ink, 3)
    return picture


def poster(rng: np.random.Generator) -> Picture:
    """A poster: shapes, a picture that runs from color to color, and words."""
    height, width = 256, 176
    ends = np.asarray([any_color(rng), any_color(rng)], dtype=np.float32)
    slope = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    picture = np.broadcast_to(ends[0] * (1 - slope) + ends[1] * slope, (height, width, 3)).astype(np.uint8).copy()
    for _ in range(int(rng.integers(2, 8))):
        center = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        axes = (int(rng.integers(8, 70)), int(rng.integers(8, 90)))
        cv2.ellipse(picture, center, axes, float(rng.uniform(0, 180)), 0, 360, any_color(rng), -1, cv2.LINE_AA)
    for _ in range(int(rng.integers(1, 4))):
        top = int(rng.integers(0, height - 50))
        write(rng, picture[top : top + int(rng.integers(20, 50))], str(rng.choice(WORDS)), grey(rng, 0, 255), 0.9)
    return picture


def _pane(rng: np.random.Generator, picture: Picture, lit: float) -> None:
    """Glass: it mirrors the sky above, shows a dark room or a curtain, and is lit with the chance `lit`."""
    height, width = picture.shape[:2]
    if rng.random() < lit:
        color = tone(rng, (0.08, 0.15), (0.1, 0.5), (0.75, 1.0))
    else:
        color = tone(rng, (0.5, 0.65), (0.05, 0.3), (0.12, 0.5))
    slope = np.linspace(float(rng.uniform(1.0, 1.7)), float(rng.uniform(0.5, 1.0)), height, dtype=np.float32)[:, None]
    picture[:] = tinted(color, np.broadcast_to(slope, (height, width)))
    if rng.random() < 0.35:
        share = int(width * rng.uniform(0.15, 0.5))
        curtain = grey(rng, 130, 235)
        picture[:, :share] = curtain
        picture[:, width - share :] = curtain
    elif rng.random() < 0.3:
        picture[: int(height * rng.uniform(0.2, 0.9))] = grey(rng, 120, 220)


def facade(rng: np.random.Generator) -> Picture:
    """The front of a building, four floors of four windows (12 m x 12 m), or glass all over."""
    size, count = 512, 4
    cell = size // count
    lit = float(rng.choice([0.05, 0.3]))
    glass = rng.random() < 0.25
    wall = [brick, plaster, concrete][int(rng.choice(3, p=[0.35, 0.45, 0.2]))](rng)
    small = np.asarray(cv2.resize(wall, (64, 64), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    picture = np.tile(small, (8, 8, 1))
    wide, high = (0.96, 0.94) if glass else (float(rng.uniform(0.35, 0.75)), float(rng.uniform(0.45, 0.7)))
    w, h = int(cell * wide), int(cell * high)
    left, top = (cell - w) // 2, int((cell - h) * 0.4)
    frame = grey(rng, 30, 240)
    middle = rng.random() < 0.6
    for row in range(count):
        if rng.random() < 0.3 and not glass:
            cv2.rectangle(picture, (0, row * cell), (size, row * cell + 4), grey(rng, 90, 220), -1)
        for column in range(count):
            x, y = column * cell + left, row * cell + top
            _pane(rng, picture[y : y + h, x : x + w], lit)
            cv2.rectangle(picture, (x, y), (x + w, y + h), frame, 3)
            if middle:
                cv2.line(picture, (x + w // 2, y), (x + w // 2, y + h), frame, 2)
            if not glass:
                cv2.rectangle(picture, (x - 4, y + h), (x + w + 4, y + h + 4), grey(rng, 120, 220), -1)
    return soiled(rng, picture, 0.03)


def shop_front(rng: np.random.Generator) -> Picture:
    """The ground floor of a shop (6 m x 4 m): goods behind glass, a door, and a sign above."""
    width, height = 384, 256
    picture = np.full((height, width, 3), grey(rng, 30, 200), dtype=np.uint8)
    top, bottom = 60, height - int(rng.integers(4, 40))
    inside = picture[top:bottom, 10 : width - 10]
    glow = float(rng.uniform(0.4, 1.3))
    inside[:] = tinted(
        tone(rng, (0.05, 0.16), (0.05, 0.4), (0.2, 0.6)), np.full(inside.shape[:2], glow, dtype=np.float32)
    )
    goods(rng, inside[inside.shape[0] // 4 :], int(rng.integers(2, 4)))
    reflection = np.clip(noise(rng, 256, 1.8)[: inside.shape[0]], 0, 1)
    reflection = cv2.resize(reflection, (inside.shape[1], inside.shape[0]))[..., None] * float(rng.uniform(0.1, 0.6))
    inside[:] = (
        inside * (1 - reflection) + np.asarray(tone(rng, (0.5, 0.6), (0, 0.2), (0.5, 0.9))) * reflection
    ).astype(np.uint8)
    frame = grey(rng, 20, 220)
    for x in np.linspace(10, width - 10, int(rng.integers(3, 6))).astype(int):
        cv2.line(picture, (int(x), top), (int(x), bottom), frame, 4)
    door = int(rng.integers(20, width - 90))
    cv2.rectangle(picture, (door, top + 15), (door + 62, height), frame, 4)
    picture[:50] = cv2.resize(sign(rng, 384, 50), (width, 50))
    return picture


def goods(rng: np.random.Generator, picture: Picture, rows: int) -> None:
    """Fills a picture with shelves of boxes, bottles and garments."""
    height, width = picture.shape[:2]
    level = height // rows
    for row in range(rows):
        base = (row + 1) * level - 3
        x = 1
        while x < width - 4:
            color = any_color(rng)
            w = int(rng.integers(5, max(8, width // 16)))
            for _ in range(int(rng.integers(1, 5))):
                h = int(level * rng.uniform(0.35, 0.8))
                cv2.rectangle(picture, (x, base - h), (min(x + w, width), base), color, -1)
                if h > 12:
                    cv2.rectangle(
                        picture, (x + 1, base - h // 2), (min(x + w - 1, width), base - h // 3), any_color(rng), -1
                    )
                x += w + 1
            x += int(rng.integers(0, 6))
        cv2.rectangle(picture, (0, base), (width, base + 3), grey(rng, 60, 220), -1)


def shelf(rng: np.random.Generator) -> Picture:
    """The front of a shelf (2.5 m x 2 m)."""
    picture = np.full((256, 320, 3), grey(rng, 15, 90), dtype=np.uint8)
    goods(rng, picture, int(rng.integers(3, 6)))
    return picture


def door(rng: np.random.Generator) -> Picture:
    """A door in its frame, perhaps with a pane."""
    color = any_color(rng) if rng.random() < 0.4 else grey(rng, 60, 230)
    picture = soiled(rng, np.full((256, 256, 3), color, dtype=np.uint8), 0.02)[:, :120].copy()
    cv2.rectangle(picture, (0, 0), (119, 255), grey(rng, 20, 230), 8)
    if rng.random() < 0.5:
        _pane(rng, picture[30:120, 30:90], 0.4)
    cv2.circle(picture, (100, 140), 5, grey(rng, 120, 240), -1)
    return picture


def screen(rng: np.random.Generator) -> Picture:
    """A screen or departure board: bright, or dark with lines of text."""
    if rng.random() < 0.5:
        return np.asarray(cv2.resize(poster(rng), (256, 144)), dtype=np.uint8)
    picture = np.full((144, 256, 3), (12, 14, 22), dtype=np.uint8)
    ink = any_color(rng)
    for row in range(8):
        line = f"{rng.integers(24):02d}:{rng.integers(60):02d} {rng.choice(WORDS)} {rng.integers(1, 30)}"
        cv2.putText(picture, line, (8, 16 + row * 17), cv2.FONT_HERSHEY_SIMPLEX, 0.45, ink, 1, cv2.LINE_AA)
    return picture


def clothes_rack(rng: np.random.Generator) -> Picture:
    """Garments side by side on a rail: folds, colors, and no person (1.5 m x 1.3 m)."""
    width, height = 256, 220
    picture = np.full((height, width, 3), grey(rng, 20, 80), dtype=np.uint8)
    x = 0
    while x < width:
        w = int(rng.integers(8, 30))
        color = np.asarray(any_color(rng), dtype=np.float32)
        fold = 0.75 + 0.35 * np.sin(np.linspace(0, float(rng.uniform(2, 7)), w))
        length = int(height * rng.uniform(0.6, 0.98))
        part = picture[6:length, x : x + w]
        part[:] = np.clip(color * fold[None, : part.shape[1], None], 0, 255)
        x += w + 1
    picture[:5] = grey(rng, 130, 220)
    return picture
