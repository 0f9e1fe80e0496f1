"""R1: bodies that are too large, odd or unwanted: refused at once, and nothing of them kept."""

import hashlib
import io
import time
from contextlib import suppress
from urllib.parse import quote

import pytest

from dashboard import backup, db
from dashboard.archive import KdfCost
from dashboard.backup import quotas
from dashboard.backup.store import make_folders
from dashboard.cli import connections, wire
from dashboard.models import Session
from dashboard.web import bodies
from tests import factories
from tests.faults.server import BACKUP_PASSWORD, Person, backup_page
from tests.web.limited_server import (
    FORM,
    MAX_UPLOAD,
    MIB,
    SECONDS,
    answer_of,
    head,
    refused_early,
    server,
)

__all__ = ["server"]
VALIDATE = f"{backup_page('daily')}/validate"
MULTIPART = "multipart/form-data; boundary=x"


@pytest.mark.parametrize(
    ("path", "status"), [("/login", 413), (VALIDATE, 303), ("/theme", 303), ("/none", 413)]
)
@pytest.mark.parametrize("cookie", ["", "dashboard_session=made-up"])
def test_nobody_has_a_large_body_kept(server, path, status, cookie):
    """The answer is that of any request of theirs; an unknown address first has a limit."""
    found, headers, _ = refused_early(server, path, 7 * MIB, cookie, kind=MULTIPART)
    assert found in (status, 404)
    assert headers["Connection"] == "close"


def test_a_client_that_waits_to_be_asked_is_not_asked(server):
    status, *_ = refused_early(server, VALIDATE, 7 * MIB, "", "Expect: 100-continue")
    assert status == 303


def test_who_may_not_upload_has_no_upload_kept(server):
    status, _, text = refused_early(server, VALIDATE, 7 * MIB, server.rita.cookie, kind=MULTIPART)
    assert status == 403
    assert "Your role in this unit does not allow this" in text


def test_who_logged_in_long_ago_is_asked_for_the_password_first(server):
    with Person(server.port, server.alice.user).appear() as stale:
        with db.database.connection_context():
            Session.update(fresh_at=0).where(Session.token_hash == _hash(stale.cookie)).execute()
        status, headers, _ = refused_early(server, VALIDATE, 7 * MIB, stale.cookie)
        assert status == 303
        assert headers["Location"].startswith("/confirm")
        status, headers, _ = refused_early(
            server, VALIDATE, 7 * MIB, stale.cookie, "HX-Request: true"
        )
        assert status == 401
        assert headers["HX-Redirect"].startswith("/confirm")


def _hash(cookie):
    return hashlib.sha256(cookie.partition("=")[2].encode()).hexdigest()


@pytest.mark.parametrize(
    ("path", "length"),
    [
        ("/theme", bodies.MAX_BODY_BYTES + 1),
        (VALIDATE, MAX_UPLOAD + bodies.AROUND_FILE_BYTES + 1),
        ("/u/daily/workspaces/import", bodies.MAX_FORM_BYTES + 1),
    ],
)
def test_a_member_sends_no_more_than_a_form_may_have(server, path, length):
    status, _, text = refused_early(server, path, length, server.alice.cookie)
    assert status == 413
    assert "This is larger than the server accepts. Nothing was saved." in text


def test_a_large_form_to_nowhere_is_no_mistake(server):
    for path in ("/u/daily/none", "/u/daily/w/none/settings", "/none"):
        assert refused_early(server, path, 7 * MIB, server.alice.cookie)[0] in (404, 413)


def chunks(link, total, size=64 << 10):
    """Send *total* bytes in chunks, as far as they are taken."""
    piece = b"%x\r\n%s\r\n" % (size, b"x" * size)
    for _ in range(total // size):
        link.sendall(piece)


@pytest.mark.parametrize("path", ["/login", VALIDATE])
def test_chunks_without_a_length_end_at_the_same_limits(server, path):
    for cookie, most in (("", bodies.MAX_PUBLIC_BYTES), (server.alice.cookie, None)):
        before, kept = server.memory(), server.kept()
        with server.link() as link:
            link.sendall(head(server, path, None, cookie, kind=MULTIPART))
            with suppress(ConnectionError):
                chunks(link, 2 * MAX_UPLOAD)
            assert server.spooled() <= (0 if most else MAX_UPLOAD + 2 * MIB)
            assert answer_of(link)[0] == 413
        assert server.memory() - before < 20 * MIB
        assert server.kept() == kept


def test_a_line_between_chunks_has_an_end(server):
    for line in (b"a;" + b"x" * 2 * wire.MAX_CHUNK_LINE_BYTES, b"0\r\n" + b"x" * 5000):
        with server.link() as link:
            link.sendall(head(server, "/login", None) + line)
            assert answer_of(link)[0] == 400


def test_a_length_that_is_too_long_leaves_nothing(server):
    kept = server.kept()
    body, kind = server.alice.upload_body(server.file, BACKUP_PASSWORD)
    request = head(server, VALIDATE, len(body) + 1, server.alice.cookie, kind=kind)
    with server.link() as link:
        link.sendall(request + body)
    assert server.alice.get("/").status in (200, 303)
    assert server.kept() == kept


def test_a_length_that_is_too_short_cuts_the_file(server):
    body, kind = server.alice.upload_body(server.file, BACKUP_PASSWORD)
    request = head(server, VALIDATE, len(body) - 200, server.alice.cookie, kind=kind)
    before = server.kept()[0]
    with server.link() as link:
        link.sendall(request + body)
        assert answer_of(link)[0] in (400, 422)
    assert server.kept()[0] == before


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_the_limit_of_an_upload(server, over):
    """A file of the limit is looked at (and is no backup), one byte more is not taken in."""
    file = b"x" * (MAX_UPLOAD + over)
    around = len(server.alice.upload_body(b"", "x")[0])
    body, kind = server.alice.upload_body(file + b"x" * (MIB - around) * (over > 0), "x")
    with server.link() as link:
        link.sendall(head(server, VALIDATE, len(body), server.alice.cookie, kind=kind))
        try:
            link.sendall(body)
        except ConnectionError:
            assert over > 0
        assert answer_of(link)[0] == (413 if over > 0 else 422)
    assert server.kept()[0] == []


def parts(number):
    one = '--x\r\nContent-Disposition: form-data; name="a{}"\r\n\r\n1\r\n'
    return ("".join(map(one.format, range(number))) + "--x--\r\n").encode()


ODD_FORMS = {
    "1,001 parts": (MULTIPART, parts(1001), (400, 413)),
    "a field of 600 kB": (FORM, b"theme=" + b"x" * 600_000, (422,)),
    "10,000 fields": (FORM, b"&".join(b"f%d=1" % n for n in range(10_000)), (413, 422)),
    "a million ampersands": (FORM, b"&" * 1_000_000, (413, 422)),
    "a part without an end": (MULTIPART, b"--x\r\n" + b"y" * 1_000_000, (400, 413, 422)),
    "a huge boundary": (f"multipart/form-data; boundary={'x' * 10_000}", b"x", (400, 413, 422)),
    "many nested names": (FORM, b"theme" + b"[a]" * 100_000 + b"=1", (422,)),
}


@pytest.mark.parametrize("name", ODD_FORMS)
def test_odd_forms_are_refused_and_forgotten(server, name):
    kind, body, statuses = ODD_FORMS[name]
    before, kept, begun = server.memory(), server.kept(), time.monotonic()
    token = f"X-CSRFToken: {server.alice.csrf}"
    with server.link() as link:
        link.sendall(
            head(server, "/theme", len(body), server.alice.cookie, token, kind=kind) + body
        )
        assert answer_of(link)[0] in statuses
    assert time.monotonic() - begun < 5
    assert server.memory() - before < 20 * MIB
    assert server.kept() == kept


def test_ten_thousand_cookies_are_too_many_headers(server):
    cookies = "; ".join(f"c{n}=1" for n in range(10_000))
    with server.link() as link:
        link.sendall(head(server, "/login", 0, cookies))
        assert answer_of(link)[0] == 431
    with server.link() as link:
        fewer = "; ".join(f"c{n}=1" for n in range(5_000))
        link.sendall(head(server, "/login", 0, fewer))
        assert answer_of(link)[0] == 400  # no CSRF token


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000, "9" * 900_000, "1e999999"])
def test_deep_and_huge_json_is_refused_in_its_form(server, text):
    alice, begun = server.alice, time.monotonic()
    form = {"name": "K1", "type": "json", "value": text, "revision": "0"}
    answer = alice.post("/u/daily/admin/keys/-/new", **form)
    assert answer.status in (409, 422)
    assert time.monotonic() - begun < 5


@pytest.mark.slow
@pytest.mark.parametrize("page", ["9" * 5000, "-1", "1e9", "٣", "0x10", "9223372036854775808"])
def test_huge_numbers_in_the_address_are_no_mistake(server, page):
    for path in ("/u/daily/admin/audit", "/u/daily/admin/keys", "/u/daily/admin/workspaces"):
        for name in ("page", "after", "before"):
            answer = server.alice.get(f"{path}?{name}={quote(page)}")
            assert answer.status in (200, 303, 400, 404, 422), path


def test_an_upload_has_no_place_before_it_is_sent(server):
    """What waits already is counted when the headers are there."""
    alice = server.alice
    user = factories.User.get_by_id(alice.user.id)
    user.via = "nightly (3f2a9c1e)"  # what came by hand would give way
    engine = backup.Context(make_folders(server.data), "Dashboard test", KdfCost(1, 8 << 20), 4)
    with db.database.connection_context():
        unit = factories.Unit.get(factories.Unit.slug == "daily")
        for _ in range(quotas.UPLOADS_OF_USER):
            backup.keep_upload(unit, user, io.BytesIO(b"x"), engine)
    try:
        before = server.kept()[0]
        with server.link() as link:
            link.sendall(head(server, VALIDATE, 7 * MIB, alice.cookie, kind=MULTIPART))
            status, headers, text = answer_of(link)
        assert status == 429
        assert "8 uploads of yours wait on the server already" in text
        assert 0 < int(headers["Retry-After"]) <= 1801
        assert server.kept()[0] == before
        small = alice.validate("daily", server.file)
        assert small.status == 429
    finally:
        for path in (server.data / "uploads").iterdir():
            path.unlink()


def test_what_is_taken_in_is_seen(server):
    """The control: what an admin may upload does wait in a file, as long as the connection."""
    length = 4 * MIB
    with server.link() as link:
        link.sendall(head(server, VALIDATE, length, server.alice.cookie, kind=MULTIPART))
        link.sendall(b"x" * (length - 1))
        wait_for(lambda: server.spooled() > 2 * MIB)
    wait_for(lambda: server.spooled() == 0)


def wait_for(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_numbers_of_the_server_fit_together():
    assert connections.CROWDED < connections.CONNECTIONS
    assert bodies.MAX_PUBLIC_BYTES < bodies.MAX_BODY_BYTES < bodies.MAX_FORM_BYTES
