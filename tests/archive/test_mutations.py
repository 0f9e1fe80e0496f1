"""Every damage to a genuine backup is refused as damage, however slowly the bytes come.

The files are written by the product from the state of the vectors. What is expected holds for
*every* mutation of a kind, so each test collects the answers and compares the set.
"""

import base64
import io
import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pytest

from dashboard import backup
from dashboard.archive import (
    SECTIONS,
    ArchiveError,
    ArchiveWriter,
    KdfCost,
    Manifest,
    UnitLabel,
    keys,
    lines_of,
    open_with_password,
    password_slot,
    section_heads,
    with_file_key,
)
from dashboard.archive import reader as archive_reader
from tests.archive import second_reader
from tests.archive.cases.state import around, full
from tests.archive.second_content import SECTIONS as SHAPES
from tests.archive.second_content import base64_icon, json_object
from tests.archive.second_writer import CHUNK, LINE1, Maker, canonical
from tests.archive.test_second_reader import any_flag
from tests.backup.conftest import Unchanged, tickets
from tests.fuzz import verdicts

PASSWORD = "four words, one file"
COST = KdfCost(1, 8 << 20)
SIZES = (1, 33, 4096, 1 << 20)
SEALED = CHUNK + 16
Judge = Callable[[bytes], str]


@dataclass(frozen=True)
class File:
    """A backup that the product wrote, and its key."""

    data: bytes
    file_key: bytes
    start: int  # of the chunks

    @property
    def header(self) -> bytes:
        return self.data[: self.start]

    @property
    def chunks(self) -> list[bytes]:
        return [self.data[at : at + SEALED] for at in range(self.start, len(self.data), SEALED)]

    @property
    def plain(self) -> list[bytes]:
        """What is in the chunks."""
        key = keys.payload_key(self.file_key, LINE1)
        nonces = [self.maker.nonce(i, int(i == len(self.chunks) - 1)) for i in range(9)]
        return [keys.open_chunk(c, n, key) for c, n in zip(self.chunks, nonces, strict=False)]

    @property
    def maker(self) -> Maker:
        """Seals like the writer of this file, and can do it wrongly."""
        maker = Maker("")
        maker.file_key = self.file_key
        return maker

    def judge(self, way: str = "batches") -> Judge:
        return lambda data: verdicts.product(data, self.file_key, way=way)


def written(state: dict[str, list], note: str = "") -> File:
    """Return a backup of *state* as the product writes it."""
    file_key = keys.new_file_key()
    slots = (password_slot(file_key, PASSWORD, COST),)
    manifest = Manifest(
        format=1,
        app="Dashboard test",
        created_at="2026-11-22T23:40:00Z",
        created_by="Maja Lind",
        instance="inst-7f3a",
        organisation="Harbour Media Group",
        unit=UnitLabel(uid="unit-harbour", slug="harbour-daily", name="Harbour Daily"),
        note=note,
        sections=section_heads({name: len(rows) for name, rows in state.items()}),
    )
    sink = io.BytesIO()
    with ArchiveWriter(sink, file_key, slots, manifest) as writer:
        writer.write_sections(
            (s.name, [lines_of(s, rows_of(state, s.name))] if state[s.name] else [])
            for s in SECTIONS
        )
        writer.finish()
    return file_of(sink.getvalue(), file_key)


def file_of(data: bytes, file_key: bytes) -> File:
    return File(data, file_key, len(b"".join(data.splitlines(keepends=True)[:3])) + 32)


def rows_of(state: dict[str, list], section: str) -> list[tuple]:
    """Return the rows of a section as the product keeps them: JSON as text, icons as bytes."""
    kept = {json_object: lambda value: canonical(value).decode(), base64_icon: base64.b64decode}
    rules = [kept.get(rule, lambda value: value) for rule in SHAPES[section].columns.values()]
    return [
        tuple(keep(value) for keep, value in zip(rules, row, strict=True)) for row in state[section]
    ]


def noise(size: int, seed: str) -> str:
    """Return text that zstd makes hardly smaller: six bits a character."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return "".join(random.Random(seed).choices(letters, k=size))


def five(seed: str, note: str = "") -> File:
    """Return a backup of exactly five chunks."""
    state = around("profiles")
    state["config_keys"] = [["NOISE", "string", noise(391_000, seed), ""]]
    found = written(state, note)
    assert len(found.chunks) == 5
    return found


@pytest.fixture(scope="module")
def small() -> File:
    return written(full())


@pytest.fixture(scope="module")
def long() -> File:
    return five("now")


@pytest.fixture(scope="module")
def streamed() -> File:
    """Five chunks with a block for every row: rows come out long before the last chunk opens."""
    maker = Maker("streamed")
    rows = around("profiles")
    rows["config_keys"] = [[f"NOISE{n:02}", "string", noise(9_800, f"{n}"), ""] for n in range(30)]
    header = maker.header(maker.slot(PASSWORD))
    found = file_of(maker.file(maker.rows(rows, size=1), line2=header), maker.file_key)
    assert len(found.chunks) == 5
    return found


@pytest.fixture(scope="module")
def older() -> File:
    """An earlier export of the same unit, under the same password: most of it is the same text."""
    return five("now", note="the week before")


@pytest.fixture(scope="module")
def other() -> File:
    """A backup of something else under the same password."""
    return five("elsewhere")


class Trickle(io.RawIOBase):
    """A file that gives at most *step* bytes at a time, as one on a network may."""

    def __init__(self, data: bytes, step: int) -> None:
        self._data, self._step, self._at = data, step, 0

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, len(self._data))[whence]
        return self._at

    def readinto(self, buffer) -> int:
        piece = self._data[self._at : self._at + min(len(buffer), self._step)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


# What is done to a file: (name, bytes) pairs

Mutations = Iterable[tuple[str, bytes]]


def flips(data: bytes, where: Iterable[int]) -> Mutations:
    """Every single bit of some bytes, flipped."""
    changed = bytearray(data)
    for at, bit in itertools.product(where, range(8)):
        changed[at] ^= 1 << bit
        yield f"bit {bit} of byte {at}", bytes(changed)
        changed[at] ^= 1 << bit


def cuts(data: bytes) -> Mutations:
    return ((f"{size} bytes", data[:size]) for size in range(len(data)))


def behind(file: File) -> Mutations:
    """Anything that can follow the last chunk."""
    maker, count = file.maker, len(file.chunks)
    for name, extra in (
        ("a zero", b"\0"),
        ("a newline", b"\n"),
        ("a tag's length", bytes(16)),
        ("17 zeros", bytes(17)),
        ("a chunk's length", bytes(SEALED)),
        ("1 MiB", bytes(1 << 20)),
        ("the file again", file.data),
        ("its chunks again", b"".join(file.chunks)),
        ("its last chunk again", file.chunks[-1]),
        ("the next chunk, last", maker.seal(b"\n", count, 1)),
        ("the next chunk, not last", maker.seal(b"\n", count, 0)),
        ("the next chunk, empty", maker.seal(b"", count, 1)),
        ("chunk 0, last", maker.seal(b"\n", 0, 1)),
    ):
        yield f"then {name}", file.data + extra


def orders(file: File) -> Mutations:
    """The 120 orders of five chunks but the right one."""
    for order in itertools.permutations(range(5)):
        if order != (0, 1, 2, 3, 4):
            yield f"order {order}", file.header + b"".join(file.chunks[i] for i in order)


def drops(file: File) -> Mutations:
    for size in range(5):
        for kept in itertools.combinations(range(5), size):
            yield f"only {kept}", file.header + b"".join(file.chunks[i] for i in kept)


def doubles(file: File) -> Mutations:
    """Every chunk once more, at every place."""
    for which, place in itertools.product(range(5), range(6)):
        pieces = file.chunks
        pieces.insert(place, pieces[which])
        yield f"{which} again at {place}", file.header + b"".join(pieces)


def splices(file: File, donor: File) -> Mutations:
    """Chunks of another file in the place of this file's: each set of places, and whole tails."""
    own, foreign = file.chunks, donor.chunks
    for size in range(1, 6):
        for places in itertools.combinations(range(5), size):
            pieces = [foreign[i] if i in places else own[i] for i in range(5)]
            yield f"foreign {places}", file.header + b"".join(pieces)
    for which in range(5):
        yield f"foreign {which} added", file.data + foreign[which]


def flags(file: File) -> Mutations:
    """Chunks that say wrongly whether they are the last: early, none, two, in every combination."""
    plain, maker = file.plain, file.maker
    for marks in itertools.product((0, 1), repeat=5):
        if marks != (0, 0, 0, 0, 1):
            sealed = [maker.seal(p, i, marks[i]) for i, p in enumerate(plain)]
            yield f"marks {marks}", file.header + b"".join(sealed)
    for end in range(4):
        # Cut after a chunk that was never sealed as the last; and with a right end, too early.
        yield f"ends after {end}", file.header + b"".join(file.chunks[: end + 1])
        early = [*file.chunks[:end], maker.seal(plain[end], end, 1), *file.chunks[end + 1 :]]
        yield f"last at {end} too", file.header + b"".join(early)
    empty = [maker.seal(p, i, 0) for i, p in enumerate(plain)] + [maker.seal(b"", 5, 1)]
    yield "a last one that is empty", file.header + b"".join(empty)
    yield "an empty one behind the last", file.data + maker.seal(b"", 5, 1)
    yield "nothing but an empty last one", file.header + maker.seal(b"", 0, 1)


def header_swaps(file: File, donor: File) -> Mutations:
    """Whole headers and parts of them, exchanged with another file of the same password."""
    own, foreign = file.header.splitlines(keepends=True), donor.header.splitlines(keepends=True)
    parts = [[*lines[:3], b"".join(lines[3:])] for lines in (own, foreign)]
    for choice in itertools.product((0, 1), repeat=3):
        if any(choice):
            head = parts[0][0] + b"".join(parts[c][i] for i, c in enumerate(choice, 1))
            yield f"line 2, line 3, mac of {choice}", head + b"".join(file.chunks)


def answers(mutations: Mutations, judge: Judge) -> dict[str, list[str]]:
    """Return what *judge* said, and of which mutations: at most the first ten of each answer."""
    found: dict[str, list[str]] = {}
    for name, data in mutations:
        found.setdefault(judge(data), []).append(name)
    return {answer: names[:10] for answer, names in found.items()}


DAMAGED = {"damaged"}
WAYS = ("batches", "known")


@pytest.mark.parametrize("way", WAYS)
def test_the_files_are_sound_before_anything_is_done_to_them(
    small, long, streamed, older, other, way
):
    for file in (small, long, streamed, older, other):
        assert file.judge(way)(file.data) == "ok"
        assert verdicts.second(file.data, file.file_key) == "ok"
    assert len({file.data for file in (small, long, older, other)}) == 4


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_every_flipped_bit_is_refused(small, way):
    judge, whole = small.judge(way), range(len(small.data))
    assert set(answers(flips(small.data, whole[: len(LINE1)]), judge)) == {
        "not_a_backup",
        "newer_version",
    }
    found = answers(flips(small.data, whole[len(LINE1) :]), judge)
    assert set(found) == DAMAGED, found


@pytest.mark.parametrize("way", WAYS)
def test_every_cut_is_refused(small, way):
    found = answers(cuts(small.data), small.judge(way))
    assert set(found) == {"not_a_backup", "damaged"}
    assert found["damaged"][0] == f"{len(LINE1)} bytes"


@pytest.mark.parametrize("which", ["long", "streamed"])
def test_every_flipped_bit_at_the_seams_of_five_chunks_is_refused(which, request):
    file = request.getfixturevalue(which)
    seams = [
        file.start + index * SEALED + offset
        for index in range(1, 5)
        for offset in (
            -1,
            0,
            15,
            16,
        )  # the end of one chunk; the tag and the first byte of the next
    ]
    found = answers(flips(file.data, [*seams, len(file.data) - 1]), file.judge())
    assert set(found) == DAMAGED, found


@pytest.mark.parametrize("way", WAYS)
def test_whatever_follows_the_last_chunk_is_refused(small, long, way):
    for file in (small, long):
        found = answers(behind(file), file.judge(way))
        assert set(found) == DAMAGED, found


ARRANGED = {"orders": orders, "drops": drops, "doubles": doubles, "flags": flags}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("which", ["long", "streamed"])
@pytest.mark.parametrize("kind", ARRANGED)
def test_only_the_right_arrangement_of_five_chunks_is_accepted(which, kind, way, request):
    file = request.getfixturevalue(which)
    mutations = dict(ARRANGED[kind](file))
    expected = {"orders": 119, "drops": 31, "doubles": 30, "flags": 31 + 8 + 3}
    assert len(mutations) == expected[kind]
    found = answers(mutations.items(), file.judge(way))
    assert set(found) == DAMAGED, found


@pytest.mark.parametrize("donor", ["other", "older"])
def test_chunks_of_another_file_with_the_same_password_are_refused(long, donor, request):
    found = answers(splices(long, request.getfixturevalue(donor)), long.judge())
    assert set(found) == DAMAGED, found


@pytest.mark.parametrize("donor", ["other", "older"])
def test_a_header_of_another_file_with_the_same_password_is_refused(long, donor, request):
    def judge(data: bytes) -> str:
        """Open with the password: each header's slot opens, to the key of its own file."""
        try:
            for _ in open_with_password(io.BytesIO(data), PASSWORD).batches():
                pass
        except ArchiveError as error:
            return error.code
        return "ok"

    assert judge(long.data) == "ok"
    found = answers(header_swaps(long, request.getfixturevalue(donor)), judge)
    assert set(found) == DAMAGED, found


# However the bytes come


def slowly(file: File, step: int) -> Judge:
    return lambda data: verdicts.product_of(Trickle(data, step), with_file_key(file.file_key))


@pytest.mark.parametrize("step", SIZES)
def test_a_sound_file_is_sound_however_slowly_it_comes(small, long, step):
    assert slowly(small, step)(small.data) == "ok"
    assert slowly(long, step)(long.data) == "ok"


def some_of_everything(small: File, long: File, other: File) -> Iterator[tuple[File, str, bytes]]:
    """Three of each kind of mutation, spread over its range."""
    for file, mutations in (
        (small, flips(small.data, range(len(LINE1), len(small.data)))),
        (small, cuts(small.data)),
        (small, behind(small)),
        (long, orders(long)),
        (long, drops(long)),
        (long, doubles(long)),
        (long, flags(long)),
        (long, splices(long, other)),
        (long, header_swaps(long, other)),
    ):
        every = list(mutations)
        for name, data in every[:: max(1, len(every) // 3)]:
            yield file, name, data


@pytest.mark.slow
@pytest.mark.parametrize("step", SIZES)
def test_a_damaged_file_is_damaged_however_slowly_it_comes(small, long, other, step):
    for file, name, data in some_of_everything(small, long, other):
        assert slowly(file, step)(data) == file.judge()(data), (name, step)


@pytest.mark.slow
@pytest.mark.parametrize("step", SIZES[:2])
def test_every_cut_is_the_same_cut_however_slowly_it_comes(small, step):
    """With the whole file among them: a reader that takes any short read for the end is caught."""
    for name, data in [*cuts(small.data), ("whole", small.data)]:
        assert slowly(small, step)(data) == small.judge()(data), name


# Nothing of it reaches the database


@pytest.fixture
def engine(folders) -> backup.Context:
    return backup.Context(folders, "Dashboard test", COST, 4)


@pytest.mark.slow
def test_no_damaged_upload_changes_the_unit(cast, engine, small, long, older, other):
    chosen = list(some_of_everything(small, long, other)) + list(
        some_of_everything(small, long, older)
    )
    rng = random.Random("uploads")
    chosen += [
        (small, *one) for one in rng.sample(list(flips(small.data, range(len(small.data)))), 20)
    ]
    assert len(chosen) >= 60
    with Unchanged(cast.daily, cast.weekly):
        for _, name, data in chosen:
            uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(data), engine)
            with pytest.raises(ArchiveError) as caught:
                backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
            assert caught.value.code in ("damaged", "not_a_backup", "newer_version"), name
            assert list(engine.folders.uploads.iterdir()) == [], name
        assert tickets() == 0


def test_the_sound_files_are_taken_in(cast, engine, small):
    """The control of the test above: what was damaged there is accepted when it is not."""
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(small.data), engine)
    token, _ = backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    assert token


# Negative controls: with a check taken away, the same questions must get another answer.


def test_a_reader_that_forgets_the_last_mark_is_caught(long, monkeypatch):
    """The second reader is the one to spoil here: each of its checks is a function."""
    judge = lambda data: verdicts.second(data, long.file_key)  # noqa: E731
    assert set(answers(flags(long), judge)) == DAMAGED
    monkeypatch.setattr(second_reader, "open_chunk", any_flag)
    assert "ok" in answers(flags(long), judge)


@pytest.mark.slow
def test_a_reader_that_forgets_the_mac_is_caught(small, monkeypatch):
    mac = range(small.start - 32, small.start)
    assert set(answers(flips(small.data, mac), small.judge())) == DAMAGED
    monkeypatch.setattr(archive_reader, "is_mac", lambda *_: True)
    assert set(answers(flips(small.data, mac), small.judge())) == {"ok"}


def test_a_reader_that_counts_as_valid_too_early_is_caught(streamed, monkeypatch):
    assert set(answers(flags(streamed), streamed.judge("known"))) == DAMAGED
    honest = archive_reader.ArchiveReader.batches

    def eager(self, *, known=False):
        self.trailer = object()
        return honest(self, known=known)

    monkeypatch.setattr(archive_reader.ArchiveReader, "batches", eager)
    assert any("valid" in word for word in answers(flags(streamed), streamed.judge("known")))
