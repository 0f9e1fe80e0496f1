"""Where no disk can be mounted the tests are skipped aloud; in CI they fail."""

import os

import pytest

from tests.faults import disks


@pytest.fixture(autouse=True)
def _not_root(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    disks.why_no_mounts.cache_clear()
    yield
    disks.why_no_mounts.cache_clear()


@pytest.mark.parametrize(
    ("ci", "ends"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)]
)
@pytest.mark.parametrize("require", [disks.require_mounts, disks.require_power_cuts])
def test_without_root_it_says_so(require, ci, ends, monkeypatch, capfd):
    monkeypatch.setenv("CI", ci)
    with pytest.raises(ends, match="they need root"):
        require()
    assert "CANNOT RUN: they need root" in capfd.readouterr().err
