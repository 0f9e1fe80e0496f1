"""Uploaded pictures: read to their last byte before they are believed, and nothing else is kept.

A file can be two things at once: a picture for whoever looks at its first bytes and an archive or a
page for others. So everything is read here: each part has to be what a PNG or JPEG consists of, in
order, and nothing may follow. Comments, and what cameras write (places among it), are left out.
"""

import struct
import zlib

PNG_START = b"\x89PNG\r\n\x1a\n"
JPEG_START = b"\xff\xd8"
SIDE_MAX = 1024  # pixels; an icon is shown at 56 and less
# What changes how the picture looks. An animation, a text, a time are left out.
_KEPT_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"IDAT", b"IEND")
# colour type -> (samples for each pixel, bits for each sample)
_PNG_KINDS = {
    0: (1, (1, 2, 4, 8, 16)),
    2: (3, (8, 16)),
    3: (1, (1, 2, 4, 8)),
    4: (2, (8, 16)),
    6: (4, (8, 16)),
}
# Where each of the seven passes of an interlaced PNG begins, and its steps: x, y, right, down.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
           (0, 1, 1, 2))  # fmt: skip
_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive: what browsers show
_TABLES = (0xC4, 0xDB, 0xDD)  # Huffman, quantisation, restart interval
_ADOBE = 0xEE  # says how the colours are coded


class PictureProblem(Exception):
    """The file cannot become an icon; the message says what to do."""


def clean(content: bytes) -> tuple[str, bytes]:
    """Return the kind of the picture and the picture alone; raise `PictureProblem`."""
    if content.startswith(PNG_START):
        return "image/png", _clean_png(content)
    if content.startswith(JPEG_START):
        return "image/jpeg", _clean_jpeg(content)
    raise PictureProblem("Choose a PNG or JPEG picture.")


def _damaged() -> PictureProblem:
    return PictureProblem(
        "This picture is damaged, or something is hidden behind it. Save it once more with a "
        "picture program, and choose that."
    )


def _require_size(width: int, height: int) -> None:
    if not (1 <= width <= SIDE_MAX and 1 <= height <= SIDE_MAX):
        raise PictureProblem(
            f"This picture has {width} × {height} pixels. Choose one of at most "
            f"{SIDE_MAX} × {SIDE_MAX}."
        )


def _clean_png(content: bytes) -> bytes:
    kept, packed, header = [PNG_START], [], b""
    at, name, data = len(PNG_START), b"", b""
    while name != b"IEND":
        name, data, at = _chunk(content, at)
        if not header:
            if name != b"IHDR":
                raise _damaged()
            header = data
            _check_header(header)
        elif name == b"IHDR" or (name not in _KEPT_CHUNKS and not name[0] & 0x20):
            raise _damaged()  # a second header, or a part without which nobody can show it
        if name == b"IDAT":
            packed.append(data)
        if name in _KEPT_CHUNKS:
            kept.append(_framed(name, data))
    if at != len(content) or data:
        raise _damaged()
    _check_pixels(header, b"".join(packed))
    return b"".join(kept)


def _chunk(content: bytes, at: int) -> tuple[bytes, bytes, int]:
    """Return the name and data of the chunk at *at*, and where the next one begins."""
    if len(content) < at + 12:
        raise _damaged()
    length = int.from_bytes(content[at : at + 4])
    name, end = content[at + 4 : at + 8], at + 8 + length
    data, check = content[at + 8 : end], content[end : end + 4]
    if not name.isalpha() or len(check) < 4 or int.from_bytes(check) != zlib.crc32(name + data):
        raise _damaged()
    return name, data, end + 4


def _framed(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _check_header(header: bytes) -> None:
    if len(header) != 13:
        raise _damaged()
    width, height, bits, color, packing, filters, interlace = struct.unpack(">IIBBBBB", header)
    _require_size(width, height)
    _, allowed = _PNG_KINDS.get(color, (0, ()))
    if bits not in allowed or packing or filters or interlace > 1:
        raise _damaged()


def _check_pixels(header: bytes, packed: bytes) -> None:
    """Unpack all pixels: there have to be exactly as many as the header says, and nothing more."""
    width, height, bits, color, _, _, interlace = struct.unpack(">IIBBBBB", header)
    pixel_bits = _PNG_KINDS[color][0] * bits
    passes = _PASSES if interlace else ((0, 0, 1, 1),)
    wanted = 0
    for x, y, right, down in passes:
        columns, rows = -(-(width - x) // right), -(-(height - y) // down)
        if columns > 0 and rows > 0:
            wanted += rows * (1 + -(-columns * pixel_bits // 8))
    unpacking = zlib.decompressobj()
    try:
        found = len(unpacking.decompress(packed, wanted + 1))
    except zlib.error:
        raise _damaged() from None
    if found != wanted or not unpacking.eof or unpacking.unused_data:
        raise _damaged()


def _clean_jpeg(content: bytes) -> bytes:
    kept, at, frames, scans = [JPEG_START], 2, 0, 0
    while True:
        marker, data, at = _segment(content, at)
        if marker == 0xD9:
            break
        if marker in _FRAMES:
            frames += 1
            _check_frame(data)
        elif marker == 0xDA:
            scans += 1
            scan_end = _end_of_scan(content, at)
            data, at = data + content[at:scan_end], scan_end
        elif not (marker in _TABLES or marker == 0xFE or 0xE0 <= marker <= 0xEF):
            raise _damaged()
        if not (marker == 0xFE or 0xE0 <= marker <= 0xEF) or (
            marker == _ADOBE and data[2:7] == b"Adobe"
        ):
            kept.append(bytes((0xFF, marker)) + data)
    if frames != 1 or not scans or at != len(content):
        raise _damaged()
    return b"".join((*kept, b"\xff\xd9"))


def _segment(content: bytes, at: int) -> tuple[int, bytes, int]:
    """Return the marker at *at*, its length and data, and where the next marker begins."""
    while content[at : at + 2] == b"\xff\xff":  # a marker may have any number of these before it
        at += 1
    if len(content) < at + 2 or content[at] != 0xFF:
        raise _damaged()
    marker = content[at + 1]
    if marker == 0xD9:
        return marker, b"", at + 2
    length = int.from_bytes(content[at + 2 : at + 4])
    data = content[at + 2 : at + 2 + length]
    if length < 2 or len(data) != length:
        raise _damaged()
    return marker, data, at + 2 + length


def _check_frame(data: bytes) -> None:
    if len(data) < 8:
        raise _damaged()
    length, bits, height, width, parts = struct.unpack(">HBHHB", data[:8])
    _require_size(width, height)
    if bits != 8 or parts not in (1, 3, 4) or length != 8 + 3 * parts:
        raise _damaged()


def _end_of_scan(content: bytes, at: int) -> int:
    """Return where the first marker after the pixels at *at* is."""
    while True:
        at = content.find(b"\xff", at)
        if at < 0 or at + 1 >= len(content):
            raise _damaged()
        if content[at + 1] not in (0, *range(0xD0, 0xD8)):
            return at
        at += 2
