"""Uploads by the API to the real server: asked by their headers, as those of a browser are."""

import http.client
import json

import pytest

from dashboard import db
from dashboard.models.tokens import Scope
from tests.web.api import make_token
from tests.web.limited_server import (
    MAX_UPLOAD,
    MIB,
    SECONDS,
    answer_of,
    head,
    refused_early,
    server,
)

__all__ = ["server"]
pytestmark = pytest.mark.slow
FILE = "application/octet-stream"
PATH = "/api/v1/units/daily/uploads"


def token_of(person, *scopes):
    with db.database.connection_context():
        return make_token(person.user, list(scopes))[1]


def code(text):
    return json.loads(text)["error"]["code"]


@pytest.mark.parametrize(
    ("who", "scopes", "refusal"),
    [
        (None, [], (401, "no_token")),
        ("alice", [Scope.STATUS, Scope.IMPORT], (403, "scope")),
        ("rita", [Scope.VALIDATE], (403, "forbidden")),
    ],
)
def test_who_may_not_upload_has_nothing_kept(server, who, scopes, refusal):
    lines = []
    if who is not None:
        lines = [f"Authorization: Bearer {token_of(getattr(server, who), *scopes)}"]
    status, headers, text = refused_early(server, PATH, 7 * MIB, "", *lines, kind=FILE)
    assert (status, code(text)) == refusal
    assert headers["Connection"] == "close"
    assert headers["Content-Type"] == "application/json"


def test_the_cookie_of_an_admin_opens_no_upload(server):
    status, _, text = refused_early(server, PATH, 7 * MIB, server.alice.cookie, kind=FILE)
    assert (status, code(text)) == (401, "no_token")


def test_the_limit_of_an_upload_is_that_of_the_file(server):
    line = f"Authorization: Bearer {token_of(server.alice, Scope.VALIDATE)}"
    # At one byte more it has not been said yet, but then it is.
    status, _, text = refused_early(server, PATH, MAX_UPLOAD + 2, "", line, kind=FILE)
    assert (status, code(text)) == (413, "too_large")
    kept = server.kept()
    status, _, text = upload(server, b"x" * (MAX_UPLOAD + 1), line)
    assert (status, code(text), server.kept()) == (413, "too_large", kept)
    status, _, text = upload(server, b"x" * MAX_UPLOAD, line)
    assert status == 201, text
    assert json.loads(text)["file_bytes"] == MAX_UPLOAD
    assert delete(server, json.loads(text)["id"], line) == 204


@pytest.mark.parametrize("data", [b"x" * 7, b"x" * (3 * MIB)])
def test_a_body_in_chunks_is_taken_in(server, data):
    line = f"Authorization: Bearer {token_of(server.alice, Scope.VALIDATE)}"
    with server.link() as link:
        link.sendall(head(server, PATH, None, "", line, kind=FILE))
        link.sendall(b"%x\r\n" % len(data) + data + b"\r\n0\r\n\r\n")
        status, _, text = answer_of(link)
    assert (status, json.loads(text)["file_bytes"]) == (201, len(data))
    assert delete(server, json.loads(text)["id"], line) == 204


def upload(server, data, line):
    with server.link() as link:
        link.sendall(head(server, PATH, len(data), "", line, kind=FILE))
        link.sendall(data)
        return answer_of(link)


def delete(server, uid, line):
    name, value = line.split(": ")
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
    link.request("DELETE", f"{PATH}/{uid}", headers={name: value})
    status = link.getresponse().status
    link.close()
    return status
