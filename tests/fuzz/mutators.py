"""Ways to change an input that get behind what protects it: lengths, digests, MACs.

`mutate(target, data, plain, max_bytes, rng)` changes *data*; *plain* is the fuzzer's own way to
change some bytes (any function of bytes and a most length), so this needs no fuzzer to run.
"""

import contextlib
import json
import random
from collections.abc import Callable
from typing import Any

from tests.archive import second_reader
from tests.archive.second_json import Refused
from tests.archive.second_writer import LINE1, digest_line, keyed, line, packed, trailer
from tests.fuzz.targets import KEY, MAKER, Target, packed_lines, raw_frame

Plain = Callable[[bytes, int], bytes]
SECTION_COUNT = 11


def mutate(target: Target, data: bytes, plain: Plain, most: int, rng: random.Random) -> bytes:
    """Return *data*, changed in the target's way or in the fuzzer's."""
    changed = KINDS[target.mutator](target, data, plain, most, rng) if target.mutator else None
    if changed is None or len(changed) > most:
        changed = plain(data, most)
    return changed[:most]


def bytewise(data: bytes, most: int, rng: random.Random) -> bytes:
    """Change a few bytes: a poor man's fuzzer, for tests that run without a real one."""
    out = bytearray(data or b"\0")
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(out) + 1)
        match rng.randrange(4):
            case 0 if at < len(out):
                out[at] ^= 1 << rng.randrange(8)
            case 1 if at < len(out):
                del out[at : at + rng.choice((1, 2, 8))]
            case 2:
                out[at:at] = bytes(rng.randrange(256) for _ in range(rng.choice((1, 2, 8))))
            case _:
                start = rng.randrange(len(out)) if out else 0
                out[at:at] = out[start : start + rng.randrange(1, 17)]
    return bytes(out[:most])


def tokens(
    target: Target, data: bytes, plain: Plain, most: int, rng: random.Random
) -> bytes | None:
    """Put a token in the place of a value, or between two."""
    if rng.random() < 0.4:
        return None
    cuts = [at for at, byte in enumerate(data) if byte in b',:[]{}"\n']
    token = rng.choice(target.tokens)
    if len(cuts) < 2:
        return data + token
    start = rng.randrange(len(cuts) - 1)
    end = min(len(cuts) - 1, start + rng.choice((0, 1, 1, 2, 3)))
    left, right = cuts[start] + 1, max(cuts[start] + 1, cuts[end])
    match rng.randrange(4):
        case 0:  # a piece of the input itself
            other = rng.randrange(len(cuts) - 1)
            token = data[cuts[other] + 1 : cuts[min(len(cuts) - 1, other + rng.randrange(1, 4))]]
        case 1:
            token = plain(data[left:right], 64)
    return data[:left] + token + data[right:]


def split_blocks(data: bytes) -> list[bytes]:
    """Return the frames of a payload, as far as they can be followed."""
    frames, at = [], 0
    while data[at : at + 8] == b"\x50\x2a\x4d\x18\x04\0\0\0":
        length = int.from_bytes(data[at + 8 : at + 12], "little")
        frames.append(data[at + 12 : at + 12 + length])
        at += 12 + length
    return frames


def blocks(
    target: Target, data: bytes, plain: Plain, most: int, rng: random.Random
) -> bytes | None:
    """Change one frame, or the order of frames, with every length told rightly."""
    frames = split_blocks(data)
    if not frames or rng.random() < 0.3:
        return None
    at = rng.randrange(len(frames))
    match rng.randrange(5):
        case 0:
            frames[at] = plain(frames[at], most)
        case 1:
            frames[at] = raw_frame(plain(frames[at][9:], most).rstrip(b"\n") + b"\n")
        case 2:
            frames.insert(rng.randrange(len(frames) + 1), frames[at])
        case 3:
            del frames[at]
        case _:  # the head of the frame: window, sizes, flags
            frames[at] = frames[at][:4] + plain(frames[at][4:14], 12) + frames[at][14:]
    return b"".join(map(packed, frames))


def opened(data: bytes) -> tuple[bytes, bytes] | None:
    """Return line 2 and the payload of a file under the known key, if it is one."""
    lines = data.split(b"\n", 3)
    if len(lines) < 4:
        return None
    try:
        payload = second_reader.open_chunks(lines[3][32:], KEY)
    except Refused:
        return None
    return lines[1] + b"\n", payload


def sealed(line2: bytes, payload: bytes, rng: random.Random) -> bytes:
    """Return the file of any line 2 and any payload, digests and MACs right."""
    line3 = digest_line(LINE1, line2)
    mac = keyed(MAKER.file_key, b"dbk1 header" + LINE1 + line2 + line3)
    chunks = MAKER.chunks(payload) if payload else [MAKER.seal(b"", 0, 1)]
    if rng.random() < 0.02:
        chunks[rng.randrange(len(chunks))] = MAKER.seal(payload[:100], rng.randrange(2), 0)
    return LINE1 + line2 + line3 + mac + b"".join(chunks)


def reseal(
    target: Target, data: bytes, plain: Plain, most: int, rng: random.Random
) -> bytes | None:
    """Open the file, change something inside, and close it again as its writer would."""
    found = opened(data)
    if found is None or rng.random() < 0.05:
        return None
    line2, payload = found
    level = rng.random()
    if level < 0.1:
        changed = tokens(target, line2[:-1], plain, most, rng) or plain(line2[:-1], most)
        line2 = changed.replace(b"\n", b"") + b"\n"
    elif level < 0.3:
        payload = blocks(target, payload, plain, most, rng) or plain(payload, most)
    else:
        try:
            text = b"".join(second_reader.unpack(payload, 1 << 30, second_reader.DEFAULT))
        except Refused:
            return sealed(line2, plain(payload, most), rng)
        text = changed_text(target, text, plain, most, rng)
        payload = packed_lines(text, rng.choice((0, 0, 1, 3)))
    return sealed(line2, payload, rng)


def changed_text(target: Target, text: bytes, plain: Plain, most: int, rng: random.Random) -> bytes:
    """Change lines; then, mostly, tell counts and digests as they are now."""
    lines = text.split(b"\n")[:-1]
    at = rng.randrange(len(lines))
    match rng.randrange(8):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, lines[rng.randrange(len(lines))])
        case 2:
            other = rng.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines[at] = plain(lines[at], most)
        case _:
            whole = lines[at]
            lines[at] = tokens(target, whole, plain, most, rng) or plain(whole, most)
    lines = b"\n".join(lines).split(b"\n")
    if rng.random() < 0.8:
        lines = told_rightly(lines, rng)
    return b"".join(one + b"\n" for one in lines)


def told_rightly(lines: list[bytes], rng: random.Random) -> list[bytes]:
    """Return *lines* with the trailer, and perhaps the manifest's counts, made to fit."""
    try:
        head: Any = json.loads(lines[0])
        names = [entry["name"] for entry in head["sections"]]
        counts = [int(entry["count"]) for entry in head["sections"]]
    except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError):
        return lines
    sound = len(names) == SECTION_COUNT and all(isinstance(name, str) for name in names)
    if not sound or len(lines) < 2 or min(counts) < 0:
        return lines
    body = lines[1:-1]
    off = len(body) - sum(counts)
    if off and rng.random() < 0.7:  # some section has grown or shrunk: most likely one of these
        which = rng.choice([at for at, count in enumerate(counts) if count + off >= 0] or [0])
        counts[which] += off
        for entry, count in zip(head["sections"], counts, strict=True):
            entry["count"] = count
        with contextlib.suppress(UnicodeEncodeError):  # a lone surrogate stays as it was spelled
            lines = [line(head)[:-1], *lines[1:]]
    raw: dict[str, bytes] = {}
    rows: dict[str, list[Any]] = {}
    at = 0
    for name, count in zip(names, counts, strict=True):
        own = body[at : at + max(0, min(count, len(body)))]
        at += len(own)
        raw[name] = b"".join(one + b"\n" for one in own)
        rows[name] = list(own)
    try:
        return [*lines[:-1], line(trailer(raw, rows))[:-1]]
    except UnicodeEncodeError:
        return lines


KINDS = {"tokens": tokens, "blocks": blocks, "reseal": reseal}
