"""The file key, the slots that wrap it, and the keys derived from it.

All of PyNaCl's key handling is here; nothing from `nacl` leaves this room.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import nacl.pwhash.argon2id
from nacl.bindings import (
    crypto_box_seal,
    crypto_box_seal_open,
    crypto_secretbox,
    crypto_secretbox_open,
    randombytes,
)
from nacl.exceptions import CryptoError

from .errors import NoPasswordSlot, WrongPassword
from .limits import KDF_MEM_BYTES, KDF_OPS

FILE_KEY_BYTES = 32
SALT_BYTES = 16
NONCE_BYTES = 24
WRAPPED_BYTES = NONCE_BYTES + 16 + FILE_KEY_BYTES  # nonce, tag, key
SEALED_BYTES = 32 + 16 + FILE_KEY_BYTES  # ephemeral public key, tag, key
PUBLIC_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class KdfCost:
    """What Argon2id may spend: passes, and bytes of memory."""

    ops: int = KDF_OPS
    mem: int = KDF_MEM_BYTES


@dataclass(frozen=True, slots=True)
class PasswordSlot:
    """The file key, wrapped under a key that Argon2id makes of a password."""

    cost: KdfCost
    salt: bytes
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class SealedSlot:
    """The file key, sealed to somebody's X25519 public key."""

    recipient: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class UnknownSlot:
    """A slot of a type that this program does not know."""

    type: str


Slot = PasswordSlot | SealedSlot | UnknownSlot
# Given a slot, return the file key, or None if it cannot open this slot.
Opener = Callable[[Slot], bytes | None]


def new_file_key() -> bytes:
    """Return a fresh random file key."""
    return bytes(randombytes(FILE_KEY_BYTES))


def _key_encryption_key(password: str, salt: bytes, cost: KdfCost) -> bytes:
    # The same password typed on two keyboards may be two Unicode spellings; NFC makes it one.
    text = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    return bytes(
        nacl.pwhash.argon2id.kdf(FILE_KEY_BYTES, text, salt, opslimit=cost.ops, memlimit=cost.mem)
    )


def password_slot(file_key: bytes, password: str, cost: KdfCost) -> PasswordSlot:
    """Wrap *file_key* under *password*. The one slow step of an export."""
    salt = bytes(randombytes(SALT_BYTES))
    nonce = bytes(randombytes(NONCE_BYTES))
    wrapping = _key_encryption_key(password, salt, cost)
    return PasswordSlot(cost, salt, nonce + crypto_secretbox(file_key, nonce, wrapping))


def sealed_slot(file_key: bytes, recipient: bytes) -> SealedSlot:
    """Seal *file_key* to the X25519 public key *recipient*."""
    return SealedSlot(recipient, crypto_box_seal(file_key, recipient))


def with_password(password: str) -> Opener:
    """Return an opener that tries *password* on password slots."""

    def open_slot(slot: Slot) -> bytes | None:
        if not isinstance(slot, PasswordSlot):
            return None
        wrapping = _key_encryption_key(password, slot.salt, slot.cost)
        nonce, box = slot.wrapped[:NONCE_BYTES], slot.wrapped[NONCE_BYTES:]
        try:
            return bytes(crypto_secretbox_open(box, nonce, wrapping))
        except CryptoError:
            return None

    return open_slot


def with_key_pair(public: bytes, secret: bytes) -> Opener:
    """Return an opener for slots sealed to the key pair (*public*, *secret*)."""

    def open_slot(slot: Slot) -> bytes | None:
        if not isinstance(slot, SealedSlot) or slot.recipient != public:
            return None
        try:
            return bytes(crypto_box_seal_open(slot.sealed, public, secret))
        except CryptoError:
            return None

    return open_slot


def with_file_key(file_key: bytes) -> Opener:
    """Return an opener for a file whose key is known already."""
    return lambda _slot: file_key


def open_file_key(slots: Sequence[Slot], opener: Opener, *, password: bool) -> bytes:
    """Return the file key from the first slot that *opener* opens; raise `WrongPassword`."""
    for slot in slots:
        file_key = opener(slot)
        if file_key is not None and len(file_key) == FILE_KEY_BYTES:
            return file_key
    if password and not any(isinstance(slot, PasswordSlot) for slot in slots):
        raise NoPasswordSlot
    raise WrongPassword


def header_mac(file_key: bytes, header: bytes) -> bytes:
    """Return the 32 bytes that bind the three header lines to the file key.

    SecretBox alone does not commit to its key; this does.
    """
    return hashlib.blake2b(b"dbk1 header" + header, digest_size=32, key=file_key).digest()


def is_mac(mac: bytes, file_key: bytes, header: bytes) -> bool:
    """Return whether *mac* is the right one, in constant time."""
    return hmac.compare_digest(mac, header_mac(file_key, header))


def payload_key(file_key: bytes, line1: bytes) -> bytes:
    """Return the key of the chunks. Slots do not enter, so they can be changed later."""
    return hashlib.blake2b(b"dbk1 payload" + line1, digest_size=32, key=file_key).digest()


def seal_chunk(plain: bytes, nonce: bytes, key: bytes) -> bytes:
    """Return tag and ciphertext of one chunk."""
    return bytes(crypto_secretbox(plain, nonce, key))


def open_chunk(sealed: bytes, nonce: bytes, key: bytes) -> bytes | None:
    """Return the plain bytes of one chunk, or None if it is not what was written there."""
    try:
        return bytes(crypto_secretbox_open(sealed, nonce, key))
    except CryptoError:
        return None
