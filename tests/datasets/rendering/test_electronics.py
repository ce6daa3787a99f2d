"""Sensors, weather and video: each setting does what it says, and chance comes from the seed alone."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datasets.rendering import (
    Camera,
    Light,
    Sensor,
    View,
    Weather,
    draw_sensor,
    draw_weather,
    join,
    plain,
    sense,
    through,
    through_video,
    wet,
)

CLEAN = Sensor(adapts=0, jpeg_quality=100)


def scene(seed: int = 0) -> np.ndarray:
    coarse = np.random.default_rng(seed).uniform(0.02, 0.8, (9, 12, 3)).astype(np.float32)
    return coarse.repeat(10, 0).repeat(10, 1)


def recorded(image: np.ndarray, sensor: Sensor = CLEAN) -> np.ndarray:
    return sense(image, sensor, np.random.default_rng(3)).astype(np.float64)


def test_more_light_is_brighter_and_grey_stays_grey() -> None:
    levels = np.linspace(0.001, 2, 40, dtype=np.float32)
    flat = [np.full((16, 16, 3), level, np.float32) for level in levels]
    shown = np.array([recorded(each, replace(CLEAN, exposure=0.17 / 0.17)).mean((0, 1)) for each in flat])
    assert (np.diff(shown[:, 1]) >= 0).all()
    assert np.ptp(shown, axis=1).max() <= 1


def test_exposure_adapts_to_the_scene() -> None:
    dark, bright = scene() * 0.1, scene() * 2
    fixed = recorded(bright).mean() - recorded(dark).mean()
    adapted = recorded(bright, replace(CLEAN, adapts=1)).mean() - recorded(dark, replace(CLEAN, adapts=1)).mean()
    assert abs(adapted) < 0.1 * fixed


@pytest.mark.parametrize(
    ("change", "measure", "grows"),
    [
        ({"blur": 2.0}, lambda p: np.abs(np.diff(p, axis=1)).max(), False),
        ({"motion": (7.0, 0.0)}, lambda p: np.abs(np.diff(p, axis=1)).max(), False),
        ({"noise": 0.05}, lambda p: p[2:8, 2:8, 1].std(), True),
        ({"blotches": 0.05}, lambda p: (p[2:8, 2:8, 0] - p[2:8, 2:8, 2]).std(), True),
        ({"saturation": 0.0}, lambda p: np.ptp(p, axis=2).mean(), False),
        ({"gains": (1.5, 1.0, 0.7)}, lambda p: (p[..., 0] - p[..., 2]).mean(), True),
        ({"vignette": 0.4}, lambda p: p[:10].mean() - p[40:50].mean(), False),
        ({"sharpening": 1.5}, lambda p: p.std(), True),
        ({"scale": 0.3}, lambda p: np.abs(np.diff(p, axis=1)).max(), False),
        ({"black": 0.15}, lambda p: p.min(), True),
        ({"contrast": 1.4}, lambda p: p.std(), True),
        ({"glow": 0.3}, lambda p: p.std(), False),
        ({"jpeg_quality": 10}, lambda p: p[2:8, 2:8].std(axis=(0, 1)).mean(), True),
        ({"interlace": 3.0}, lambda p: np.abs(np.diff(p[:10], axis=0)).mean(), True),
    ],
)
def test_each_setting_does_what_it_says(change: dict[str, object], measure: object, grows: bool) -> None:
    before, after = measure(recorded(scene())), measure(recorded(scene(), replace(CLEAN, **change)))  # type: ignore
    assert (after > before) == grows
    assert after != before


def test_sensors_and_weather_come_from_the_seed_alone() -> None:
    sensors = [draw_sensor(np.random.default_rng(seed)) for seed in range(40)]
    assert sensors == [draw_sensor(np.random.default_rng(seed)) for seed in range(40)]
    assert len({sensor.jpeg_quality for sensor in sensors}) > 15
    assert draw_sensor(np.random.default_rng(0), grey=True).saturation == 0
    weathers = [draw_weather(np.random.default_rng(seed)) for seed in range(80)]
    assert any(each.rain for each in weathers)
    assert any(each.snow for each in weathers)
    for sensor in sensors[:6]:
        first, second = (sense(scene(), sensor, np.random.default_rng(1)) for _ in range(2))
        assert first.tobytes() == second.tobytes()
        assert first.shape == (90, 120, 3)
        assert first.dtype == np.uint8


def test_fog_swallows_what_is_far() -> None:
    depth = np.full((90, 120), 2.0, dtype=np.float32)
    depth[:, 60:] = 200
    seen = through(scene(), depth, Weather(fog=0.03), np.random.default_rng(0))
    assert seen[:, 60:].std() < 0.05
    assert seen[:, :60].std() > 0.8 * scene()[:, :60].std()
    endless = through(scene(), np.full((90, 120), np.inf, np.float32), Weather(fog=0.03), np.random.default_rng(0))
    assert np.isfinite(endless).all()


@pytest.mark.parametrize("weather", [Weather(rain=1), Weather(snow=1), Weather(dirt=1), Weather(drops=3)])
def test_weather_changes_some_of_the_picture_and_never_its_source(weather: Weather) -> None:
    image, depth = scene(), np.ones((90, 120), dtype=np.float32)
    seen = through(image, depth, weather, np.random.default_rng(0))
    changed = np.abs(seen - image).max(axis=2) > 1e-3
    assert changed.mean() > 0.005
    assert seen.min() >= 0
    np.testing.assert_array_equal(image, scene())
    np.testing.assert_array_equal(seen, through(image, depth, weather, np.random.default_rng(0)))
    assert through(image, depth, Weather(), np.random.default_rng(0)) is image


def test_wet_ground_is_darker_and_glossier() -> None:
    dry = plain((120, 110, 100), gloss=0.1)
    assert wet(dry).texture.mean() < dry.texture.mean()
    assert wet(dry).gloss > 0.5
    np.testing.assert_array_equal(wet(dry, 0).texture, dry.texture)


def test_the_sky_is_brighter_towards_the_sun() -> None:
    light = Light((1, 0, 0.5), (1, 1, 1))
    toward, away = (
        View(join([]), Camera((0, 0, 2), yaw, -0.4, 0, 100, 64, 48), light).draw([]).image.mean() for yaw in (0, np.pi)
    )
    assert toward > 1.02 * away


def test_video_keeps_size_and_order_and_loses_detail() -> None:
    moving = [np.roll(recorded(scene()).astype(np.uint8), 3 * step, axis=1)[:89, :119] for step in range(5)]
    good, poor = through_video(moving, quality=15), through_video(moving, quality=45)
    assert [each.shape for each in good] == [(89, 119, 3)] * 5
    errors = [
        [np.abs(one.astype(float) - other.astype(float)).mean() for one, other in zip(moving, each)]
        for each in (good, poor)
    ]
    assert max(errors[0]) < 8
    assert np.mean(errors[1]) > 1.5 * np.mean(errors[0])
    assert np.abs(moving[0].astype(float) - good[4]).mean() > max(errors[0])
    assert through_video([]) == []
    with pytest.raises(ValueError, match="quality is 60"):
        through_video(moving, quality=60)
    with pytest.raises(ValueError, match="one size"):
        through_video([moving[0], moving[1][:40]])


def test_video_is_the_same_whatever_memory_held_before(repository: Path) -> None:
    """The encoder once read memory that nobody had written; MALLOC_PERTURB_ has the system's library fill it."""
    code = """
import hashlib
import numpy as np
from datasets.rendering.video import through_video
found = hashlib.sha256()
for seed in (2, 3, 5):
    chance = np.random.default_rng(seed)
    dark = [chance.integers(0, 40, (90, 160, 1)) + chance.normal(0, 1 + seed, (90, 160, 3)) for _ in range(5)]
    for frame in through_video([frame.clip(0, 255).astype(np.uint8) for frame in dark], 15):
        found.update(frame.tobytes())
print(found.hexdigest())
"""
    told = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=repository, env={**os.environ, "MALLOC_PERTURB_": fill},
            capture_output=True, text=True, check=True,
        ).stdout
        for fill in ("0", "1", "77")
    }  # fmt: skip
    assert len(told) == 1
