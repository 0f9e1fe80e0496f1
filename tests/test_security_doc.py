"""docs/security.md is held to the code: no requirement is missing, and what it names is there."""

import ast
import re
import ssl
from itertools import product
from pathlib import Path

import pytest

from dashboard.archive import limits
from dashboard.archive.limits import MIB
from dashboard.backup import parts, runs, tickets
from dashboard.config import Settings
from dashboard.models import invites, people
from dashboard.models.second_factor import RECOVERY_LENGTH, RECOVERY_SIGNS
from dashboard.plugins.outgoing import trusted_by_system
from dashboard.web import session_rows, sessions
from dashboard.web.forms_content import ICON_MAX_BYTES

ROOT = Path(__file__).parents[1]
PLACES = [ROOT / name for name in ("tests", "", "dashboard", "templates", "static")]
DOCUMENT = (ROOT / "docs/security.md").read_text()
# Every requirement of level 1 or 2 of OWASP ASVS 5.0.0: chapter.section:numbers.
REQUIREMENTS = """
    1.1:1-2 1.2:1-9 1.3:1-11 1.4:1-3 1.5:1-2
    2.1:1-3 2.2:1-3 2.3:1-4 2.4:1
    3.2:1-2 3.3:1-4 3.4:1-6 3.5:1-5 3.7:1-2
    4.1:1-3 4.2:1 4.3:1-2 4.4:1-4
    5.1:1 5.2:1-3 5.3:1-2 5.4:1-3
    6.1:1-3 6.2:1-12 6.3:1-4 6.4:1-4 6.5:1-5 6.6:1-3 6.8:1-4
    7.1:1-3 7.2:1-4 7.3:1-2 7.4:1-5 7.5:1-2 7.6:1-2
    8.1:1-2 8.2:1-3 8.3:1 8.4:1
    9.1:1-3 9.2:1-4
    10.1:1-2 10.2:1-2 10.3:1-4 10.4:1-11 10.5:1-5 10.6:1-2 10.7:1-3
    11.1:1-2 11.2:1-3 11.3:1-3 11.4:1-4 11.5:1 11.6:1
    12.1:1-3 12.2:1-2 12.3:1-4
    13.1:1 13.2:1-5 13.3:1-2 13.4:1-5
    14.1:1-2 14.2:1-4 14.3:1-3
    15.1:1-3 15.2:1-3 15.3:1-7
    16.1:1 16.2:1-5 16.3:1-4 16.4:1-3 16.5:1-3
    17.1:1 17.2:1-4 17.3:1-2
"""
_NUMBER = r"\d+\.\d+\.\d+"
_ROW = re.compile(rf"^\| ({_NUMBER}[^|]*) \| ([^|]+) \| ([^|]+) \| ([^|]*?) *\|$", re.MULTILINE)
_FILE = re.compile(r"`([\w./-]+\.(?:py|md|html|js|css|txt|toml|in))(?:::(\w+))?`")
NOT_FULLY = ("Not met:", "Partly:")


def required():
    """Return the numbers in their order."""
    found = []
    for part in REQUIREMENTS.split():
        section, numbers = part.split(":")
        first, _, last = numbers.partition("-")
        found += [f"{section}.{n}" for n in range(int(first), int(last or first) + 1)]
    return found


def numbers_of(cell):
    """Return what `1.2.3, 1.2.5 to 1.3.1` names."""
    order, found = required(), []
    for part in cell.split(", "):
        first, _, last = part.partition(" to ")
        found += order[order.index(first) : order.index(last or first) + 1]
    return found


ROWS = [(numbers_of(row[0]), *row[1:]) for row in _ROW.findall(DOCUMENT)]


def test_every_requirement_of_levels_1_and_2_has_one_row():
    assert len(required()) == 253
    assert sorted(n for numbers, *_ in ROWS for n in numbers) == sorted(required())
    # A row whose shape the expression does not know would be left out above.
    assert len(ROWS) == len(re.findall(rf"^\| {_NUMBER}", DOCUMENT, re.MULTILINE))


def test_what_is_met_names_what_proves_it():
    for numbers, _, how, test in ROWS:
        exempt = how.startswith(("Does not apply:", *NOT_FULLY))
        assert test or exempt, numbers


def test_what_is_not_met_or_in_part_is_listed_first():
    listed = DOCUMENT.split("### Not met, or in part")[1].split("### ")[0]
    for word in NOT_FULLY:
        lines = re.findall(rf"^- \*\*{word}\*\* (.*?)(?=^- |^$)", listed, re.MULTILINE | re.DOTALL)
        told = re.findall(rf"\b{_NUMBER}\b", " ".join(lines))
        rows = [n for numbers, _, how, _ in ROWS if how.startswith(word) for n in numbers]
        assert sorted(told) == sorted(rows), word


def test_every_file_and_test_that_is_named_exists():
    named = set(_FILE.findall(DOCUMENT))
    assert len(named) > 100
    for name, function in named:
        found = [place / name for place in PLACES if (place / name).is_file()]
        assert found, name
        assert not function or f"def {function}(" in found[0].read_text(), (name, function)


def test_every_column_of_tests_names_only_tests_and_documents():
    for (numbers, _, _, test), (name, _) in (
        pair for row in ROWS for pair in product([row], _FILE.findall(row[3]))
    ):
        assert (ROOT / "tests" / name).is_file(), (numbers, name)
        assert Path(name).name.startswith("test_"), (numbers, test)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^):]+)\)", DOCUMENT))))
def test_its_links_lead_somewhere(target):
    file, _, place = target.partition("#")
    text = (ROOT / "docs" / file).read_text() if file else DOCUMENT
    heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    ids = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
    assert not place or place in ids


def numbers_told():
    """Yield what the document has to say of the program's numbers."""
    idle, absolute = session_rows.IDLE_SECONDS // 3600, session_rows.ABSOLUTE_SECONDS // 86_400
    yield f"{idle} idle hours, {absolute} days in all"
    yield f"session {idle} h idle, {absolute} days at most"
    yield f"{session_rows.SESSIONS_MAX} for an account"
    yield f"password typed within {sessions.FRESH_SECONDS // 60} minutes"
    yield f"{tickets.TICKET_SECONDS // 60} min; invite {invites.VALID_SECONDS // 86_400} days"
    yield f"{Settings().safety_copy_days} days (`DASHBOARD_SAFETY_COPY_DAYS`)"
    upload, unpacked = Settings().max_upload_bytes >> 30, limits.MAX_UNPACKED_BYTES >> 30
    yield f"{upload} GiB); {unpacked} GiB unpacked"
    yield f"{limits.MAX_RATIO} times the packed size"
    yield f"{parts.MAX_PART_BYTES // MIB} MiB; {parts.MAX_PART_TEXT_BYTES // MIB} MiB unpacked"
    yield f"{ICON_MAX_BYTES >> 10} KiB, 1,024 pixels"
    yield f"{limits.KDF_OPS} passes, {limits.KDF_MEM_BYTES // MIB} MiB, 128-bit salt"
    low, high = limits.KDF_MEM_RANGE
    ops = " to ".join(map(str, limits.KDF_OPS_RANGE))
    yield f"{ops} passes and {low // MIB} to {high // MIB} MiB"


def test_its_numbers_are_those_of_the_program():
    assert [text for text in numbers_told() if text not in DOCUMENT] == []
    assert (runs.UPLOAD_KEPT_SECONDS, runs.EXPORT_KEPT_SECONDS) == (1_800, 3_600)
    assert RECOVERY_LENGTH * (len(RECOVERY_SIGNS) - 1).bit_length() == 140
    assert people.hash_password.__wrapped__("long enough").startswith(
        "$argon2id$v=19$m=65536,t=2,p=1$"
    )
    assert trusted_by_system().minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("script", sorted((ROOT / "static/js").glob("*.js")), ids=lambda f: f.name)
def test_our_scripts_write_no_markup_and_keep_nothing(script):
    never = r"innerHTML|outerHTML *=|insertAdjacentHTML|document\.write|createContextualFragment"
    never += r"|\beval\b|new Function|localStorage|sessionStorage|indexedDB|postMessage"
    assert re.findall(never, script.read_text()) == []


def test_every_password_field_speaks_to_password_managers():
    fields = [
        (file.name, ast.unparse(node))
        for file in (ROOT / "dashboard/web").glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "PasswordField"
    ]
    assert len(fields) >= 8
    assert [name for name, field in fields if "autocomplete" not in field] == []
