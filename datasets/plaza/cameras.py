"""Five calibrated pin-hole cameras on lamp posts around the square.

World coordinates are meters: x east, y north, z up, z = 0 the ground. Camera coordinates are x right, y down,
z along the optical axis. Pixel (0, 0) is the upper left corner of the upper left pixel.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MIN_FRAME_WIDTH = 160


@dataclass(frozen=True)
class Sensor:
    """What a camera does to colors.

    Args:
        gains: Red, green, blue factors (white balance and cast).
        gamma: Exponent on values in [0, 1]; above 1 darkens.
        saturation: 0 gray, 1 unchanged.
        noise: Standard deviation of the grain at noon, in gray levels of 255.
        blur: Standard deviation of the lens blur in pixels of a frame 640 wide.
        jpeg_quality: 1 .. 100.
    """

    gains: tuple[float, float, float]
    gamma: float
    saturation: float
    noise: float
    blur: float
    jpeg_quality: int

    def develop(self, colors: NDArray[np.floating]) -> NDArray[np.float32]:
        """Scene colors (..., 3) in [0, 1] and above, as this camera shows them in [0, 1]."""
        balanced = np.asarray(colors, dtype=np.float32) * np.asarray(self.gains, dtype=np.float32)
        grey = balanced.mean(axis=-1, keepdims=True)
        balanced = grey + (balanced - grey) * np.float32(self.saturation)
        # A soft shoulder keeps sunlit walls and lamps from clipping to flat white.
        over = np.maximum(balanced - 0.75, 0)
        balanced = np.minimum(balanced, 0.75) + 0.25 * over / (over + 0.25)
        return np.power(np.clip(balanced, 0, 1), np.float32(self.gamma))


@dataclass(frozen=True, eq=False)
class PlazaCamera:
    """A calibrated camera: x_camera = rotation @ x_world + translation, pixels = intrinsics @ x_camera.

    Args:
        camera_id: 1 .. 5.
        width: The width of a frame in pixels.
        height: The height of a frame in pixels.
        intrinsics: (3, 3) K.
        rotation: (3, 3) R.
        translation: (3,) t, meters.
        sensor: Colors, noise and compression.
    """

    camera_id: int
    width: int
    height: int
    intrinsics: Array
    rotation: Array
    translation: Array
    sensor: Sensor

    @property
    def position(self) -> Array:
        """(3,) optical center in the world, meters."""
        return -self.rotation.T @ self.translation

    @property
    def focal(self) -> float:
        """Focal length in pixels."""
        return float(self.intrinsics[0, 0])

    def to_camera(self, points: Array) -> Array:
        """World points (..., 3) in camera coordinates (..., 3); the last column is the depth in meters."""
        return points @ self.rotation.T + self.translation

    def project(self, points: Array) -> tuple[Array, Array]:
        """Pixels (..., 2) and depths (...,) of world points (..., 3); pixels mean nothing at depth <= 0."""
        local = self.to_camera(points)
        depth = local[..., 2]
        safe = np.where(np.abs(depth) < 1e-9, 1e-9, depth)[..., None]
        return local[..., :2] / safe * self.focal + self.intrinsics[:2, 2], depth

    def ground_homography(self) -> Array:
        """(3, 3) homography from ground (x, y, 1) in meters to homogeneous pixels."""
        columns = np.column_stack([self.rotation[:, 0], self.rotation[:, 1], self.translation])
        return self.intrinsics @ columns

    def to_ground(self, pixels: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Ground points (..., 2) under pixels (..., 2), and whether the ray meets the ground at all."""
        ray = np.concatenate([(pixels - self.intrinsics[:2, 2]) / self.focal, np.ones((*pixels.shape[:-1], 1))], -1)
        ray = ray @ self.rotation
        meets = ray[..., 2] < -1e-6
        down = np.where(meets, -ray[..., 2], 1.0)
        scale = self.position[2] / down
        return self.position[:2] + ray[..., :2] * scale[..., None], meets


def look_at(position: Array, target: Array) -> tuple[Array, Array]:
    """Rotation (3, 3) and translation (3,) of a level camera at `position` that looks at `target`."""
    forward = (target - position) / np.linalg.norm(target - position)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    return rotation, -rotation @ position


# camera: position, point looked at, focal length in frame widths, sensor
_PLACES: tuple[tuple[tuple[float, float, float], tuple[float, float, float], float, Sensor], ...] = (
    ((-15.4, -11.5, 5.6), (-3.0, -2.4, 1.0), 0.92, Sensor((1.00, 1.00, 0.98), 1.00, 1.00, 2.2, 0.45, 90)),
    ((15.5, -10.3, 6.2), (6.6, -1.6, 0.8), 1.02, Sensor((1.07, 1.00, 0.90), 1.08, 0.92, 2.8, 0.55, 86)),
    ((14.5, 11.6, 5.0), (6.0, 4.8, 1.0), 1.12, Sensor((0.97, 1.02, 1.00), 0.92, 0.85, 2.4, 0.40, 90)),
    ((-13.3, 11.7, 6.8), (-4.8, 2.8, 0.4), 0.96, Sensor((0.98, 0.97, 1.05), 1.12, 1.08, 3.2, 0.60, 84)),
    ((1.2, -13.0, 5.2), (-0.6, -2.6, 0.8), 1.00, Sensor((0.80, 0.94, 1.22), 1.04, 0.80, 3.8, 0.35, 80)),
)


def plaza_cameras(frame_width: int) -> list[PlazaCamera]:
    """The five cameras; camera 5 is the small one, half as wide, 2:1, with a blue cast.

    Args:
        frame_width: The width in pixels of the frames of cameras 1 to 4, which are 16:9; at least 160.

    Raises:
        ValueError: The width is too small to show a person.
    """
    if frame_width < MIN_FRAME_WIDTH:
        raise ValueError(
            f"frame_width is {frame_width}, expected at least {MIN_FRAME_WIDTH} pixels: give a larger width"
        )
    cameras = []
    for index, (position, target, focal_widths, sensor) in enumerate(_PLACES):
        small = index == len(_PLACES) - 1
        width = frame_width // 2 if small else frame_width
        height = width // 2 if small else round(width * 9 / 16)
        focal = focal_widths * width
        intrinsics = np.array([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])
        rotation, translation = look_at(np.array(position), np.array(target))
        cameras.append(PlazaCamera(index + 1, width, height, intrinsics, rotation, translation, sensor))
    return cameras
