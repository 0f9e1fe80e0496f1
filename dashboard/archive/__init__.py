"""The backup file, version 1 (`.dbk`): bytes <-> rows. No unit, no table, no web, no paths.

    file    = line1 line2 line3 mac chunk*
    line1   = "dashboard-backup/1"
    line2   = canonical JSON: the slots, each wrapping the same random file key
    line3   = BLAKE2b-256 of line1 line2: tells accidental damage from a wrong password
    mac     = BLAKE2b-256 of the three lines, keyed with the file key
    chunk   = up to 65,536 bytes of payload in a SecretBox; the nonce counts, and marks the last
    payload = zstd blocks of whole lines; the lines are a manifest, the rows, and a trailer

FORMAT.md has every byte. Promise: every version ever written stays readable; this program never
writes a version 1 file that differs from what FORMAT.md says.
"""

from .errors import (
    ArchiveError,
    Damaged,
    InvalidContent,
    LimitExceeded,
    NewerVersion,
    NoPasswordSlot,
    NotABackup,
    NotExportable,
    WrongPassword,
)
from .header import Header, read_header
from .keys import (
    KdfCost,
    PasswordSlot,
    SealedSlot,
    Slot,
    new_file_key,
    password_slot,
    sealed_slot,
    with_file_key,
    with_key_pair,
    with_password,
)
from .manifest import ContentDigest, Manifest, Trailer, UnitLabel, encode_line, section_heads
from .read_back import Proof, ReadBack
from .reader import ArchiveReader, Batch, Proven, open_with_password, unlock
from .rows import (
    SECTION_BY_NAME,
    SECTIONS,
    Row,
    Section,
    decode_rows,
    encode_rows,
    read_texts,
    with_value,
)
from .writer import ArchiveWriter, Lines, lines_of

__all__ = [
    "SECTIONS",
    "SECTION_BY_NAME",
    "ArchiveError",
    "ArchiveReader",
    "ArchiveWriter",
    "Batch",
    "ContentDigest",
    "Damaged",
    "Header",
    "InvalidContent",
    "KdfCost",
    "LimitExceeded",
    "Lines",
    "Manifest",
    "NewerVersion",
    "NoPasswordSlot",
    "NotABackup",
    "NotExportable",
    "PasswordSlot",
    "Proof",
    "Proven",
    "ReadBack",
    "Row",
    "SealedSlot",
    "Section",
    "Slot",
    "Trailer",
    "UnitLabel",
    "WrongPassword",
    "decode_rows",
    "encode_line",
    "encode_rows",
    "lines_of",
    "new_file_key",
    "open_with_password",
    "password_slot",
    "read_header",
    "read_texts",
    "sealed_slot",
    "section_heads",
    "unlock",
    "with_file_key",
    "with_key_pair",
    "with_password",
    "with_value",
]
