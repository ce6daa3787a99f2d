"""A made-up protocol file of CUHK-SYSU, byte for byte in the format of MATLAB 5, of the size of the published ones."""

import struct
import zlib
from pathlib import Path

import numpy as np

from datasets.files import whole_file, write_whole

CHAR, STRUCT, DOUBLE, UINT16 = 4, 2, 6, 11
MOST_SEEN = 6
"""In so many frames of its gallery a person is seen, at most."""


def write_protocol(root: Path, queries: int, gallery: int, frames: int, seed: int) -> int:
    """Write a folder that looks like CUHK-SYSU as far as its protocol is concerned.

    Args:
        root: The new folder.
        queries: The number of queries.
        gallery: How many frames each gallery has.
        frames: How many frames galleries are chosen from.
        seed: The seed of the random numbers.

    Returns:
        The bytes of the protocol's file.
    """
    from scipy.io import savemat

    protocol = root / "annotation" / "test" / "train_test"
    protocol.mkdir(parents=True)
    (root / "Image" / "SSM").mkdir(parents=True)
    for name in (root / "annotation" / "Images.mat", protocol / "Train.mat", protocol / "TestG50.mat"):
        write_whole(name, b"")
    names = [f"s{number}.jpg" for number in range(1, frames + 1)]
    savemat(root / "annotation" / "pool.mat", {"pool": np.asarray(names, dtype=object)[:, None]})
    random = np.random.default_rng(seed)
    empty = _matrix(DOUBLE, (0, 0), 9, b"")
    name_of = [_name(name) for name in names]
    absent = [name + empty + empty for name in name_of]  # a frame in which the person is not
    records = []
    for number in range(queries):
        members = random.choice(frames, gallery, replace=False).tolist()
        parts = [absent[row] for row in members]
        for place in random.choice(gallery, random.integers(1, MOST_SEEN + 1), replace=False).tolist():
            parts[place] = name_of[members[place]] + _box(random) + _matrix(DOUBLE, (1, 1), 2, b"\0")
        asked = [name_of[members[0]], _box(random), _matrix(DOUBLE, (1, 1), 2, b"\0"), _name(f"p{number}")]
        records.append((asked, parts))
    variable = f"TestG{gallery}"
    path = protocol / f"{variable}.mat"
    _write(path, variable, records)
    return path.stat().st_size


def _write(path: Path, variable: str, records: list[tuple[list[bytes], list[bytes]]]) -> None:
    """The records as one compressed variable, packed as they come: unpacked they are gigabytes."""
    query_head = _struct_head("", 1, ("imname", "idlocate", "ishard", "idname"))
    gallery_head = _struct_head("", len(records[0][1]), ("imname", "idlocate", "ishard"))
    head = _struct_head(variable, len(records), ("Query", "Gallery"))
    sizes = [
        (len(query_head) + sum(map(len, asked)), len(gallery_head) + sum(map(len, parts))) for asked, parts in records
    ]
    whole = len(head) + sum(16 + query + gallery for query, gallery in sizes)
    packer = zlib.compressobj(1)
    packed = [packer.compress(struct.pack("<II", 14, whole) + head)]
    for (asked, parts), (query, gallery) in zip(records, sizes, strict=True):
        packed.append(packer.compress(struct.pack("<II", 14, query) + query_head + b"".join(asked)))
        packed.append(packer.compress(struct.pack("<II", 14, gallery) + gallery_head + b"".join(parts)))
    packed.append(packer.flush())
    with whole_file(path) as unfinished, unfinished.open("wb") as file:
        file.write(b"MATLAB 5.0 MAT-file, made up".ljust(124) + struct.pack("<H", 0x0100) + b"IM")
        file.write(struct.pack("<II", 15, sum(map(len, packed))))
        for part in packed:
            file.write(part)


def _element(kind: int, content: bytes) -> bytes:
    if 0 < len(content) <= 4:
        return struct.pack("<HH", kind, len(content)) + content.ljust(4, b"\0")
    return struct.pack("<II", kind, len(content)) + content.ljust(-(-len(content) // 8) * 8, b"\0")


def _matrix(kind: int, shape: tuple[int, int], stored_as: int, content: bytes) -> bytes:
    flags = struct.pack("<IIII", 6, 8, kind, 0) + struct.pack("<IIii", 5, 8, *shape) + struct.pack("<II", 1, 0)
    body = flags + _element(stored_as, content)
    return struct.pack("<II", 14, len(body)) + body


def _struct_head(name: str, count: int, fields: tuple[str, ...]) -> bytes:
    """The content of an array of structs up to its fields."""
    flags = struct.pack("<IIII", 6, 8, STRUCT, 0) + struct.pack("<IIii", 5, 8, 1, count)
    names = b"".join(field.encode().ljust(32, b"\0") for field in fields)
    return flags + _element(1, name.encode()) + _element(5, struct.pack("<i", 32)) + _element(1, names)


def _name(text: str) -> bytes:
    return _matrix(CHAR, (1, len(text)), 4, text.encode("utf-16-le"))


def _box(random: np.random.Generator) -> bytes:
    x, y, width, height = random.integers((0, 0, 20, 50), (900, 500, 120, 350)).tolist()
    return _matrix(UINT16, (1, 4), 4, struct.pack("<4H", x, y, width, height))
