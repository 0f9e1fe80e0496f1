"""What a test needs of the machine: without it the test says so loudly, and in CI fails."""

import os
import shutil
from typing import NoReturn

import pytest


def not_tested(reason: str) -> NoReturn:
    """Skip the test because of *reason*; in CI fail it, where everything has to be tested."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(f"NOT TESTED: {reason}")


def program(name: str, package: str = "") -> str:
    """Return the path of the program *name*, which *package* brings, or do not test."""
    found = shutil.which(name)
    if found is None:
        not_tested(f"{name} is missing: apt-get install {package or name}")
    return found
