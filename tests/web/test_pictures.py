"""Uploaded pictures: what is believed, what is refused, and what of them is kept."""

import base64
import struct
import zlib

import pytest

from dashboard.web.picture_files import PNG_START, SIDE_MAX, PictureProblem, clean
from tests import factories

# 8 x 8 pixels, made by Chromium, without its colour profile.
JPEG = base64.b64decode(
    "/9j/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19iZ2hnPk1xeXBkeFxl"
    "Z2P/2wBDARESEhgVGC8aGi9jQjhCY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2Nj"
    "Y2P/wAARCAAIAAgDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAP/xAAbEAEAAAcAAAAAAAAAAAAAAAAAFSUy"
    "UmWCkf/EABQBAQAAAAAAAAAAAAAAAAAAAAX/xAAZEQACAwEAAAAAAAAAAAAAAAAAAQIREiH/2gAMAwEAAhEDEQA/ALyu"
    "B5Da7lIB2Mc30Mbs/9k="
)
PAYLOADS = (b"\0", b"PK\x03\x04 an archive", b"<script>alert(1)</script>", factories.PIXEL)


def chunk(name, data=b"", *, check=None):
    check = zlib.crc32(name + data) if check is None else check
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)


def png(width=2, height=3, *, bits=8, color=6, interlace=0, pixels=None, extra=b"", end=b""):
    """A PNG of as many zero bytes as it needs, or of *pixels*."""
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlace)
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    if pixels is None:
        pixels = bytes(height * (1 + -(-width * samples * bits // 8)))
    return (
        PNG_START + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(pixels))
        + chunk(b"IEND", end)
    )  # fmt: skip


def segment(marker, data):
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


def with_segment(marker, data):
    return JPEG[:2] + segment(marker, data) + JPEG[2:]


@pytest.mark.parametrize(
    "picture",
    [factories.PIXEL, png(), png(bits=1, color=0, width=9), png(SIDE_MAX, 1, color=2, bits=16)],
)
def test_a_sound_png_stays_as_it_is(picture):
    assert clean(picture) == ("image/png", picture)


def test_an_interlaced_png_is_measured_pass_by_pass():
    # 3 x 3 pixels of one byte, in passes; each row has a filter byte before it.
    sizes = [(1, 1), (1, 1), (1, 2), (2, 1), (1, 3)]
    pixels = bytes(sum(rows * (1 + columns) for rows, columns in sizes))
    assert clean(png(3, 3, color=0, interlace=1, pixels=pixels))[0] == "image/png"
    with pytest.raises(PictureProblem):
        clean(png(3, 3, color=0, interlace=1, pixels=pixels + b"\0"))


def test_a_sound_jpeg_stays_as_it_is():
    assert clean(JPEG) == ("image/jpeg", JPEG)


@pytest.mark.parametrize("name", [b"tEXt", b"eXIf", b"tIME", b"zzZz"])
def test_what_a_png_says_beside_the_picture_is_left_out(name):
    assert clean(png(extra=chunk(name, b"54.32 N 10.13 E"))) == ("image/png", png())


@pytest.mark.parametrize("marker", [0xE0, 0xE1, 0xE2, 0xEE, 0xFE])
def test_what_a_jpeg_says_beside_the_picture_is_left_out(marker):
    assert clean(with_segment(marker, b"Exif 54.32 N <script>")) == ("image/jpeg", JPEG)


def test_how_a_jpeg_codes_its_colours_is_kept():
    adobe = with_segment(0xEE, b"Adobe\0d\0\0\0\0\1")
    assert clean(adobe) == ("image/jpeg", adobe)


@pytest.mark.parametrize("picture", [factories.PIXEL, JPEG])
@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_may_follow(picture, payload):
    with pytest.raises(PictureProblem, match="hidden"):
        clean(picture + payload)


@pytest.mark.parametrize("picture", [png(extra=chunk(b"gAMA", bytes(4))), JPEG])
def test_every_cut_is_noticed(picture):
    for length in range(len(picture)):
        with pytest.raises(PictureProblem):
            clean(picture[:length])


def test_every_changed_byte_of_a_png_is_noticed():
    picture = png()
    for at in range(len(picture)):
        with pytest.raises(PictureProblem):
            clean(picture[:at] + bytes((picture[at] ^ 0xFF,)) + picture[at + 1 :])


@pytest.mark.parametrize(
    "bad",
    [
        png(pixels=b"\0"),  # too few
        png(pixels=bytes(28)),  # too many
        png(pixels=bytes(1 << 24)),  # far too many: not even unpacked
        png(end=b"PK\x03\x04"),
        png(bits=3),
        png(interlace=2, pixels=bytes(27)),
        png(extra=chunk(b"IHDR", bytes(13))),
        png(extra=chunk(b"EVIL")),  # nobody could show a picture with a part that it must know
        png(extra=chunk(b"gAMA", bytes(4), check=0)),
        PNG_START + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND"),
        PNG_START + chunk(b"IHDR", bytes(12)),
        with_segment(0xC0, JPEG[160:175]),
        JPEG[:2] + JPEG[JPEG.index(b"\xff\xda") :],  # without a frame
        JPEG[: JPEG.index(b"\xff\xda")] + b"\xff\xd9",  # without pixels
        with_segment(0xC9, b"arithmetic coding"),
        JPEG[:2] + b"no marker" + JPEG[2:],
        b"\xff\xd8\xff\xe0" + bytes(20),
    ],
)
def test_what_is_no_whole_picture_is_refused(bad):
    with pytest.raises(PictureProblem, match="damaged"):
        clean(bad)


@pytest.mark.parametrize("size", [(0, 1), (1, 0), (SIDE_MAX + 1, 1), (1, SIDE_MAX + 1)])
def test_a_picture_of_no_size_or_too_large_is_refused(size):
    with pytest.raises(PictureProblem, match="pixels"):
        clean(png(*size))
    width, height = size
    at = JPEG.index(b"\xff\xc0") + 5
    large = JPEG[:at] + struct.pack(">HH", height, width) + JPEG[at + 4 :]
    with pytest.raises(PictureProblem, match="pixels"):
        clean(large)


@pytest.mark.parametrize(
    "other", [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a", b"RIFF0000WEBP"]
)
def test_other_kinds_are_refused(other):
    with pytest.raises(PictureProblem, match="PNG or JPEG"):
        clean(other)
