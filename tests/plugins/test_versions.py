"""Version ranges."""

import pytest

from dashboard.plugins.versions import is_newer, satisfies


@pytest.mark.parametrize(
    ("version", "wanted", "expected"),
    [
        ("2.3.0", "^2.1.0", True),
        ("2.0.9", "^2.1.0", False),
        ("3.0.0", "^2.1.0", False),
        ("0.2.5", "^0.2.1", True),
        ("0.3.0", "^0.2.1", False),
        ("0.0.3", "^0.0.3", True),
        ("0.0.4", "^0.0.3", False),
        ("1.4.0", "^1.0.0 || ^2.0.0", True),
        ("3.0.0", "^1.0.0 || ^2.0.0", False),
        ("5.0.0", ">= 5.0.0", True),
        ("4.9.9", ">=5.0.0", False),
        ("1.2.9", "~1.2.3", True),
        ("1.3.0", "~1.2.3", False),
        ("1.5.0", ">=1.0.0 <2.0.0", True),
        ("2.0.0", ">=1.0.0 <2.0.0", False),
        ("1.0.0", "*", True),
        ("1.0.0", "", True),
        ("1.0.0", "1.0.0", True),
        ("1.0.0-beta.1", "^1.0.0", True),
        ("1.0.0", "latest", False),
        ("latest", "^1.0.0", False),
    ],
)
def test_a_version_is_in_a_range_or_not(version, wanted, expected):
    assert satisfies(version, wanted) is expected


def test_a_newer_version_is_told_by_its_numbers():
    assert is_newer("1.10.0", "1.9.0")
    assert not is_newer("1.9.0", "1.10.0")
    assert not is_newer("1.9.0", "1.9.0")
    assert not is_newer("later", "1.0.0")
