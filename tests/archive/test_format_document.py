"""FORMAT.md says what is so: its example, its program and its tables are taken out and tried."""

import ast
import base64
import hashlib
import json
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nacl.pwhash.argon2id
import pytest
import zstandard
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from tests.archive import second_content, second_reader
from tests.archive.second_content import SECTIONS
from tests.archive.second_json import KINDS, MAX_DEPTH
from tests.archive.second_reader import DEFAULT, read

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
TEXT = (ROOT / "FORMAT.md").read_text(encoding="utf-8")
HELLO = (HERE / "example" / "hello.dbk").read_bytes()
PASSWORD = "open sesame"
INDEX = [json.loads(line) for line in (HERE / "vectors" / "index.jsonl").read_text().splitlines()]


def block(info: str) -> str:
    """Return what stands between the fences that are opened with *info*."""
    found = re.findall(rf"^```{re.escape(info)}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert len(found) == 1, info
    return str(found[0])


def part(name: str) -> bytes:
    return bytes.fromhex(block(f"hex {name}"))


def chapter(title: str) -> str:
    """Return the text under a heading."""
    return TEXT.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def table(title: str, head: str) -> list[list[str]]:
    """Return the cells of the first table under *title* whose head begins with *head*."""
    lines = chapter(title).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {head}"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows


def blake(message: bytes, key: bytes = b"") -> bytes:
    return hashlib.blake2b(message, digest_size=32, key=key).digest()


# The example


def test_the_parts_of_the_example_are_the_file() -> None:
    names = ("line1", "line2", "line3", "mac", "tag", "ciphertext")
    assert b"".join(map(part, names)) == HELLO
    assert part("line2").decode() == block("json line2-text")


def test_every_number_of_the_example_can_be_computed() -> None:
    line1, line2, line3 = part("line1"), part("line2"), part("line3")
    slot = json.loads(line2)["slots"][0]
    salt, key = (base64.urlsafe_b64decode(slot[name] + "==") for name in ("salt", "key"))
    assert salt == part("salt")
    kek = nacl.pwhash.argon2id.kdf(
        32, PASSWORD.encode(), salt, opslimit=slot["ops"], memlimit=slot["mem"]
    )
    assert kek == part("wrapping-key")
    file_key = SecretBox(kek).decrypt(key)
    assert file_key == part("file-key")
    assert blake(line1 + line2).hex().encode() + b"\n" == line3
    assert blake(b"dbk1 header" + line1 + line2 + line3, file_key) == part("mac")
    assert blake(b"dbk1 payload" + line1, file_key) == part("payload-key")
    chunk = part("tag") + part("ciphertext")
    payload = SecretBox(part("payload-key")).decrypt(chunk, bytes(23) + b"\x01")
    assert payload == part("skippable-frame") + part("zstd-frame")
    text = zstandard.ZstdDecompressor().decompress(part("zstd-frame"))
    assert text.decode() == block("json text")


def test_the_digests_of_the_example_are_as_it_says() -> None:
    _, row, last = block("json text").encode().splitlines(keepends=True)
    nothing = blake(b"")
    assert f"`{nothing.hex()}`" in chapter("A file, byte by byte")
    assert json.loads(last)["content"] == blake(nothing * 10 + blake(row)).hex()
    assert read(HELLO, PASSWORD).content == json.loads(last)["content"]


@pytest.mark.parametrize(
    "sentence",
    [
        f"{len(HELLO):,} bytes, is a unit",
        "Line 2, {} bytes with its LF".format(len(HELLO.split(b"\n")[1]) + 1),
        "The ciphertext, {} bytes".format(len(part("ciphertext"))),
        "{} bytes (`{}`, little-endian)".format(
            len(part("zstd-frame")), part("skippable-frame")[8:].hex(" ")
        ),
        "declares {:,} bytes".format(len(block("json text").encode())),
        f"holds {len(INDEX)} small files",
    ],
)
def test_the_lengths_in_the_text_are_right(sentence: str) -> None:
    assert sentence in TEXT.replace("\n", " ")


# The program


@pytest.fixture
def open_backup(tmp_path: Path) -> Callable[[bytes, str], bytes]:
    script = tmp_path / "open_dbk.py"
    script.write_text(block("python"), encoding="utf-8")
    opened: Callable[[bytes, str], bytes] = runpy.run_path(str(script))["open_backup"]
    return opened


@pytest.mark.slow
def test_the_program_opens_every_right_file(open_backup: Callable[[bytes, str], bytes]) -> None:
    assert open_backup(HELLO, PASSWORD).decode() == block("json text")
    right = [entry for entry in INDEX if entry["class"] == "ok"]
    assert len(right) > 30
    for entry in right:
        data = (HERE / "vectors" / entry["file"]).read_bytes()
        lines = open_backup(data, entry["password"]).splitlines()
        assert lines == read(data, entry["password"]).lines, entry["file"]


@pytest.mark.parametrize(
    "name",
    [
        "magic-zip",
        "version-2",
        "line3-wrong",
        "mac-zero",
        "password-other",
        "cut-after-mac",
        "chunk-no-last",
        "chunks-no-end",
        "chunks-swapped",
        "chunk-one-byte-more",
    ],
)
def test_the_program_opens_no_wrong_file(
    open_backup: Callable[[bytes, str], bytes], name: str
) -> None:
    entry = next(entry for entry in INDEX if entry["file"] == f"{name}.dbk")
    data = (HERE / "vectors" / entry["file"]).read_bytes()
    with pytest.raises((ValueError, CryptoError)):
        open_backup(data, entry["password"])


def test_the_program_is_short_and_needs_two_libraries() -> None:
    code = block("python")
    bodies = [line for line in code.splitlines() if line and "import" not in line]
    assert len(bodies) <= 40
    imported: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).split(".")[0])
    standard = {"base64", "getpass", "hashlib", "json", "sys", "unicodedata", "pathlib"}
    assert imported - standard == {"nacl", "zstandard"}


# The tables


def test_the_table_of_sections_is_what_the_second_reader_reads() -> None:
    told = [
        (name.strip("`"), int(most.replace(",", "")), sort.split(", "), columns.split(", "))
        for name, most, sort, columns in table("Sections", "section")
    ]
    assert told == [
        (name, section.most, list(section.sort), list(section.columns))
        for name, section in SECTIONS.items()
    ]


def test_every_column_has_a_rule() -> None:
    told: dict[str, list[str]] = {}
    own: list[str] = []
    for column, _ in table("Sections", "column"):
        if column.startswith("**"):
            own = told.setdefault(column.strip("*"), [])
        else:
            own += column.split(", ")
    assert {name: sorted(columns) for name, columns in told.items()} == {
        name: sorted(section.columns) for name, section in SECTIONS.items()
    }


def test_the_words_of_the_format_are_those_of_the_second_reader() -> None:
    rules = chapter("Lines") + chapter("Sections")
    words: tuple[Any, ...] = (
        *second_content.ROLES,
        *second_content.KEY_TYPES,
        *second_content.LAYOUTS,
        *second_content.SIGNATURES,
        second_content.JSON_NUMBER.replace("|", r"\|"),
    )
    for word in words:
        assert f"`{word}`" in rules, word


def test_the_answers_are_the_seven() -> None:
    assert [row[0].strip("`") for row in table("Answers", "answer")] == ["ok", *KINDS]
    steps = table("Reading, in this order", "")
    assert [step[0] for step in steps] == [str(number) for number in range(1, 18)]
    for _, step, answer in steps:
        named = re.findall(r"`(\w+)`", answer)
        assert len(named) == 1, step
        assert named[0] in KINDS, step


def in_bytes(text: str) -> int:
    number, unit = text.split()
    return int(number) * {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[unit]


def test_the_table_of_limits_is_what_the_second_reader_holds() -> None:
    told = {row[0].replace("`", ""): row[1] for row in table("Limits", "limit")}
    assert in_bytes(told["file"]) == DEFAULT.packed
    unpacked = re.fullmatch(
        r"(8 GiB) in all; once past (64 MiB), at most (\d+) times the size of the file",
        told["unpacked text"],
    )
    assert unpacked
    assert in_bytes(unpacked[1]) == DEFAULT.unpacked
    assert in_bytes(unpacked[2]) == DEFAULT.ratio_from
    assert int(unpacked[3]) == DEFAULT.ratio
    assert in_bytes(told["block, unpacked"].split(",")[0]) == DEFAULT.block
    assert sum(map(in_bytes, told["block, packed"].split(" + "))) == DEFAULT.packed_block
    assert told["line 2"] == f"{second_reader.MAX_LINE2:,} bytes"
    assert told["slots"] == "{} to {}".format(*DEFAULT.slots)
    assert told["Argon2id ops"] == "{} to {}".format(*DEFAULT.ops)
    assert tuple(map(in_bytes, told["Argon2id mem"].split(" to "))) == DEFAULT.mem
    assert in_bytes(told["object, config value"]) == second_content.MAX_VALUE_BYTES
    assert in_bytes(told["object, config value"]) == second_content.MAX_OBJECT_BYTES
    assert in_bytes(told["icon"]) == second_content.MAX_ICON_BYTES
    assert int(told["JSON levels"]) == MAX_DEPTH
