"""Which login passwords are taken: NIST SP 800-63B (long enough, not a known one, nothing else).

`common_passwords.txt` are those of at least 8 characters among the 30,000 that leaks show most
often, as kept by zxcvbn 4.5.0 (MIT licence; https://github.com/dwolfhub/zxcvbn-python).
"""

from functools import lru_cache
from pathlib import Path

MIN_LENGTH = 8  # NIST SP 800-63B, 5.1.1.2: at least 8 characters
MAX_LENGTH = 1024
COMMON = Path(__file__).with_name("common_passwords.txt")
PRODUCT = "dashboard"


def weakness(password: str, *about: str) -> str | None:
    """Return why *password* is refused and what to do, or None; *about* says whose it is."""
    if len(password) < MIN_LENGTH:
        return f"Use at least {MIN_LENGTH} characters for the password."
    if len(password) > MAX_LENGTH:
        return f"Use at most {MAX_LENGTH} characters for the password."
    folded = password.casefold()
    if folded in _common() or len(set(folded)) == 1:
        return "Many people have this password, so it is among the first to be tried. Use another."
    if folded in _words(*about):
        return "This password can be guessed by who knows whose it is. Use another."
    return None


def _words(*about: str) -> set[str]:
    """Return what nobody needs to guess: the names and addresses, and their parts."""
    words = {text.casefold() for text in (*about, PRODUCT)}
    words |= {word.split("@")[0] for word in words}
    words |= {"".join(word.split()) for word in words}
    return words | {word + "".join(digits) for word in words for digits in ("1", "12", "123")}


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    return frozenset(COMMON.read_text(encoding="utf-8").casefold().split("\n"))
