"""The corpus in every text field of a backup: imported, shown on every page, and only ever text.

The pages are read by an HTML parser here; `tests/browser/test_hostile.py` lets Chromium read them.
"""

import json
import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from dashboard.archive import SECTIONS, InvalidContent
from dashboard.archive.rows import SECTION_BY_NAME, decode_rows
from dashboard.archive.rules import RowChecker
from dashboard.backup.export import content_digest
from tests.archive.second_writer import PASSWORD, line
from tests.backup.test_rights import sealed
from tests.hostile.corpus import CORPUS, GROUPS, LONG, MARK, POSSIBLE, of
from tests.hostile.crafted import PLAIN, TEXT_COLUMNS, core_bundles, fits, fitted, head, rows_of
from tests.hostile.pages import Read, is_harmless
from tests.web.test_backups import PAGE, admin, import_, ticket_in, validate

__all__ = ["admin"]
HOME, ADMIN = "/u/daily", "/u/daily/admin"
BATCH = 25  # a preview names all of them; many more in one unit would make every page long
LOOKED_AT = POSSIBLE if LONG else POSSIBLE[::5]
BATCHES = [LOOKED_AT[at : at + BATCH] for at in range(0, len(LOOKED_AT), BATCH)]
# One of each group: what the ordinary run looks at.
SAMPLE = tuple(next(one for one in POSSIBLE if one.group == group) for group in GROUPS
               if any(one.group == group for one in POSSIBLE))  # fmt: skip
EVERY = [
    pytest.param(SAMPLE[:6], id="sample"),
    *(
        pytest.param(batch, id=f"batch {number}", marks=pytest.mark.slow)
        for number, batch in enumerate(BATCHES)
    ),
]
MANY = {"script": 15, "handler": 30, "htmx": 30, "template": 40, "formula": 20, "path": 30,
        "sql": 20, "shell": 20, "header": 20, "direction": 15, "invisible": 30, "unicode": 30,
        "twins": 20}  # fmt: skip


class Pages:
    """A browser that reads each page it gets, and notes what is on one and should not be."""

    def __init__(self, client) -> None:
        self.client = client
        self.seen: dict[str, Read] = {}
        self.faults: list[str] = []

    def get(self, address: str, status: int = 200) -> Read:
        """Return the page at *address*."""
        if address not in self.seen:
            answer = self.client.get(address)
            assert answer.status_code == status, (address, answer.status_code)
            self.seen[address] = self.read(address, answer.text)
        return self.seen[address]

    def read(self, name: str, page: str) -> Read:
        """Take *page* apart."""
        found = Read(page)
        self.faults += [f"{name}: {fault}" for fault in found.faults]
        return found


def shown_at(batch) -> Iterator[tuple[str, str, str]]:
    """Yield (section, column, address): where the text of a column is shown, row by row."""
    for number, _ in enumerate(batch):
        plugin, workspace = f"{ADMIN}/plugins/hostile.p{number:03}", f"{HOME}/w/ws-{number:03}"
        for column in ("name", "version", "source"):
            yield "plugins", column, plugin
        yield "plugins", "name", f"{ADMIN}/plugins"
        yield "workspaces", "name", f"{workspace}/settings"
        yield "workspaces", "icon_text", f"{workspace}/settings"
        yield "workspaces", "name", f"{ADMIN}/workspaces"
        yield "workspaces", "owner_email", f"{ADMIN}/workspaces"
        yield "applications", "title", f"{workspace}/applications/app-other/settings"
        yield "applications", "title", f"{workspace}?plain=1"
        yield "profiles", "name", f"{HOME}/profiles/pf-{number:03}"
        yield "profiles", "name", f"{ADMIN}/profiles"
        yield "config_keys", "value", f"{ADMIN}/keys/K{number:03}"
        yield "config_keys", "description", f"{ADMIN}/keys/K{number:03}"


def other_pages(number: int) -> Iterator[str]:
    """Yield what else shows something of one string."""
    plugin, workspace = f"{ADMIN}/plugins/hostile.p{number:03}", f"{HOME}/w/ws-{number:03}"
    yield f"{ADMIN}/keys/J{number:03}"
    if number % 5 == 0:
        yield f"{plugin}?as=text"
        yield workspace
        yield f"{workspace}/applications/app-other/settings?as=text"
    if number % 10 == 0:
        for page in ("uninstall", "deactivate", "file"):
            yield f"{plugin}/{page}"
        for page in ("applications", "delete", "export", "applications/app-other/remove"):
            yield f"{workspace}/{page}"
        for folder in core_bundles():
            yield f"{workspace}/applications/app-{folder}/settings"
        yield f"{HOME}/profiles/pf-{number:03}/delete"
        yield f"{ADMIN}/keys/K{number:03}/delete"


COMMON = (
    f"{ADMIN}/plugins", f"{ADMIN}/keys", f"{ADMIN}/keys?q=K", f"{ADMIN}/keys?show=missing",
    f"{ADMIN}/keys?show=unused", f"{ADMIN}/profiles", f"{ADMIN}/workspaces", f"{HOME}/profiles",
    f"{HOME}/profile", f"{HOME}/workspaces", f"{ADMIN}/members", f"{ADMIN}/audit", PAGE, "/units",
    "/account", f"{HOME}/workspaces/new", f"{HOME}/workspaces/import",
)  # fmt: skip


@pytest.mark.parametrize("batch", EVERY)
def test_what_a_backup_brings_is_text_on_every_page(admin, cast, batch, as_htmx):
    pages, rows = Pages(admin), rows_of(batch)
    before = content_digest(cast.daily)
    data = sealed(rows, cast.daily, head(batch[0].text))
    answer = validate(admin, data, PASSWORD)
    assert answer.status_code == 200
    preview = pages.read("the preview", answer.text)
    ticket = ticket_in(answer)
    names = [row[1] for row in rows["workspaces"] if row[1].strip()][:BATCH]
    assert [name for name in names if not preview.holds(name)] == []
    look_at_fields(pages, ticket, rows, as_htmx)
    assert import_(admin, ticket).status_code == 303
    imported = content_digest(cast.daily)
    for section, column, address in shown_at(batch):
        pages.get(address)
        assert (section, column) in TEXT_COLUMNS
    assert missing(pages, rows, batch) == []
    for address in COMMON:
        pages.get(address)
    for number in range(len(batch)):
        for address in other_pages(number):
            pages.get(address)
    assert admin.post(f"{HOME}/profile", data={"profile": "pf-000"}).status_code == 303
    pages.read("with a profile", admin.get(f"{HOME}/w/ws-000").text)
    undo = admin.post(f"{PAGE}/undo")
    pages.read("the undo", undo.text)
    assert content_digest(cast.daily) == imported
    assert import_(admin, ticket_in(undo)).status_code == 303
    assert content_digest(cast.daily) == before
    pages.read("afterwards", admin.get(PAGE).text)
    pages.read("the audit log", admin.get(f"{ADMIN}/audit").text)
    assert pages.faults == []


def look_at_fields(pages, ticket, rows, as_htmx) -> None:
    """Ask the preview for the fields of a row of every section, as htmx and as a page."""
    for section in SECTIONS:
        own = rows[section.name]
        for row in own[:: max(1, len(own) // 6)]:
            key = line([row[at] for at in section.key_at]).decode()
            form = {"ticket": ticket, "section": section.name, "key": key}
            answer = pages.client.post(f"{PAGE}/fields", data=form, headers=as_htmx)
            assert answer.status_code == 200, (section.name, row)
            pages.read(f"fields of {section.name}", answer.text)
    answer = pages.client.post(f"{PAGE}/fields", data=form)
    pages.read("fields as a page", answer.text)


def missing(pages, rows, batch) -> list[tuple[str, str, str]]:
    """Return the texts that do not stand where they are shown."""
    absent = []
    for section, column, address in shown_at(batch):
        kind = SECTION_BY_NAME[section].types[column]
        number = re.search(r"(?:p|ws-|pf-|K)(\d{3})", address)
        for one in [batch[int(number[1])]] if number else batch:
            text = fitted(kind, one.text) or PLAIN
            if not pages.get(address).holds(text):
                absent.append((column, address, text))
    return absent


def test_every_column_of_text_is_shown_somewhere_or_is_read_by_hand():
    """A new column of text comes up here: say where it is shown."""
    shown = {(section, column) for section, column, _ in shown_at(SAMPLE)}
    # JSON is shown in parts; what is in `secrets` never; a target by the page of the plugin.
    in_parts = {
        ("plugins", "manifest"), ("plugins", "config"), ("plugins", "secrets"),
        ("applications", "config"), ("applications", "secrets"), ("plugin_mappings", "target"),
    }  # fmt: skip
    assert set(TEXT_COLUMNS) == shown | in_parts


def test_there_are_enough_of_each_kind():
    assert len({one.text for one in CORPUS}) == len(CORPUS) >= 500
    for group, least in MANY.items():
        assert len(of(group)) >= least, group
    running = ("script", "handler", "vector", "mutation", "address", "breaking out", "page")
    assert len(of(*running)) >= 200
    assert sum(MARK.search(one.text) is not None for one in CORPUS) >= len(CORPUS) - 4


def refusal(section, row) -> str:
    """Return why *row* is not taken; nothing if it is."""
    try:
        decode_rows(section, line(row), 0)
    except InvalidContent as error:
        return str(error)
    return ""


def test_a_column_takes_a_string_or_refuses_it_and_says_in_which_row():
    """Every string in every column of a row, as it stands: refused ones never get further."""
    taken = refused = 0
    for section in SECTIONS:
        sample = next(iter(rows_of(POSSIBLE[:1])[section.name]))
        for at, (column, kind) in enumerate(section.types.items()):
            for one in POSSIBLE:
                row = [*sample[:at], one.text, *sample[at + 1 :]]
                said = refusal(section, row)
                taken += said == ""
                if said:
                    refused += 1
                    assert f"{section.name}, row 1: " in said
                    assert not fits(kind, one.text), (column, one.text)
                    assert one.text not in said or len(one.text) < 3
    assert taken > 5_000
    assert refused > 20_000


def test_nul_and_half_a_surrogate_are_refused_and_said_clearly(admin, cast):
    before = content_digest(cast.daily)
    for at, (section, column) in enumerate(TEXT_COLUMNS):
        one = of("impossible")[at % len(of("impossible"))]
        rows = rows_of(POSSIBLE[:1])
        rows[section][-1] = with_escapes(section, rows[section][-1], column, one.text)
        answer = validate(admin, sealed(rows, cast.daily), PASSWORD)
        assert answer.status_code == 422, (section, column)
        assert f"{section}, row " in answer.text
        assert Read(answer.text).faults == []
    assert content_digest(cast.daily) == before


def with_escapes(section, row, column, text) -> bytes:
    """Return *row* with *text* in one column, spelled as JSON can carry it."""
    at = SECTION_BY_NAME[section].columns.index(column)
    value = row[at] = {"x": text} if isinstance(row[at], dict) else text
    if column == "owner_email":
        row[at] = f"{value}@x"
    if column == "icon_text":
        row[at] = re.sub("[^\0\ud800-\udfff]", "", text)[:1]
    return json.dumps(row).encode() + b"\n"


def test_names_of_config_keys_are_names_whatever_the_string():
    section = SECTION_BY_NAME["config_keys"]
    refused = 0
    for one in POSSIBLE:
        row = (one.text, "string", "", "")
        try:
            RowChecker().check(section, [row], 0, line(list(row)))
        except InvalidContent:
            refused += 1
            continue
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", one.text)
    assert refused > 700


@pytest.mark.parametrize("one", SAMPLE, ids=lambda one: one.group)
def test_what_an_address_says_is_text_on_the_page_of_the_error(admin, one):
    """Searches, filters and addresses of nothing give the words back, or do not."""
    words = quote(one.text, safe="")
    for address, allowed in (
        (f"{ADMIN}/keys?q={words}", {200}),
        (f"{ADMIN}/keys?show={words}", {200, 404}),
        (f"{ADMIN}/workspaces?q={words}", {200}),
        (f"{HOME}/profile?q={words}", {200}),
        (f"/units?q={words}", {200}),
        (f"{ADMIN}/audit?who={words}&action={words}&from={words}", {200, 404, 422}),
        (f"{ADMIN}/audit.csv?who={words}", {200, 404}),
        (f"{ADMIN}/keys/{words}", {303, 308, 404}),
        (f"{HOME}/w/{words}", {303, 308, 404}),
        (f"/{words}", {303, 308, 404}),
        (f"/login?next={words}", {200, 303}),
        (f"/invite/{words}", {303, 308, 404, 410}),
    ):
        answer = admin.get(address)
        assert answer.status_code in allowed, (address, answer.status_code)
        if answer.mimetype == "text/html":
            assert Read(answer.text).faults == [], address
        assert not MARK.search(answer.headers.get("Set-Cookie", ""))


def test_the_reader_of_pages_sees_what_it_should():
    """What the templates would write without escaping is a fault, string by string."""
    blind = []
    for one in of("script", "handler", "vector", "page", "htmx"):
        if one.text.startswith("<") and not Read(f"<p>{one.text}</p>'>").faults:
            blind.append(one.text)
    # A hidden field could be of a template; a noscript is one thing to a parser without scripts.
    assert [
        text for text in blind if not text.startswith(("<noscript", "<input type=hidden"))
    ] == []
    for one in of("address"):
        address = one.text.lstrip("\x01 ")
        if re.match(r"(?!https?:|mailto:)[a-z\t-]+:", address, re.IGNORECASE):
            assert not is_harmless("a", "href", one.text), one.text
