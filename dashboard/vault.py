"""The server key: made on first start, kept in one file, used to seal secrets in the database.

A backup never depends on it: secrets leave the vault at export and enter the other server's vault
at import. It also owns the key pair that safety copies are sealed to.
"""

import base64
import binascii
import hashlib
import os
import secrets
from pathlib import Path

import peewee
from nacl.bindings import (
    crypto_box_seed_keypair,
    crypto_secretbox,
    crypto_secretbox_open,
    randombytes,
)
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

KEY_FILE_NAME = "server.key"
_MAGIC = "dashboard-key/1"
_NONCE_BYTES = 24


class KeyUnusable(Exception):
    """The server key is missing, damaged, or not the one this database was made with."""


class Vault:
    """Seals text with keys derived from the server key. Closed until `open` was called."""

    def __init__(self) -> None:
        self._key: bytes | None = None
        self._field_key: bytes | None = None
        self._tag_keys: dict[bytes, bytes] = {}

    def open(self, key: bytes) -> None:
        """Use the 32-byte server *key* from now on."""
        self._key = key
        self._field_key = self._derive(b"sealed field")
        self._tag_keys = {}

    def _derive(self, purpose: bytes) -> bytes:
        if self._key is None:
            raise RuntimeError("the vault is closed")
        return hashlib.blake2b(purpose, digest_size=32, key=self._key).digest()

    @property
    def key_id(self) -> str:
        """Return what tells one server key from another without revealing it (32 hex digits)."""
        return self._derive(b"key id").hex()[:32]

    def key_pair(self) -> tuple[bytes, bytes]:
        """Return the X25519 (public, secret) key that safety copies are sealed to."""
        public, secret = crypto_box_seed_keypair(self._derive(b"safety copy"))
        return public, secret

    def tag(self, purpose: bytes, data: bytes) -> str:
        """Return what proves that this server wrote *data* for *purpose*: BLAKE2b-256 in hex."""
        key = self._tag_keys.get(purpose) or self._derive(purpose)
        self._tag_keys[purpose] = key
        return hashlib.blake2b(data, digest_size=32, key=key).hexdigest()

    def seal(self, text: str) -> bytes:
        """Return *text* sealed: 24 bytes of nonce, 16 of tag, then the ciphertext."""
        if self._field_key is None:
            raise RuntimeError("the vault is closed")
        nonce = randombytes(_NONCE_BYTES)
        return bytes(nonce + crypto_secretbox(text.encode(), nonce, self._field_key))

    def unseal(self, sealed: bytes) -> str:
        """Return the text that was sealed; raise `KeyUnusable` if this key did not seal it."""
        if self._field_key is None:
            raise RuntimeError("the vault is closed")
        try:
            box = bytes(sealed)
            nonce, box = box[:_NONCE_BYTES], box[_NONCE_BYTES:]
            return bytes(crypto_secretbox_open(box, nonce, self._field_key)).decode()
        except CryptoError:
            raise KeyUnusable(
                "a sealed value in the database cannot be opened with this server key"
            ) from None


vault = Vault()


class SealedField(peewee.BlobField):
    """Text that is sealed by the vault on its way into the database and opened on its way out."""

    def db_value(self, value: str | None) -> object:
        """Seal."""
        sealed = None if value is None else vault.seal(value)
        return super().db_value(sealed)  # type: ignore[no-untyped-call]

    def python_value(self, value: bytes | None) -> str | None:
        """Open."""
        return None if value is None else vault.unseal(value)


def make_key_file(path: Path) -> bytes:
    """Create the key file at *path* (mode 0600, flushed to disk) and return the new key."""
    key = secrets.token_bytes(32)
    line = f"{_MAGIC} {base64.urlsafe_b64encode(key).decode()} {_check(key)}\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return key


def read_key_file(path: Path) -> bytes:
    """Return the key kept at *path*; raise `KeyUnusable` if it is missing or damaged."""
    try:
        words = path.read_text().split()
    except FileNotFoundError:
        raise KeyUnusable(
            f"{path} is missing. Put it back from your copy of the data directory."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise KeyUnusable(f"{path} cannot be read ({error}).") from None
    try:
        magic, encoded, check = words
        key = base64.urlsafe_b64decode(encoded)
    except (ValueError, binascii.Error):
        magic, key, check = "", b"", ""
    if magic != _MAGIC or len(key) != 32 or check != _check(key):
        raise KeyUnusable(f"{path} is damaged. Put it back from your copy of the data directory.")
    return key


def _check(key: bytes) -> str:
    return hashlib.blake2b(key, digest_size=4).hexdigest()


def seal_under(token: str, data: bytes) -> bytes:
    """Return *data* sealed under a secret *token* that is kept nowhere on this server."""
    return bytes(SecretBox(_token_key(token)).encrypt(data))


def open_under(token: str, sealed: bytes) -> bytes:
    """Return what `seal_under` sealed; raise `KeyUnusable` for another token."""
    try:
        return bytes(SecretBox(_token_key(token)).decrypt(bytes(sealed)))
    except CryptoError:
        raise KeyUnusable("sealed under another token") from None


def _token_key(token: str) -> bytes:
    return hashlib.blake2b(token.encode(), digest_size=32, person=b"dashboard ticket").digest()
