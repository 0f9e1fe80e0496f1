"""The file that FORMAT.md explains byte by byte: a unit with one config key."""

import base64

from tests.archive.cases.frozen import HELLO_COMPRESSED
from tests.archive.cases.state import key, only
from tests.archive.second_writer import Maker, packed

PASSWORD = "open sesame"
ROWS = only("config_keys", key("Hello, world", name="GREETING", description="Said first"))


def hello() -> bytes:
    m = Maker("hello")
    return m.file(packed(base64.b64decode(HELLO_COMPRESSED)), line2=m.header(m.slot(PASSWORD)))
