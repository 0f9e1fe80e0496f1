"""Secrets that are known again wherever they turn up, and the search for them.

marks = Canaries()
marks.make("backup password")           a text with a core that nothing else has
marks.learn("ticket", text)             a secret that the server made
marks.found_in(data)                    {"ticket"}
"""

import base64
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote_from_bytes

ENDS = ' "é+/'  # what JSON, addresses, forms and HTML write in another way


class Canaries:
    """The secrets of one run by kind, each in every way that it may be written."""

    def __init__(self) -> None:
        self._forms: dict[str, set[bytes]] = {}
        self._every: set[bytes] = set()

    def make(self, kind: str) -> str:
        """Return a new secret of *kind*; it is found also if only its core is there."""
        core = f"canary{secrets.token_hex(8)}"
        self.learn(kind, core)
        return f"{core}{ENDS}{core[::-1]}"

    def learn(self, kind: str, secret: str | bytes) -> None:
        """Look for *secret*, too."""
        data = secret.encode() if isinstance(secret, str) else secret
        assert len(data) >= 8, f"{kind}: too short to be known again"
        self._forms.setdefault(kind, set()).update(ways_to_write(data))

    @property
    def kinds(self) -> set[str]:
        """Return which kinds of secrets are looked for."""
        return set(self._forms)

    def found_in(self, data: bytes, but: Iterable[str] = ()) -> set[str]:
        """Return the kinds that *data* holds, but for those that may be there."""
        looked_for = self._forms.keys() - set(but)
        return {kind for kind in looked_for if any(form in data for form in self._forms[kind])}


def ways_to_write(data: bytes) -> Iterator[bytes]:
    """Yield *data* as it is, in hex, in base64 at every place in a longer text, in UTF-16, ..."""
    yield from (data, data.hex().encode(), data.hex().upper().encode())
    yield quote_from_bytes(data, safe="").encode()
    for shift in range(3):
        for alphabet in (b"+/", b"-_"):
            code = base64.b64encode(bytes(shift) + data, altchars=alphabet).rstrip(b"=")
            # The first and last digits hold bits of the neighbours.
            yield code[(shift * 8 + 5) // 6 : -1]
    text = data.decode(errors="ignore")
    if text.encode() == data:
        yield from (text.encode("utf-16-le"), text.encode("utf-16-be"))
        yield text.encode("ascii", "backslashreplace")


def files_below(*folders: Path) -> Iterator[Path]:
    """Yield every file in *folders*; what goes away meanwhile does not matter."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                yield path


def leaks(
    marks: Canaries, folders: Iterable[Path], places: dict[str, set[str]] | None = None
) -> dict[str, set[str]]:
    """Return {file: kinds of secrets in it}; *places* says which may be in a file of a name."""
    found = {}
    for path in files_below(*folders):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue
        but = (places or {}).get(path.name, set())
        if kinds := marks.found_in(data, but) | marks.found_in(str(path).encode()):
            found[str(path)] = kinds
    return found
