"""Files made by the second writer, and what both readers say of them.

They are sealed rightly, so both readers get behind every MAC, and they must agree on the class.
"""

from tests.archive import second_reader
from tests.archive.cases.state import around, full, key, only
from tests.archive.second_reader import Limits
from tests.archive.second_writer import Maker, compact, payload, text
from tests.fuzz import verdicts

MIB = 1 << 20
REFUSED = {"limit", "invalid_content"}
MAKER = Maker("generated rows")
LINE2 = MAKER.header()


def sealed(data: bytes) -> bytes:
    """Return the file of a payload; the header is the same for all."""
    return MAKER.file(data, line2=LINE2)


def both(data: bytes, limits: Limits = second_reader.DEFAULT) -> tuple[str, str]:
    """Return what the product and the second reader say."""
    return (
        verdicts.product(data, MAKER.file_key),
        verdicts.second(data, MAKER.file_key, limits),
    )


def in_config(value: bytes) -> bytes:
    """Return a file with *value* inside a config: two levels down, with row and object."""
    rows = around("plugins")
    line = compact(full()["plugins"][0]).replace(b'{"url":"${DBKS:URL}"}', b'{"a":@}')
    rows["plugins"][0] = line.replace(b"@", value) + b"\n"
    return sealed(payload(text(rows)))


def in_key(value: bytes) -> bytes:
    """Return a file with *value* as the whole text of a config key."""
    return sealed(payload(text(only("config_keys", key(value.decode(), "json")))))
