"""Chunks -> blocks -> lines -> rows: the pipeline of a validation and of an import."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, repeat
from operator import is_
from typing import BinaryIO, NamedTuple, cast

from .blocks import BlockReader
from .chunks import ChunkReader
from .errors import ArchiveError, Damaged, InvalidContent
from .header import LINE1, Header, read_header
from .keys import Opener, is_mac, open_file_key, payload_key, with_password
from .limits import PIECE_BYTES
from .manifest import (
    BackgroundDigest,
    Manifest,
    Trailer,
    decode_manifest,
    decode_trailer,
    differing_section,
)
from .rows import SECTIONS, Row, Section, decode_rows, split_lines
from .rules import RowChecker, stands_alone
from .streams import size_of
from .worker import Worker


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of one section, checked, and the lines they were."""

    section: Section
    rows: list[Row]
    lines: bytes


# Given the lines of some rows of a section, return whether they need not be decoded.
Skip = Callable[[Section, bytes], bool]
# Given some lines of a section, return for each the row it is, where that is known to follow every
# rule, or else None. For whoever knows the row, what begins with its key may stand for it.
Proven = Callable[[Section, Sequence[bytes]], Sequence[Row | None]]


class ArchiveReader:
    """Opens the backup file in *source*, from its beginning, and gives out its rows.

    The constructor reads the header, opens a slot and reads the manifest. **Nothing is valid before
    `batches` has ended**: until then rows are proven to be what was written, but not complete.
    """

    def __init__(self, source: BinaryIO, opener: Opener, *, password: bool = False) -> None:
        file_bytes = size_of(source)
        header = read_header(source)
        self.file_key = unlock(header, opener, password=password)
        self._chunks = ChunkReader(source, payload_key(self.file_key, LINE1))
        self._blocks = BlockReader(self._chunks.read, file_bytes)
        self._rest = b""
        self.payload_bytes = 0  # of text, unpacked so far
        self.manifest: Manifest = decode_manifest(self._lines(1)[0])
        self.trailer: Trailer | None = None

    def batches(
        self, *, known: bool = False, skip: Skip | None = None, proven: Proven | None = None
    ) -> Iterator[Batch]:
        """Yield every row, in batches, in order; raise an `ArchiveError` at the first fault.

        *known*: these very bytes have passed once, so only what could have changed since is asked
        again (that every chunk is in its place, and the digests), not what the rows mean. Then
        *skip* may say of lines that nobody asks for their rows. *proven* is asked for rows of
        sections that stand alone; those are not decoded, and only their order is checked.
        """
        checker = None if known else RowChecker()
        with Worker() as worker:
            digest, self._blocks.worker = BackgroundDigest(worker), worker
            for section, head in zip(SECTIONS, self.manifest.sections, strict=True):
                done = 0
                while done < head.count:
                    lines, pieces = self._lines(head.count - done)
                    total = sum(len(piece.lines) for piece in pieces)
                    digest.add(section.name, lines, total)
                    if known and skip is not None and skip(section, lines):
                        done += total
                        continue
                    for piece in pieces:
                        rows = None
                        if checker and proven and stands_alone(section):
                            rows = _checked_beside(proven, section, piece, done, checker)
                        rows = rows or _checked(section, piece, done, checker)
                        yield Batch(section, rows, piece.text)
                        done += len(rows)
            self._finish(digest)

    def _finish(self, digest: BackgroundDigest) -> None:
        claimed, found = decode_trailer(self._lines(1)[0]), digest.trailer()
        if claimed != found:
            section = differing_section(claimed.sections, found.sections)
            raise InvalidContent(f"a trailer that does not fit {section or 'its content'}")
        if self._rest or self._blocks.take():
            raise InvalidContent("something behind the last line")
        self.trailer = claimed

    def _lines(self, most: int) -> tuple[bytes, list["_Piece"]]:
        """Return whole lines, at least one and at most *most*: all, and in pieces.

        A piece has up to `PIECE_BYTES`, or is one line that is longer.
        """
        lines = self._rest or self._block()
        pieces, at = [], 0
        while at < len(lines) and most > 0:
            end = lines.rfind(b"\n", at, at + PIECE_BYTES) + 1 or lines.index(b"\n", at) + 1
            piece = _piece(lines[at:end])
            if len(piece.lines) > most:
                piece = _piece(b"\n".join([*piece.lines[:most], b""]))
            pieces.append(piece)
            at, most = at + len(piece.text), most - len(piece.lines)
        self._rest = lines[at:]
        return lines[:at], pieces

    def _block(self) -> bytes:
        lines = self._blocks.take()
        if not lines:
            raise InvalidContent("fewer lines than it says")
        self.payload_bytes += len(lines)
        if b"\r" in lines:
            raise InvalidContent("a carriage return; lines end with LF alone")
        return lines


class _Piece(NamedTuple):
    """Some whole lines, together and each by itself."""

    text: bytes
    lines: list[bytes]


def _piece(text: bytes) -> _Piece:
    return _Piece(text, split_lines(text))


def _checked(section: Section, piece: _Piece, first: int, checker: RowChecker | None) -> list[Row]:
    rows = decode_rows(section, piece.text, first, piece.lines)
    if checker is not None:
        checker.check(section, rows, first, piece.text)
    return rows


def _checked_beside(
    proven: Proven, section: Section, piece: _Piece, first: int, checker: RowChecker
) -> list[Row] | None:
    """Return the rows of *piece*, decoding only those that are not proven; None if that is no use.

    It is none either if one of them has a fault: whoever decodes all can name the row.
    """
    lines = piece.lines
    rows = list(proven(section, lines))
    missing = list(compress(range(len(rows)), map(is_, rows, repeat(None))))
    if len(missing) == len(lines):
        return None
    if missing:
        text = b"\n".join([*(lines[at] for at in missing), b""])
        try:
            decoded = decode_rows(section, text, first)
            checker.check_rules(section, decoded, first, text)
        except ArchiveError:
            return None
        for at, row in zip(missing, decoded, strict=True):
            rows[at] = row
    found = cast("list[Row]", rows)
    checker.check_order(section, section.keys_of(found), first)
    return found


def unlock(header: Header, opener: Opener, *, password: bool = False) -> bytes:
    """Return the file key; raise `WrongPassword`, or `Damaged` if the header is not its own."""
    file_key = open_file_key(header.slots, opener, password=password)
    if not is_mac(header.mac, file_key, header.lines):
        raise Damaged("its header does not belong to its content")
    return file_key


def open_with_password(source: BinaryIO, password: str) -> ArchiveReader:
    """Open the backup in *source* with *password*."""
    return ArchiveReader(source, with_password(password), password=True)
