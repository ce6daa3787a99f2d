"""Reading images: what a person would see, or one line that says what is wrong."""

import io
import resource
import struct
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFilter

from datasets.images import IMAGE_SUFFIXES, ImageError, decode_image, header_size, read_image

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


# Deep pictures: 16-bit files whose sensors have fewer bits


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("suffix", [".png", ".tiff", ".jp2"])
def test_pictures_of_any_depth_look_alike(tmp_path: Path, bits: int, suffix: str) -> None:
    grey = picture(64, 256)[..., 0]
    assert grey.max() >= 250
    path = tmp_path / f"deep{suffix}"
    path.write_bytes(encoded(suffix, grey.astype(np.uint16) << (bits - 8)))
    np.testing.assert_array_equal(read_image(path), np.repeat(grey[..., None], 3, axis=2))


def test_deep_colors_keep_their_hues(tmp_path: Path) -> None:
    image = picture(64, 256)
    path = tmp_path / "deep.png"
    path.write_bytes(encoded(".png", image.astype(np.uint16) << 4))
    np.testing.assert_array_equal(read_image(path), image)


def test_a_dead_pixel_does_not_darken_the_rest() -> None:
    grey = picture(128, 256)[..., 0].astype(np.uint16) << 4
    grey[5, 5] = 65535
    seen = decode_image(encoded(".png", grey), Path("a"))
    np.testing.assert_array_equal(seen[6:, 6:, 0], (grey >> 4)[6:, 6:])


def test_full_sixteen_bits_are_what_they_were() -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (40, 60)).astype(np.uint16)
    np.testing.assert_array_equal(decode_image(encoded(".png", deep), Path("a"))[..., 0], deep >> 8)
    night = deep // 8
    night[:8] = 65535  # lamps
    np.testing.assert_array_equal(decode_image(encoded(".png", night), Path("a"))[..., 0], night >> 8)


def test_a_thermal_picture_of_few_values_is_stretched() -> None:
    kelvin = (29000 + 8 * picture(64, 256)[..., 0].astype(np.uint16)).astype(np.uint16)
    seen = decode_image(encoded(".png", kelvin), Path("a"))
    assert (seen.min(), seen.max()) == (0, 255)
    flat = np.full((8, 8), 30000, np.uint16)  # nothing to stretch
    assert (decode_image(encoded(".png", flat), Path("a")) == 30000 >> 8).all()


@pytest.mark.parametrize("scale", [1 / 255, 1.0, 257.0, 1e6])
@pytest.mark.parametrize("channels", [1, 3])
def test_fractions_in_a_tiff_become_a_picture(scale: float, channels: int) -> None:
    image = picture(64, 256)[..., :channels] if channels == 3 else picture(64, 256)[..., 0]
    values = image.astype(np.float32) * scale
    seen = decode_image(encoded(".tiff", values), Path("a"))
    wanted = image if channels == 3 else np.repeat(image[..., None], 3, axis=2)
    assert np.abs(seen.astype(int) - wanted).max() <= 3
    values.flat[:2] = np.nan, np.inf
    assert decode_image(encoded(".tiff", values), Path("a")).shape == (64, 256, 3)


def test_the_white_of_a_portable_map_is_what_its_header_says() -> None:
    for white in (100, 1023, 4095):
        values = np.linspace(0, white / 2, 64 * 64).reshape(64, 64)  # half as bright as it could be
        data = values.astype(np.uint8 if white < 256 else ">u2").tobytes()
        seen = decode_image(b"P5\n# a camera\n64 64\n%d\n" % white + data, Path("a"))
        assert abs(int(seen.max()) - 127) <= 2


# Transparency: one picture for the eye, whatever lies under what is hidden


def cut_person(color: tuple[int, int, int] | None, blur: float = 0.0) -> Image.Image:
    image = picture(120, 60)
    mask = Image.new("L", (60, 120), 0)
    mask.paste(255, (15, 20, 45, 100))
    if blur:
        mask = mask.filter(ImageFilter.GaussianBlur(blur))
    if color is not None:
        image[np.asarray(mask) == 0] = color
    return Image.fromarray(np.dstack([image, np.asarray(mask)]))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("blur", [0.0, 3.0])
def test_hidden_colors_do_not_count(kind: str, blur: float) -> None:
    seen = []
    for color in (None, (0, 0, 0), (255, 255, 255), (0, 255, 0)):
        stored = io.BytesIO()
        cut_person(color, blur).save(stored, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))
        seen.append(decode_image(stored.getvalue(), Path("a")))
    for other in seen[1:]:
        np.testing.assert_array_equal(other, seen[0])
    np.testing.assert_array_equal(seen[0][30:90, 25:35], picture(120, 60)[30:90, 25:35])  # what is opaque stays


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_color_of_a_palette_is_filled(kind: str) -> None:
    pixels = np.ones((40, 40), np.uint8)
    pixels[10:20, 10:20] = 0
    image = Image.fromarray(pixels, mode="P")
    image.putpalette([0, 255, 0, 200, 30, 30])
    stored = io.BytesIO()
    image.save(stored, kind, transparency=0)
    seen = decode_image(stored.getvalue(), Path("a"))
    assert np.abs(seen.astype(int) - (200, 30, 30)).max() <= 2


def test_a_picture_with_nothing_opaque_keeps_its_colors() -> None:
    for alpha in (0, 9, 255):
        stored = io.BytesIO()
        Image.fromarray(np.dstack([picture(), np.full((40, 60), alpha, np.uint8)])).save(stored, "PNG")
        np.testing.assert_array_equal(decode_image(stored.getvalue(), Path("a")), picture())


def test_the_transparency_turns_with_the_picture() -> None:
    turned = cut_person((0, 255, 0)).convert("RGBA")
    exif = Image.Exif()
    exif[0x0112] = 6
    stored, plain = io.BytesIO(), io.BytesIO()
    turned.save(stored, "PNG", exif=exif)
    turned.save(plain, "PNG")
    upright = decode_image(stored.getvalue(), Path("a"))
    assert upright.shape == (60, 120, 3)
    expected = np.rot90(decode_image(plain.getvalue(), Path("a")), -1)
    assert np.abs(upright.astype(int) - expected).max() <= 8  # filling does not go the same way round


# Bombs: the size is read from the header


def header_only(kind: str, width: int, height: int) -> bytes:
    """The beginning of a picture file that claims a size, with next to nothing behind it."""
    if kind == "png":
        head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
        chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
        parts = [struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks]
        return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
    if kind == "bmp":
        head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
        return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + head + bytes(100)
    if kind == "gif":
        return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(100)
    if kind == "ppm":
        return b"P6 %d %d 255\n" % (width, height) + bytes(100)
    small = Image.new("RGB", (16, 16))
    stored = io.BytesIO()
    small.save(stored, {"jpg": "JPEG", "tif": "TIFF", "webp": "WEBP", "jp2": "JPEG2000"}[kind], lossless=True)
    content = bytearray(stored.getvalue())
    if kind == "jpg":
        at = content.index(b"\xff\xc0") + 5
        content[at : at + 4] = struct.pack(">HH", height, width)
    elif kind == "tif":
        for tag, value in ((256, width), (257, height)):
            at = content.index(struct.pack("<HH", tag, 4 if struct.pack("<HHI", tag, 4, 1) in content else 3))
            content[at : at + 12] = struct.pack("<HHII", tag, 4, 1, value)
    elif kind == "webp":
        at = content.index(b"VP8L") + 9
        content[at : at + 4] = struct.pack("<I", (width - 1) | (height - 1) << 14)
    else:
        at = content.index(b"ihdr") + 4
        content[at : at + 8] = struct.pack(">II", height, width)
    return bytes(content)


@pytest.mark.parametrize("kind", ["png", "bmp", "gif", "ppm", "jpg", "tif", "webp", "jp2"])
def test_a_bomb_is_refused_from_its_header(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"bomb.{kind}"
    path.write_bytes(header_only(kind, 16000, 16000))
    with path.open("rb") as file:
        assert header_size(file) == (16000, 16000)
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(ImageError, match=r"16000 x 16000 pixels, more than 100,000,000; raise --max-pixels"):
        read_image(path)
    assert time.process_time() - begun < 0.05
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024
    with pytest.raises(ImageError, match="more than 100,000,000"):
        decode_image(path.read_bytes(), path)


def test_the_limit_of_pixels_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(".png", picture()))
    assert read_image(path, max_pixels=2400).shape == (40, 60, 3)
    with pytest.raises(ImageError, match=r"has 60 x 40 pixels, more than 2,399"):
        read_image(path, max_pixels=2399)
    with pytest.raises(ValueError, match="max_pixels is 0"):
        read_image(path, max_pixels=0)
    (tmp_path / "huge.jpg").write_bytes(bytes(20_000))
    with pytest.raises(ImageError, match="is no picture: it has more than 16,000 bytes"):
        read_image(tmp_path / "huge.jpg", max_pixels=1000)


# Suffixes


@pytest.mark.parametrize(
    "kind", [("jfif", "JPEG"), ("jpe", "JPEG"), ("avif", "AVIF"), ("jp2", "JPEG2000"), ("gif", "GIF")]
)
def test_rarer_kinds_of_pictures_are_read(tmp_path: Path, kind: tuple[str, str]) -> None:
    path = tmp_path / f"a.{kind[0]}"
    Image.fromarray(picture()).save(path, kind[1])
    assert path.suffix in IMAGE_SUFFIXES
    assert np.abs(read_image(path).astype(int) - picture()).mean() < 12


def test_opencv_says_nothing_by_itself(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("a.tif", "b.png", "c.bmp", "d.jp2"):
        (tmp_path / name).write_bytes(encoded(Path(name).suffix, picture())[:200])
        with pytest.raises(ImageError):
            read_image(tmp_path / name)
    assert "WARN" not in capfd.readouterr().err


# What was right stays so


USUAL = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK"),
    "JPEG": ("L", "RGB", "CMYK"),
    "WEBP": ("L", "RGB", "RGBA"),
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
    "GIF": ("L", "P", "RGB"),
    "PPM": ("1", "L", "RGB"),
    "JPEG2000": ("L", "RGB", "RGBA"),
}


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, modes in USUAL.items() for mode in modes])
@pytest.mark.parametrize("turn", [None, 6])
def test_usual_pictures_are_what_opencv_makes_of_them(kind: str, mode: str, turn: int | None) -> None:
    exif = Image.Exif()
    if turn is not None:
        exif[0x0112] = turn
    stored = io.BytesIO()
    Image.fromarray(picture()).convert(mode).save(stored, kind, exif=exif)
    plain = cv2.imdecode(np.frombuffer(stored.getvalue(), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(decode_image(stored.getvalue(), Path("a")), plain[..., ::-1])
