"""Faults of magic, version, header, slots and password."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.archive.cases.case import Case
from tests.archive.second_writer import PASSWORD, Maker, canonical, compact, digest_line, keyed

Change = Callable[[dict[str, Any]], dict[str, Any]]


def cases() -> Iterator[Case]:
    yield from beginnings()
    yield from cuts()
    yield from line2_faults()
    yield from slot_faults()
    yield from line3_and_mac_faults()
    yield from out_of_bounds()
    yield from wrong_passwords()


def with_header(header: Callable[[Maker], bytes]) -> Callable[[Maker], bytes]:
    return lambda m: m.empty(line2=header(m))


def with_line1(line1: bytes) -> Callable[[Maker], bytes]:
    return lambda m: m.empty(line1=line1)


def constant(data: bytes) -> Callable[[Maker], bytes]:
    return lambda m: data


def beginnings() -> Iterator[Case]:
    for name, line1, why in (
        ("capital", b"Dashboard-backup/1\n", "the magic begins with a capital letter"),
        ("no-number", b"dashboard-backup/\n", "no version after the slash"),
        ("version-0", b"dashboard-backup/0\n", "there is no version 0"),
        ("version-01", b"dashboard-backup/01\n", "a version has no leading zero"),
        (
            "version-02",
            b"dashboard-backup/02\n",
            "a version has no leading zero, a higher one neither",
        ),
        ("version-minus", b"dashboard-backup/-1\n", "a version has no sign"),
        ("version-1.0", b"dashboard-backup/1.0\n", "a version is one integer"),
        ("version-10-digits", b"dashboard-backup/1000000000\n", "a version has at most 9 digits"),
        ("crlf", b"dashboard-backup/1\r\n", "line 1 ends with CR LF"),
        ("space", b"dashboard-backup/1 \n", "a space after the version"),
        ("bom", b"\xef\xbb\xbfdashboard-backup/1\n", "a byte order mark before line 1"),
        ("blank-line", b"\ndashboard-backup/1\n", "a blank line before line 1"),
    ):
        yield Case(f"magic-{name}", "not_a_backup", why, with_line1(line1))
    for name, data, why in (
        ("empty-file", b"", "no byte at all"),
        ("cut-in-line1", b"dashboard-backup/", "the file ends within line 1"),
        ("cut-before-lf", b"dashboard-backup/1", "the file ends before the LF of line 1"),
        ("no-lf", b"dashboard-backup/1" + b" " * 600, "line 1 does not end within 64 bytes"),
        ("zip", b"PK\x03\x04" + bytes(60), "a zip file"),
        ("zeros", bytes(4096), "nothing but zero bytes"),
    ):
        yield Case(f"magic-{name}", "not_a_backup", why, constant(data))
    for number in ("2", "10", "999999999"):
        why = f"made as version {number}; otherwise a right version 1 file"
        line1 = f"dashboard-backup/{number}\n".encode()
        yield Case(f"version-{number}", "newer_version", why, with_line1(line1))
    why = "version 2, and nothing after line 1: nothing else is read"
    yield Case("version-2-alone", "newer_version", why, constant(b"dashboard-backup/2\n"))


def cuts() -> Iterator[Case]:
    def cut(part: int, extra: int) -> Callable[[Maker], bytes]:
        def make(m: Maker) -> bytes:
            data = m.empty()
            ends = [0]
            for _ in range(3):
                ends.append(data.index(b"\n", ends[-1]) + 1)
            ends += [ends[-1] + 32, len(data)]
            return data[: ends[part] + extra]

        return make

    for name, part, extra, why in (
        ("after-line1", 1, 0, "the file ends after line 1"),
        ("in-line2", 1, 40, "the file ends within line 2"),
        ("before-lf-of-line2", 2, -1, "the file ends before the LF of line 2"),
        ("after-line2", 2, 0, "the file ends after line 2"),
        ("in-line3", 2, 20, "the file ends within line 3"),
        ("before-lf-of-line3", 3, -1, "the file ends before the LF of line 3"),
        ("after-line3", 3, 0, "the file ends after line 3"),
        ("in-mac", 3, 31, "the file ends within the mac"),
        ("after-mac", 4, 0, "no chunk at all"),
        ("in-tag", 4, 15, "the file ends within the tag of chunk 0"),
        ("after-tag", 4, 16, "the file ends after the tag of chunk 0"),
        ("in-chunk", 4, 100, "the file ends within chunk 0"),
        ("last-byte", 5, -1, "the last byte is missing"),
    ):
        yield Case(f"cut-{name}", "damaged", why, cut(part, extra))


def line2_faults() -> Iterator[Case]:
    """Line 3 and the mac are right for what line 2 says: only its form is wrong."""

    def raw(change: Callable[[bytes], bytes]) -> Callable[[Maker], bytes]:
        return lambda m: m.empty(line2=change(m.header()))

    def replace(old: bytes, new: bytes) -> Callable[[Maker], bytes]:
        return raw(lambda line2: line2.replace(old, new, 1))

    head = b'{"chunk":65536,'
    for name, old, new, why in (
        ("space", b":65536", b": 65536", "a space in line 2"),
        ("crlf", b"}\n", b"}\r\n", "line 2 ends with CR LF"),
        ("bom", head, b"\xef\xbb\xbf" + head, "a byte order mark in line 2"),
        ("escape", b'"type"', b'"t\\u0079pe"', "an escape where none is needed"),
        ("duplicate-key", head, b'{"chunk":65536,"chunk":65536,', "a key twice"),
        ("slot-duplicate-key", b'"ops":1', b'"ops":1,"ops":1', "a key twice in a slot"),
        ("not-utf8", b'"type"', b'"type\xff"', "line 2 is not UTF-8"),
        ("nan", b"65536", b"NaN", "NaN is no JSON"),
        ("fraction", b"65536", b"65536.0", "a number with a fraction"),
        ("exponent", b"65536", b"65536e0", "a number with an exponent"),
        ("leading-zero", b"65536", b"065536", "a number with a leading zero"),
        ("two-values", b"}\n", b"}{}\n", "something follows the object"),
        ("no-chunk", b'"chunk":65536,', b"", "the key chunk is missing"),
        ("extra-key", head, b'{"a":1,"chunk":65536,', "a key too many"),
        ("chunk-string", b"65536", b'"65536"', "chunk is a string"),
        ("chunk-true", b"65536", b"true", "chunk is a boolean"),
    ):
        yield Case(f"line2-{name}", "damaged", why, replace(old, new))
    for name, value, why in (
        ("array", [], "line 2 is an array"),
        ("no-slots", {"chunk": 65536}, "the key slots is missing"),
        ("slots-object", {"chunk": 65536, "slots": {}}, "slots is an object"),
        ("slot-string", {"chunk": 65536, "slots": ["password"]}, "a slot is a string"),
        ("slot-no-type", {"chunk": 65536, "slots": [{"n": 1}]}, "a slot has no type"),
        ("slot-type-number", {"chunk": 65536, "slots": [{"type": 1}]}, "the type is a number"),
    ):
        line2 = canonical(value) + b"\n"
        yield Case(f"line2-{name}", "damaged", why, raw(lambda _, line2=line2: line2))
    blank = raw(lambda _: b"\n")
    yield Case("line2-blank", "damaged", "line 2 is empty", blank)

    def unsorted(m: Maker) -> bytes:
        return m.empty(line2=compact({"slots": [m.slot()], "chunk": 65536}) + b"\n")

    yield Case("line2-key-order", "damaged", "the keys are not sorted", unsorted)

    def too_long(m: Maker) -> bytes:
        slot = m.slot()
        size = len(m.header(slot, {"pad": "", "type": "other"}))
        return m.empty(line2=m.header(slot, {"pad": "x" * (16385 - size), "type": "other"}))

    yield Case("line2-too-long", "damaged", "line 2 has 16,385 bytes with its LF", too_long)


def slot_faults() -> Iterator[Case]:
    def changed(change: Change) -> Callable[[Maker], bytes]:
        return lambda m: m.empty(line2=m.header(change(m.slot())))

    def changed_sealed(change: Change) -> Callable[[Maker], bytes]:
        return lambda m: m.empty(line2=m.header(m.slot(), change(m.sealed_slot())))

    for key in ("kdf", "key", "mem", "ops", "salt"):
        without = changed(lambda s, key=key: {k: v for k, v in s.items() if k != key})
        yield Case(f"slot-no-{key}", "damaged", f"a password slot without {key}", without)
    changes: tuple[tuple[str, Change, str], ...] = (
        ("extra-key", lambda s: s | {"hint": "dog"}, "a password slot with a key too many"),
        ("kdf-other", lambda s: s | {"kdf": "scrypt"}, "another kdf"),
        ("ops-string", lambda s: s | {"ops": "1"}, "ops is a string"),
        ("ops-true", lambda s: s | {"ops": True}, "ops is a boolean"),
        ("mem-null", lambda s: s | {"mem": None}, "mem is null"),
        ("salt-null", lambda s: s | {"salt": None}, "the salt is null"),
        ("salt-empty", lambda s: s | {"salt": ""}, "the salt is empty"),
        ("salt-short", lambda s: s | {"salt": "A" * 20}, "the salt has 15 bytes"),
        ("salt-long", lambda s: s | {"salt": "A" * 23}, "the salt has 17 bytes"),
        ("salt-padded", lambda s: s | {"salt": s["salt"] + "=="}, "the salt is padded"),
        ("salt-spare-bits", lambda s: s | {"salt": "A" * 21 + "B"}, "spare bits are not zero"),
        ("salt-standard", lambda s: s | {"salt": "+/" * 10 + "AA"}, "the other base64 alphabet"),
        ("salt-space", lambda s: s | {"salt": " " + s["salt"]}, "a space in the salt"),
        ("key-short", lambda s: s | {"key": s["key"][:95]}, "the wrapped key has 71 bytes"),
        ("key-long", lambda s: s | {"key": s["key"] + "AA"}, "the wrapped key has 73 bytes"),
        ("key-cut", lambda s: s | {"key": s["key"] + "A"}, "base64url of an impossible length"),
    )
    for name, change, why in changes:
        yield Case(f"slot-{name}", "damaged", why, changed(change))
    sealed: tuple[tuple[str, Change, str], ...] = (
        ("key-short", lambda s: s | {"key": "A" * 106}, "the sealed key has 79 bytes"),
        ("recipient-short", lambda s: s | {"recipient": "A" * 42}, "the recipient has 31 bytes"),
        ("extra-key", lambda s: s | {"name": "server"}, "a sealed slot with a key too many"),
        ("no-recipient", lambda s: {k: s[k] for k in ("key", "type")}, "no recipient"),
    )
    for name, change, why in sealed:
        yield Case(f"sealed-{name}", "damaged", why, changed_sealed(change))


def line3_and_mac_faults() -> Iterator[Case]:
    def line3(change: Callable[[bytes], bytes]) -> Callable[[Maker], bytes]:
        def make(m: Maker) -> bytes:
            line2 = m.header()
            return m.empty(line2=line2, line3=change(digest_line(b"dashboard-backup/1\n", line2)))

        return make

    changes: tuple[tuple[str, Callable[[bytes], bytes], str], ...] = (
        ("wrong", lambda _: b"0" * 64 + b"\n", "line 3 is not the digest of lines 1 and 2"),
        ("capitals", lambda x: x.upper(), "line 3 is written in capitals"),
        ("crlf", lambda x: x[:-1] + b"\r\n", "line 3 ends with CR LF"),
        ("short", lambda x: x[1:], "line 3 has 63 digits"),
        ("long", lambda x: b"0" + x, "line 3 has 65 digits"),
        ("blank-before", lambda x: b"\n" + x, "a blank line before line 3"),
    )
    for name, change, why in changes:
        yield Case(f"line3-{name}", "damaged", why, line3(change))

    def stale(m: Maker) -> bytes:
        line2 = m.header()
        return m.empty(line2=line2.replace(b'"ops":1', b'"ops":9'), line3=b"0" * 64 + b"\n")

    why = "ops out of bounds and line 3 wrong: line 3 is looked at first"
    yield Case("line3-before-bounds", "damaged", why, stale)

    yield Case("mac-zero", "damaged", "the mac is all zeros", lambda m: m.empty(mac=bytes(32)))

    def other_mac(m: Maker) -> bytes:
        lines = b"dashboard-backup/1\n" + (line2 := m.header())
        lines += digest_line(b"dashboard-backup/1\n", line2)
        return m.empty(line2=line2, mac=keyed(m.file_key, b"dbk1 payload" + lines))

    yield Case("mac-other-label", "damaged", "the mac is made with the other label", other_mac)

    def slot_added(m: Maker) -> bytes:
        slot = m.slot()
        before = m.header(slot)
        lines = b"dashboard-backup/1\n" + before + digest_line(b"dashboard-backup/1\n", before)
        mac = keyed(m.file_key, b"dbk1 header" + lines)
        return m.empty(line2=m.header(slot, {"type": "other"}), mac=mac)

    why = "a slot was added by somebody without the file key: line 3 is right, the mac is not"
    yield Case("mac-slot-added", "damaged", why, slot_added)

    def other_key(m: Maker) -> bytes:
        other = Maker("another file with the same password")
        return m.empty(line2=other.header())

    why = "the slot wraps another file's key, the mac is that of this file"
    yield Case("mac-other-file-key", "damaged", why, other_key)


def out_of_bounds() -> Iterator[Case]:
    def slot(**changes: Any) -> Callable[[Maker], bytes]:
        return with_header(lambda m: m.header(m.slot(**changes)))

    for name, value in (("0", 0), ("9", 9), ("minus-1", -1), ("2-31", 1 << 31), ("2-63", 1 << 63)):
        yield Case(f"ops-{name}", "limit", f"ops is {value}", slot(ops=value))
    mib = 1 << 20
    for name, value in (
        ("0", 0),
        ("below", 8 * mib - 1),
        ("above", 512 * mib + 1),
        ("4-tib", 1 << 42),
        ("2-64", (1 << 64) - 1),
    ):
        yield Case(f"mem-{name}", "limit", f"mem is {value}", slot(mem=value))
    why = "the second password slot is out of bounds; the first would open"
    second = with_header(lambda m: m.header(m.slot(), m.slot(ops=9)))
    yield Case("ops-second-slot", "limit", why, second)
    for size in (0, 1, 65535, 65537, 1 << 31):
        sized = with_header(lambda m, size=size: m.header(chunk=size))
        yield Case(f"chunk-size-{size}", "limit", f"chunk is {size}", sized)
    none = with_header(lambda m: m.header(slots=[]))
    yield Case("slots-0", "limit", "no slot", none)
    many = with_header(lambda m: m.header(m.slot(), *[{"type": "other"}] * 16))
    yield Case("slots-17", "limit", "17 slots", many)


def wrong_passwords() -> Iterator[Case]:
    kind = "wrong_password"
    for name, password, why in (
        ("other", "correct horse battery stapler", "another password"),
        ("empty", "", "an empty password"),
        ("case", PASSWORD.title(), "capital letters matter"),
        ("space", PASSWORD + " ", "a space at the end matters"),
        ("newline", PASSWORD + "\n", "a newline at the end matters"),
        ("nul", PASSWORD + "\0", "a NUL at the end matters"),
    ):
        yield Case(f"password-{name}", kind, why, Maker.empty, password)

    for name, written, tried, why in (
        (
            "byte-100",
            "x" * 99 + "y",
            "x" * 99 + "z",
            "differs at byte 100 only: nothing is cut off",
        ),
        ("nfkc", "office", "o\ufb03ce", "a ligature is not its letters: NFC is meant, not NFKC"),
    ):
        make = with_header(lambda m, written=written: m.header(m.slot(written)))
        yield Case(f"password-{name}", kind, why, make, tried)
    headers: tuple[tuple[str, Callable[[Maker], bytes], str], ...] = (
        ("ops-changed", lambda m: m.header(m.slot(ops=2)), "ops is not what the key was made with"),
        ("salt-changed", lambda m: m.header(m.slot(salt="A" * 22)), "another salt"),
        ("key-changed", lambda m: m.header(m.slot(key="A" * 96)), "another wrapped key"),
        ("sealed-alone", lambda m: m.header(m.sealed_slot()), "only a sealed slot"),
        ("unknown-alone", lambda m: m.header({"type": "shamir"}), "only a slot of unknown type"),
    )
    for name, header, why in headers:
        yield Case(f"slot-{name}", kind, why, with_header(header))
