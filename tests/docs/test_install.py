"""docs/install.md: what it says of the service and the container stands in their files, too."""

import re
import subprocess

import pytest

from dashboard.config import SETTINGS
from tests import needs
from tests.docs.pages import ROOT, blocks_of

PACKAGING = ROOT / "packaging"
TEXT = (ROOT / "docs" / "install.md").read_text()
TYPED = [line for block in blocks_of(ROOT / "docs/install.md") for line in block.commands]


def commands_in(file):
    """Return the commands in the comments at the head of *file*."""
    head = re.match(r"(#.*\n)+", (PACKAGING / file).read_text())[0]
    found = re.findall(r"^#   (\S.*?)(?:  +#.*)?$", head, re.MULTILINE)
    return [part for line in found for part in line.split(" && ")]


@pytest.mark.parametrize("file", ["dashboard.service", "Containerfile"])
def test_the_page_types_what_the_file_says(file):
    assert len(commands_in(file)) >= 3
    for command in commands_in(file):
        assert command in TYPED


def test_systemd_takes_the_unit_file(tmp_path):
    """With a program that is there: systemd asks for the one that the unit starts."""
    unit = tmp_path / "dashboard.service"
    text = (PACKAGING / "dashboard.service").read_text()
    assert text.count("/usr/local/bin/dashboard serve\n") == 1
    unit.write_text(text.replace("/usr/local/bin/dashboard serve", "/bin/true serve"))
    words = [needs.program("systemd-analyze", "systemd"), "verify", str(unit)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_places_of_the_service_are_those_of_the_page():
    unit = (PACKAGING / "dashboard.service").read_text()
    for place in ("/var/lib/dashboard", "/etc/dashboard.env", "/usr/local/bin/dashboard"):
        assert place in unit
        assert place in TEXT
    assert set(re.findall(r"DASHBOARD_[A-Z]+_[A-Z]+", unit)) <= {s.variable for s in SETTINGS}
