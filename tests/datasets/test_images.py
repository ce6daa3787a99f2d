"""Reading images: what a person would see, or one line that says what is wrong."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.images import ImageError, decode_image, read_image

EXIF_THUMBNAIL = b"\xff\xd8 a thumbnail \xff\xd9"


def picture(height: int = 40, width: int = 60) -> np.ndarray:
    """Smooth RGB whose corners differ, so that a turn or a swap of channels shows."""
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([255 * x / width, 255 * y / height, 255 * (1 - x / width)], axis=2)
    return image.astype(np.uint8)


def encoded(suffix: str, image: np.ndarray) -> bytes:
    done, content = cv2.imencode(suffix, image[..., ::-1] if image.ndim == 3 else image)
    assert done
    return content.tobytes()


def with_exif(content: bytes, orientation: int, thumbnail: bytes = b"") -> bytes:
    """A JPEG with an EXIF segment right after its start."""
    tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + bytes([orientation, 0, 0, 0]) + b"\0\0\0\0" + thumbnail
    body = b"Exif\0\0" + tiff
    return content[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + content[2:]


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".ppm"])
def test_lossless_formats_come_back_as_rgb(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"Straße 日本{suffix}"
    path.write_bytes(encoded(suffix, picture()))
    image = read_image(path)
    assert (image.dtype, image.flags.c_contiguous) == (np.uint8, True)
    np.testing.assert_array_equal(image, picture())
    np.testing.assert_array_equal(read_image(str(path)), picture())


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_formats_are_close(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "a").write_bytes(encoded(suffix, picture()))  # the content decides, not the suffix
    assert np.abs(read_image(tmp_path / "a").astype(int) - picture()).mean() < 4


def test_grey_alpha_and_sixteen_bits_become_rgb(tmp_path: Path) -> None:
    grey = picture()[..., 0]
    for name, image in {
        "grey": grey,
        "alpha": np.dstack([picture()[..., ::-1], np.full(grey.shape, 9, np.uint8)]),
        "deep": grey.astype(np.uint16) * 257,
    }.items():
        done, content = cv2.imencode(".png", image)
        assert done
        expected = picture() if name == "alpha" else np.repeat(grey[..., None], 3, axis=2)
        np.testing.assert_array_equal(decode_image(content.tobytes(), Path(name)), expected)


@pytest.mark.parametrize(("orientation", "turn"), [(3, 2), (6, -1), (8, 1)])
def test_the_exif_orientation_is_applied(orientation: int, turn: int) -> None:
    plain = encoded(".jpg", picture())
    image = decode_image(with_exif(plain, orientation), Path("a"))
    np.testing.assert_array_equal(image, np.rot90(decode_image(plain, Path("a")), turn))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tiff"])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.95])
def test_truncated_files_are_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    random = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    content = encoded(suffix, random)
    path = tmp_path / f"half{suffix}"
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(ImageError) as error:
        read_image(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_truncated_jpeg_is_found_in_spite_of_a_whole_thumbnail() -> None:
    content = with_exif(encoded(".jpg", picture(200, 200)), 1, EXIF_THUMBNAIL)
    assert decode_image(content, Path("a")).shape == (200, 200, 3)
    for cut in (1, 2, 100, len(content) // 2):
        with pytest.raises(ImageError, match="truncated"):
            decode_image(content[:-cut], Path("a"))
    # Cameras append data after the end: that is no damage.
    assert decode_image(content + b"\0" * 5000, Path("a")).shape == (200, 200, 3)


def test_progressive_jpegs_with_several_scans_are_whole() -> None:
    done, content = cv2.imencode(".jpg", picture(), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 2])
    assert done
    assert decode_image(content.tobytes(), Path("a")).shape == (40, 60, 3)
    with pytest.raises(ImageError, match="truncated"):
        decode_image(content.tobytes()[:-2], Path("a"))


def test_what_is_no_image_is_named(tmp_path: Path) -> None:
    for name, content, what in [
        ("empty.jpg", b"", "is empty (0 bytes)"),
        ("text.jpg", b"this is a note", "is no readable image (starts with b'this is a no')"),
        ("start.jpg", b"\xff\xd8", "truncated"),
        ("signature.png", b"\x89PNG\r\n\x1a\n", "truncated"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ImageError) as error:
            read_image(tmp_path / name)
        assert what in error.value.reason
        assert error.value.path == tmp_path / name
    with pytest.raises(ImageError, match="does not exist"):
        read_image(tmp_path / "nothing.jpg")
    with pytest.raises(ImageError, match="cannot be read"):
        read_image(tmp_path)
