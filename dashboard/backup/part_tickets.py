"""Between preview and import of a part the browser holds the file: nothing is staged here.

The form of the preview carries the ciphertext and its key, sealed under what only this server can
compute from everything that was previewed: user, unit, place, revision of the unit, file and time.
Whoever changes any of it has a key that does not open.
"""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass

from ..models import Unit, User
from ..vault import KeyUnusable, open_under, seal_under, vault
from .errors import PreviewUnusable
from .part_kinds import PartKind
from .parts import Read, read_again
from .runs import now

HELD_SECONDS = 15 * 60
_PURPOSE = b"preview of a part"


@dataclass(frozen=True, slots=True)
class Held:
    """What the form of a preview carries, as text."""

    file: str
    key: str
    expires: str


def hold(read: Read, unit: Unit, user: User, place: str, revision: int) -> Held:
    """Return what lets *user* import exactly this file, into *place*, while *revision* is true."""
    expires = str(now() + HELD_SECONDS)
    token = _token(read.file, unit, user, place, revision, expires)
    sealed = seal_under(token, read.file_key)
    return Held(_encode(read.file), _encode(sealed), expires)


def take(held: Held, kind: PartKind, unit: Unit, user: User, place: str, revision: int) -> Read:
    """Return the file that *held* stands for; raise `PreviewUnusable` if it is not as given out."""
    try:
        file, sealed = _decode(held.file), _decode(held.key)
        token = _token(file, unit, user, place, revision, held.expires)
        file_key = open_under(token, sealed)
    except (ValueError, binascii.Error, KeyUnusable):
        raise PreviewUnusable from None
    if int(held.expires) < now():  # sealed with the rest, so it is a number of ours
        raise PreviewUnusable
    return read_again(file, file_key, kind)


def _token(file: bytes, unit: Unit, user: User, place: str, revision: int, expires: str) -> str:
    digest = hashlib.sha256(file).hexdigest()
    bound = [unit.uid, user.email, place, revision, digest, expires]
    return vault.tag(_PURPOSE, json.dumps(bound).encode())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text.encode(), altchars=b"-_", validate=True)
