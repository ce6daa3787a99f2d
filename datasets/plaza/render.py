"""Draws people into the empty views and measures their silhouettes."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.plaza.background import OVERSAMPLING, Background, render_background
from datasets.plaza.cameras import PlazaCamera
from datasets.plaza.figure import build_figure
from datasets.plaza.ground import EXTENT, SHADOW_TEXEL, FloatImage, nearest_lamp, shrink
from datasets.plaza.light import LAMP_HEIGHT, Period
from datasets.plaza.looks import Look
from datasets.plaza.mesh import Array, Mesh, face_frames
from datasets.plaza.skeleton import cycling_pose, walking_pose
from datasets.plaza.walks import Placement

_FIGURE_OVERSAMPLING = 3
_PERSON, _GEAR = 255, 128


@dataclass(frozen=True, eq=False)
class Silhouette:
    """One drawn person.

    Args:
        person: The person's row in the list of looks.
        box: (4,) xyxy pixels around the whole figure without bicycle, whatever hides it; may reach out of the frame.
        visible: The share of the whole silhouette that is seen: inside the frame and not behind anything.
        inside: The share of the whole silhouette that lies inside the frame.
    """

    person: int
    box: NDArray[np.float64]
    visible: float
    inside: float


@dataclass(frozen=True, eq=False)
class _Sprite:
    """A drawn figure.

    Colors times coverage, coverage with gear, coverage of the person alone; where it goes, how far away it is (for
    the order of people) and how far each of its oversampled rows is (against furniture).
    """

    person: int
    colors: FloatImage
    cover: FloatImage
    body: FloatImage
    left: int
    top: int
    box: NDArray[np.float64]
    depth: float
    row_depths: FloatImage


def figure_in_world(look: Look, placement: Placement) -> tuple[Mesh, Array]:
    """The mesh of a person and its vertices (V, 3) in the world, meters."""
    mesh = build_figure(look)
    if look.bicycle:
        pose = cycling_pose(look.height, look.build, placement.way)
    else:
        pose = walking_pose(look.height, look.build, placement.way, vigour=placement.vigour)
    body = pose.apply(mesh.vertices, mesh.bones, mesh.weights)
    turn = placement.heading - np.pi / 2
    c, s = np.cos(turn), np.sin(turn)
    world = body @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    return mesh, world + np.array([placement.x, placement.y, 0.0])


def _corners(places: Array) -> tuple[Array, Array]:
    """The least and the largest coordinates (2,) of places (N, 2)."""
    coordinates = np.ascontiguousarray(places.T)  # numpy looks through the last axis ten times as fast as the first
    return coordinates.min(axis=1), coordinates.max(axis=1)


class FrameRenderer:
    """Renders the frames of one camera in one period.

    Args:
        camera: The camera whose view is rendered.
        period: The period of the day, which decides the light.
        looks: How each person looks; Placement.person is a row of this list.
        seed: The number that decides which world it is.
    """

    def __init__(self, camera: PlazaCamera, period: Period, looks: Sequence[Look], seed: int) -> None:
        self.camera, self.period, self.looks = camera, period, looks
        self.background: Background = render_background(camera, period, seed)

    def render(
        self, placements: Sequence[Placement], rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], list[Silhouette]]:
        """A frame (H, W, 3) uint8 RGB without caption, and everybody drawn in it.

        Args:
            placements: Who is where on the square.
            rng: The generator of the sensor's noise.
        """
        figures = [(placement, *figure_in_world(self.looks[placement.person], placement)) for placement in placements]
        figures = [figure for figure in figures if self._in_view(figure[2])]
        image = self._with_shadows(figures)
        sprites = [self._draw(*figure) for figure in figures]
        sprites.sort(key=lambda sprite: -sprite.depth)
        for sprite in sprites:
            self._composite(image, sprite)
        return self._expose(image, rng), self._measure(sprites)

    def _in_view(self, vertices: Array) -> bool:
        pixels, depth = self.camera.project(vertices)
        if depth.min() < 0.8:
            return False
        low, high = _corners(pixels)
        return bool(np.all(high > 0) and np.all(low < (self.camera.width, self.camera.height)))

    def _sunlit(self, x: float, y: float) -> float:
        rows, columns = self.background.sunlit.shape
        row = int(np.clip((y - EXTENT[1]) / SHADOW_TEXEL, 0, rows - 1))
        column = int(np.clip((x - EXTENT[0]) / SHADOW_TEXEL, 0, columns - 1))
        return float(self.background.sunlit[row, column])

    def _draw(self, placement: Placement, mesh: Mesh, vertices: Array) -> _Sprite:
        """Draws a figure alone, far faces first, into a patch of its own."""
        k = _FIGURE_OVERSAMPLING
        centers, normals = face_frames(vertices, mesh.faces)
        seen = np.flatnonzero(np.einsum("fi,fi->f", self.camera.position - centers, normals) > 0)
        pixels, _ = self.camera.project(vertices)
        depth = centers[seen] @ self.camera.rotation[2]
        order = seen[np.argsort(-depth, kind="stable")]
        # Every face a little lighter or darker: cloth has folds.
        folds = 1 + 0.05 * np.sin(np.arange(len(mesh.faces)) * 12.9898 + placement.way * 2)[order, None]
        lit = self.period.shade(
            mesh.colors[order] * folds, normals[order], centers[order], self._sunlit(placement.x, placement.y)
        )
        colors = np.round(self.camera.sensor.develop(lit) * 255)
        labels = np.where(mesh.gear[order], _GEAR, _PERSON)[:, None]
        low, high = _corners(pixels)
        left, top = np.floor(low).astype(int) - 1
        right, bottom = np.ceil(high).astype(int) + 1
        patch = np.zeros(((bottom - top) * k, (right - left) * k, 4), dtype=np.uint8)
        polygons = np.round(((pixels[mesh.faces[order]] - (left, top)) * k - 0.5) * 16).astype(np.int32)
        for polygon, color in zip(polygons, np.hstack([colors, labels]).tolist(), strict=True):
            cv2.fillConvexPoly(patch, polygon, color, cv2.LINE_8, 4)
        size = (right - left, bottom - top)
        cover = shrink(patch[..., 3] > 0, size)
        body = shrink(patch[..., 3] == _PERSON, size)
        color_sum = cv2.resize(patch[..., :3], size, interpolation=cv2.INTER_AREA).astype(np.float32)
        own = pixels[mesh.faces[seen[~mesh.gear[seen]]]].reshape(-1, 2)
        box = np.concatenate(_corners(own))
        # A camera that looks down sees the feet further away than the head: one depth would be wrong at a bench.
        spine = np.array([(placement.x, placement.y, z) for z in (2.2, 0.9, 0.0)])
        place, distance = self.camera.project(spine)
        rows = top + (np.arange((bottom - top) * OVERSAMPLING) + 0.5) / OVERSAMPLING
        row_depths = np.interp(rows, place[:, 1], distance).astype(np.float32)[:, None]
        return _Sprite(
            placement.person, color_sum, cover, body, int(left), int(top), box, float(distance[1]), row_depths
        )

    def _window(self, sprite: _Sprite) -> tuple[slice, slice, slice, slice]:
        """Rows and columns of the frame that a sprite covers, and the same in the sprite."""
        height, width = sprite.cover.shape
        top, left = max(0, sprite.top), max(0, sprite.left)
        bottom, right = min(self.camera.height, sprite.top + height), min(self.camera.width, sprite.left + width)
        return (
            slice(top, bottom),
            slice(left, right),
            slice(top - sprite.top, bottom - sprite.top),
            slice(left - sprite.left, right - sprite.left),
        )

    def _unhidden(self, sprite: _Sprite, rows: slice, columns: slice) -> FloatImage:
        """Share of each pixel of the window where no furniture stands in front of the sprite."""
        k = OVERSAMPLING
        depth = self.background.depth[rows.start * k : rows.stop * k, columns.start * k : columns.stop * k]
        first = (rows.start - sprite.top) * k
        behind = depth > sprite.row_depths[first : first + depth.shape[0]]
        return shrink(behind, (columns.stop - columns.start, rows.stop - rows.start))

    def _composite(self, image: NDArray[np.uint8], sprite: _Sprite) -> None:
        rows, columns, own_rows, own_columns = self._window(sprite)
        if rows.stop <= rows.start or columns.stop <= columns.start:
            return
        unhidden = self._unhidden(sprite, rows, columns)
        cover = (sprite.cover[own_rows, own_columns] * unhidden)[..., None]
        colors = sprite.colors[own_rows, own_columns] * unhidden[..., None]
        image[rows, columns] = np.round(image[rows, columns] * (1 - cover) + colors)

    def _measure(self, sprites: Sequence[_Sprite]) -> list[Silhouette]:
        """What is seen of everybody; sprites come far ones first."""
        hidden = np.zeros((self.camera.height, self.camera.width), dtype=np.float32)
        found = []
        for sprite in reversed(sprites):
            rows, columns, own_rows, own_columns = self._window(sprite)
            if rows.stop <= rows.start or columns.stop <= columns.start:
                continue
            whole = float(sprite.body.sum())
            body = sprite.body[own_rows, own_columns]
            unhidden = self._unhidden(sprite, rows, columns)
            seen = float((body * unhidden * (1 - hidden[rows, columns])).sum())
            found.append(Silhouette(sprite.person, sprite.box, seen / whole, float(body.sum()) / whole))
            hidden[rows, columns] = np.maximum(hidden[rows, columns], sprite.cover[own_rows, own_columns] * unhidden)
        return found

    def _with_shadows(self, figures: Sequence[tuple[Placement, Mesh, Array]]) -> NDArray[np.uint8]:
        """The background with everybody's shadow on the ground."""
        mask = np.zeros((self.camera.height, self.camera.width), dtype=np.uint8)
        low, high = np.array([self.camera.width, self.camera.height]), np.array([0, 0])
        homography = self.camera.ground_homography()
        for placement, mesh, vertices in figures:
            flat = self._cast(placement, vertices)
            pixels = flat @ homography[:, :2].T + homography[:, 2]
            if pixels[:, 2].min() < 0.5:
                continue
            pixels = pixels[:, :2] / pixels[:, 2:]
            # Every face covers what the one on the other side of the body covers too: half of them are enough.
            for polygon in np.round((pixels[mesh.faces[::2]] - 0.5) * 16).astype(np.int32):
                cv2.fillConvexPoly(mask, polygon, 255, cv2.LINE_8, 4)
            least, largest = _corners(pixels)
            low = np.minimum(low, np.floor(least) - 4)
            high = np.maximum(high, np.ceil(largest) + 4)
        image = self.background.image.copy()
        left, top = np.maximum(low, 0).astype(int)
        right, bottom = np.minimum(high, (self.camera.width, self.camera.height)).astype(int)
        if right <= left or bottom <= top:
            return image
        softness = self.camera.width / 640 * (2.0 if self.period.lamps else 0.8)
        part = cv2.GaussianBlur(mask[top:bottom, left:right], (0, 0), softness)[..., None].astype(np.float32) / 255
        bright = image[top:bottom, left:right]
        dark = self.background.shaded[top:bottom, left:right]
        image[top:bottom, left:right] = np.round(bright * (1 - part) + dark * part)
        return image

    def _cast(self, placement: Placement, vertices: Array) -> Array:
        """(V, 2) where the vertices' shadow falls on the ground."""
        if not self.period.lamps:
            sun = self.period.sun
            return vertices[:, :2] - sun[:2] * vertices[:, 2:3] / sun[2]
        lamp = nearest_lamp(placement.x, placement.y)
        share = LAMP_HEIGHT / np.maximum(LAMP_HEIGHT - vertices[:, 2:3], 1.2)
        return lamp + (vertices[:, :2] - lamp) * share

    def _expose(self, image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Lens blur, flicker and grain."""
        sensor = self.camera.sensor
        size = (self.camera.height, self.camera.width)
        blurred = cv2.GaussianBlur(image, (0, 0), max(0.25, sensor.blur * self.camera.width / 640))
        grain = sensor.noise * self.period.grain
        flicker = 1 + 0.012 * rng.standard_normal()
        noise = rng.standard_normal((*size, 1), dtype=np.float32) * np.float32(grain)
        coarse = rng.standard_normal((size[0] // 2, size[1] // 2, 3), dtype=np.float32) * np.float32(grain * 0.5)
        tinted = cv2.resize(coarse, (size[1], size[0]), interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)
        tinted += noise + blurred * np.float32(flicker)
        return np.clip(np.rint(tinted), 0, 255).astype(np.uint8)
