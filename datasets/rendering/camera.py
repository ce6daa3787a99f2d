"""A camera with a simple wide-angle lens.

Camera coordinates are x right, y down, z along the optical axis. Pixel (0, 0) is the upper left corner of the upper
left pixel. Lens distortion follows the division model (Fitzgibbon, CVPR 2001): a point at distance r from the
middle of the picture came from distance r / (1 + distortion * r^2) of a pin-hole picture, where r is counted in halves
of the picture's diagonal.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

NEAR = 0.1
"""Meters; nothing closer to the camera than this is drawn."""

LEAST_DISTORTION = -0.6


@dataclass(frozen=True)
class Camera:
    """Where a camera is, where it looks and through which lens.

    Args:
        position: (3,) meters.
        yaw: Radians; 0 looks along +x, and it grows counter-clockwise seen from above.
        pitch: Radians; 0 looks level and positive values look down.
        roll: Radians; positive values turn the camera clockwise seen from behind it, so the picture turns
            counter-clockwise.
        focal: The focal length in pixels.
        width: The width of a frame in pixels.
        height: The height of a frame in pixels.
        distortion: The coefficient of the division model, in [-0.6, 0]. 0 is none; -0.1 bends straight lines
            visibly; -0.4 is a fish-eye.

    Raises:
        ValueError: A size or the focal length is not above 0, or the distortion is outside its range.

    >>> camera = Camera((0, 0, 2), yaw=0, pitch=0, roll=0, focal=100, width=200, height=100)
    >>> pixels, depth = camera.project([(10, 1, 2)])
    >>> pixels.tolist(), depth.tolist()
    ([[90.0, 50.0]], [10.0])
    """

    position: tuple[float, float, float]
    yaw: float
    pitch: float
    roll: float
    focal: float
    width: int
    height: int
    distortion: float = 0.0

    def __post_init__(self) -> None:
        if min(self.width, self.height, self.focal) <= 0:
            raise ValueError(
                f"camera has {self.width}x{self.height} pixels and focal length {self.focal}; give values above 0"
            )
        if not LEAST_DISTORTION <= self.distortion <= 0:
            raise ValueError(f"distortion is {self.distortion}; give a value in [{LEAST_DISTORTION}, 0]")

    @property
    def rotation(self) -> NDArray[np.float64]:
        """(3, 3) from world directions to camera directions: its rows are right, down and forward."""
        cos_yaw, sin_yaw = math.cos(self.yaw), math.sin(self.yaw)
        cos_pitch, sin_pitch = math.cos(self.pitch), math.sin(self.pitch)
        forward = np.array([cos_yaw * cos_pitch, sin_yaw * cos_pitch, -sin_pitch])
        right = np.array([sin_yaw, -cos_yaw, 0.0])
        down = np.cross(forward, right)
        cos_roll, sin_roll = math.cos(self.roll), math.sin(self.roll)
        return np.stack([cos_roll * right + sin_roll * down, cos_roll * down - sin_roll * right, forward])

    @property
    def radius(self) -> float:
        """Half of the picture's diagonal in pixels."""
        return math.hypot(self.width, self.height) / 2

    def project(self, points: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where points of the world appear.

        Args:
            points: (N, 3) meters.

        Returns:
            Pixels (N, 2), and the depth along the optical axis (N,) in meters. Where the depth is below `NEAR` the
            pixels mean nothing and are NaN.
        """
        inside = (np.asarray(points, dtype=np.float64).reshape(-1, 3) - self.position) @ self.rotation.T  # (N, 3)
        depth = inside[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            flat = np.where(depth[:, None] >= NEAR, self.focal * inside[:, :2] / depth[:, None], np.nan)
        far = np.hypot(flat[:, 0], flat[:, 1]) / self.radius
        bent = 2 / (1 + np.sqrt(1 - 4 * self.distortion * far**2))
        return flat * bent[:, None] + (self.width / 2, self.height / 2), depth

    def rays(self, pixels: ArrayLike) -> NDArray[np.float64]:
        """The directions (N, 3) of the world, of length 1, that pixels (N, 2) look along."""
        offset = np.asarray(pixels, dtype=np.float64).reshape(-1, 2) - (self.width / 2, self.height / 2)
        near = np.hypot(offset[:, 0], offset[:, 1]) / self.radius
        flat = offset / (1 + self.distortion * near**2)[:, None] / self.focal
        direction = np.concatenate([flat, np.ones((len(flat), 1))], axis=1) @ self.rotation
        return direction / np.linalg.norm(direction, axis=1, keepdims=True)
