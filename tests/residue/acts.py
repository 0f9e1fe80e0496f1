"""Everything that people do with secrets, through a real server and by commands.

Each secret is a canary. What an answer must not hold is looked for as it comes: no secret in a
header or address, and none in a page but what the page is there to show.
"""

import html
import io
import json
import re
import time
import urllib.parse
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from dashboard.archive import ArchiveReader, with_password
from tests.faults.server import COOKIE, PATIENCE_SECONDS, Answer, Person, backup_page, reset, said
from tests.residue.canaries import Canaries
from tests.residue.program import Home, Server, headers_of
from tests.residue.start import WORD
from tests.web.authenticator import CODE, PAGE, SECRET, phone_for

ADMIN, UNIT = "maja@harbour.example", "daily"
PLUGIN = "example.deskworks.story-search"
_INVITE = re.compile(r"/invite/([A-Za-z0-9_-]{43})\b")
_HELD = re.compile(r'name="(file|key|expires)"[^>]* value="([^"]+)"')
_TOKEN = re.compile(r'id="token" value="(dbt_[^"]+)"')
_REVOKE = re.compile(r"/account/tokens/([0-9a-f]{32})/revoke")
_WORKSPACE = re.compile(r"/u/daily/w/([^/]+)")
# What an address may hold: these links are secrets that people send each other.
IN_ADDRESSES = {"set-up token", "invite token"}
ALWAYS_SHOWN = {"CSRF token"}  # every page with a form has it


class Visitor(Person):
    """Somebody at the pages, who looks for canaries in everything that comes back."""

    def __init__(self, port: int, marks: Canaries, email: str) -> None:
        super().__init__(port, SimpleNamespace(email=email))
        self.marks, self.problems = marks, []
        self.shows: set[str] = set()

    def showing(self, *kinds: str) -> "Visitor":
        """Let the next answer show these."""
        self.shows = set(kinds)
        return self

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        old = self.cookie
        answer = super()._ask(method, path, body, headers)
        if self.cookie != old and (token := self.cookie.partition("=")[2]):
            self.marks.learn("session cookie", token)
        self.look_at(f"{method} {path}", answer)
        return answer

    def look_at(self, asked: str, answer: Answer) -> None:
        """Note what *answer*, or the address that was asked, holds and must not."""
        path = asked.partition(" ")[2]
        but, self.shows = self.shows | ALWAYS_SHOWN, set()
        sent = headers_of({k: v for k, v in answer.headers.items() if k != "Set-Cookie"})
        for cookie in answer.headers.get_all("Set-Cookie") or ():
            if not cookie.startswith((f"{COOKIE}=", "dashboard_browser=")):
                sent += cookie
        body = html.unescape(answer.body.decode(errors="ignore")).encode()
        found = {
            "headers": self.marks.found_in(sent.encode(), IN_ADDRESSES),
            "address": self.marks.found_in(path.encode(), IN_ADDRESSES),
            "page": self.marks.found_in(body, but | _own_link(path)),
        }
        self.problems += [f"{asked[:40]}: {kinds} in {at}" for at, kinds in found.items() if kinds]

    def sign_in(self, password: str) -> None:
        super().sign_in(password)
        self.marks.learn("CSRF token", self.csrf)

    def upload(self, path: str, data: bytes, **fields: str) -> Answer:
        """Send a form with a file, which comes first, as in our pages."""
        body, kind = upload_body(data, {"csrf_token": self.csrf} | fields)
        return self.settled(self._ask("POST", path, body, {"Content-Type": kind}))

    def save(self, path: str, **fields: str) -> Answer:
        """Send a form with the revision of its page."""
        return self.post(path, revision=str(self.get(path).revision), **fields)


def _own_link(path: str) -> set[str]:
    """Return the secret whose page this is: its form leads to itself."""
    start = path[: path.find("/", 1) + 1]
    return {"/invite/": {"invite token"}, "/setup/": {"set-up token"}}.get(start, set())


def upload_body(data: bytes, fields: dict[str, str]) -> tuple[bytes, str]:
    """Return body and type of a form with *data* as its file."""
    edge = "edge-of-a-part"
    file = 'Content-Disposition: form-data; name="file"; filename="x.dbk"'
    parts = [f"--{edge}\r\n{file}\r\n\r\n".encode(), data, b"\r\n"]
    for name, value in fields.items():
        head = f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        parts.append(f"{head}{value}\r\n".encode())
    return b"".join([*parts, f"--{edge}--\r\n".encode()]), f"multipart/form-data; boundary={edge}"


class Walk:
    """One installation from its set-up on."""

    def __init__(self, home: Home, server: Server, marks: Canaries) -> None:
        self.home, self.server, self.marks = home, server, marks
        self.login = marks.make("login password")
        self.backup = marks.make("backup password")
        self.admin = Visitor(server.port, marks, ADMIN)
        self.people: list[Visitor] = [self.admin]
        self.file = b""

    def close(self) -> None:
        """Close every connection."""
        for person in self.people:
            person.close()

    def somebody(self) -> Visitor:
        """Return a browser that nobody has logged in to."""
        self.people.append(Visitor(self.server.port, self.marks, "omar@harbour.example"))
        self.people[-1]._learn_token()
        return self.people[-1]

    @property
    def problems(self) -> list[str]:
        """What answers held that they must not."""
        return [problem for person in self.people for problem in person.problems]

    def set_up(self) -> None:
        """Set the organisation up, at the second try."""
        self.marks.learn("set-up token", self.server.setup_token)
        path, admin = f"/setup/{self.server.setup_token}", self.admin
        admin._learn_token()
        names = {"organisation": "Harbour", "unit": "Harbour Daily", "slug": UNIT}
        person = {"name": "Maja", "email": ADMIN, "password": self.login}
        assert admin.get(path).status == 200
        assert admin.post(path, **names, **person, again="another").status == 422
        assert admin.post(path, **names, **person, again=self.login).status == 303
        assert admin.get(path).status == 404

    def log_in(self) -> None:
        """Log in: with a wrong password, with one in the wrong field, and right; log out."""
        guess, person = self.marks.make("mistyped login password"), self.somebody()
        assert person.post("/login", email=ADMIN, password=guess).status == 422
        swapped = f"{guess[:22]}@x.example"
        answer = person.showing("mistyped login password").post(
            "/login", email=swapped, password=guess
        )
        assert answer.status == 422
        person.user.email = ADMIN
        person.sign_in(self.login)
        assert person.post("/logout").status == 303
        self.admin.sign_in(self.login)
        assert self.admin.post("/confirm", password=guess).status == 422

    def keys(self) -> None:
        """Add, change, show, convert and delete keys of the key store."""
        admin, keys = self.admin, f"/u/{UNIT}/admin/keys"
        first, second, clear = (self.marks.make("key-store secret") for _ in range(3))
        key = {"name": "API_KEY", "type": "secret", "description": "d"}
        assert admin.save(f"{keys}/-/new", **key, value=first).status == 303
        assert admin.save(f"{keys}/-/new", **key, value=first).status == 422
        assert admin.save(f"{keys}/API_KEY", **key, value=second).status == 303
        assert admin.showing("key-store secret").post(f"{keys}/API_KEY/reveal").status == 200
        answer = admin.save(f"{keys}/API_KEY", **key | {"description": WORD}, value=second)
        assert answer.status == 500
        # A value that was no secret yet, and is one from now on.
        other = {"name": "LATER", "description": "d"}
        assert admin.save(f"{keys}/-/new", **other, type="string", value=clear).status == 303
        admin.showing("key-store secret")
        page = admin.get(f"{keys}/LATER")
        sealed = {**other, "type": "secret", "value": clear, "revision": str(page.revision)}
        assert admin.post(f"{keys}/LATER", **sealed).status == 303
        gone = {"name": "GONE", "type": "secret", "description": "d", "value": second}
        assert admin.save(f"{keys}/-/new", **gone).status == 303
        assert admin.save(f"{keys}/GONE/delete").status == 303

    def plugin(self) -> None:
        """Give a plugin a password, and take its configuration out and in as a file."""
        admin, page = self.admin, f"/u/{UNIT}/admin/plugins/{PLUGIN}"
        secret, sealed_by = self.marks.make("plugin secret"), self.marks.make("part-file password")
        assert admin.save(f"{page}/install", then="").status == 303
        self._configure(page, secret)
        assert admin.post(f"{page}/export", password="no").status == 422  # too short
        file = admin.post(f"{page}/export", password=sealed_by).body
        self.marks.learn("file key", key_of(file, sealed_by))
        assert admin.upload(f"{page}/import", file, password="not it").status == 422
        self._configure(page, self.marks.make("plugin secret"))
        preview = admin.showing("part-file key").upload(f"{page}/import", file, password=sealed_by)
        held = dict(_HELD.findall(preview.text))
        self.marks.learn("part-file key", held["key"])
        done = admin.post(f"{page}/import/apply", revision=str(preview.revision), **held)
        assert done.status == 303, said(done)

    def _configure(self, page: str, value: str) -> None:
        fields = {"revision": str(self.admin.get(page).revision), "config-archiveKey": value}
        answer = self.admin.post(f"{page}/config", **fields)
        assert answer.status == 303, said(answer)

    def workspace(self) -> None:
        """Take a workspace out and in as a file."""
        admin, password = self.admin, self.marks.make("part-file password")
        made = admin.save(f"/u/{UNIT}/workspaces/new", name="One", layout="1", shared="y")
        page = f"/u/{UNIT}/w/{_WORKSPACE.search(made.location)[1]}"
        file = admin.post(f"{page}/export", password=password).body
        self.marks.learn("file key", key_of(file, password))
        path = f"/u/{UNIT}/workspaces/import"
        for word, status in (("not it", 422), (password, 303)):
            revision = str(admin.get(path).revision)
            answer = admin.upload(path, file, password=word, revision=revision)
            assert answer.status == status, said(answer)

    def backups(self) -> None:
        """Export, validate in every way, import, undo, discard."""
        admin, page = self.admin, backup_page(UNIT)
        assert admin.post(f"{page}/export", password=self.backup[:3]).status == 422
        self.file = admin.export(UNIT, self.backup).body
        self.marks.learn("file key", key_of(self.file, self.backup))
        wrong = self.marks.make("mistyped backup password")
        assert (
            "not the password" in admin.upload(f"{page}/validate", self.file, password=wrong).text
        )
        damaged = self.file[:-9] + bytes(9)
        admin.upload(f"{page}/validate", damaged, password=self.backup)
        admin.upload(f"{page}/validate", b"no backup" * 99, password=self.backup)
        broken = admin.upload(f"{page}/validate", self.file, password=WORD + self.backup)
        assert "ncident" in broken.text, broken.text
        for act in (self._discard, self._bring_in, self._bring_in):
            act(admin.showing("ticket").upload(f"{page}/validate", self.file, password=self.backup))
        self._bring_in(admin.showing("ticket").settled(admin.post(f"{page}/undo")))

    def _discard(self, preview: Answer) -> None:
        self.marks.learn("ticket", preview.ticket)
        self.admin.post(f"{backup_page(UNIT)}/discard", ticket=preview.ticket)

    def _bring_in(self, preview: Answer) -> None:
        self.marks.learn("ticket", preview.ticket)
        answer = self.admin.press_import(UNIT, preview.ticket)
        assert (answer.status, answer.location) == (303, backup_page(UNIT)), said(answer)
        self.admin.press_import(UNIT, preview.ticket)  # once more: the result

    def people_come(self) -> None:
        """Invite somebody, who comes; change a password; set up a second factor."""
        admin, path = self.admin, f"/u/{UNIT}/admin/invite"
        asked = {"email": "omar@harbour.example", "role": "user"}
        page = admin.showing("invite token").post(path, **asked)
        token = _INVITE.search(page.text)[1]
        self.marks.learn("invite token", token)
        omar, first = self.somebody(), self.marks.make("login password")
        new = {"name": "Omar", "password": first}
        assert omar.post(f"/invite/{token}", **new, again="another").status == 422
        assert omar.get(f"/invite/{token}?{WORD}").status == 500
        assert omar.post(f"/invite/{token}", **new, again=first).status == 303
        assert omar.get(f"/invite/{token}").status == 404
        omar._learn_token()
        second = self.marks.make("login password")
        changed = {"old": first, "password": second, "again": second}
        assert omar.post("/account/password", **changed | {"old": second}).status == 422
        assert omar.post("/account/password", **changed).status == 303
        omar._learn_token()
        phone = phone_for(omar.get(PAGE).text)
        self.marks.learn("second factor", SECRET.search(omar.get(PAGE).text)[1].replace(" ", ""))
        typed = {"code": phone.code(), "password": second}
        codes = CODE.findall(omar.showing("recovery code").post(PAGE, **typed).text)
        for code in codes:
            self.marks.learn("recovery code", code)
            self.marks.learn("recovery code", code.replace("-", ""))
        self.somebody().post("/login", email=omar.user.email, password=second)

    def scripts(self) -> None:
        """Make a token, do everything by the API with it, refused things too, and revoke it."""
        admin, page = self.admin, "/account/tokens/new"
        asked = {"name": "nightly", "unit": "", "days": "9"}
        scopes = ["status", "export", "validate", "import", "undo"]
        body = urllib.parse.urlencode(
            {"csrf_token": admin.csrf, **asked, "scopes": scopes}, doseq=True
        ).encode()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        made = admin.showing("access token")._ask("POST", page, body, form)
        script = Script(self, _TOKEN.search(made.text)[1])
        self.marks.learn("access token", script.secret)
        self.people.append(script)
        script.everything()
        uid = _REVOKE.search(admin.get("/account").text)[1]
        assert admin.post(f"/account/tokens/{uid}/revoke").status == 303
        assert script.ask("GET", "/units").status == 401

    def stumble(self) -> None:
        """Ask for what is not there, in the wrong way, or too much of it; and go in the middle."""
        admin, password = self.admin, self.backup
        assert admin.get("/u/none/").status == 404
        assert admin._ask("PUT", "/login", b"", {}).status == 405
        assert admin.post("/login", email=ADMIN, password=self.login * 99_999).status == 413
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        bad = urllib.parse.urlencode({"password": password}).encode()
        assert admin._ask("POST", f"{backup_page(UNIT)}/export", bad, form).status == 400
        body, kind = upload_body(self.file, {"csrf_token": admin.csrf, "password": password})
        whole = admin.request_bytes(f"{backup_page(UNIT)}/validate", body, kind)
        for end in (len(whole) - 9, len(whole) - len(self.file) // 2, len(whole)):
            with reset(self.server.port) as link:
                link.sendall(whole[:end])
        with reset(self.server.port) as link:
            link.sendall(b"GET /" + password.encode() + b"\x01 HTTP/1.1\r\n\r\n")
            assert password.encode() not in link.recv(4096)

    def acts(self) -> Iterable[None]:
        """Do all of it."""
        for act in (
            self.set_up, self.log_in, self.keys, self.plugin, self.workspace, self.backups,
            self.people_come, self.scripts, self.stumble,
        ):  # fmt: skip
            act()
            yield


class Script(Visitor):
    """Somebody who uses the API."""

    def __init__(self, walk: Walk, secret: str) -> None:
        super().__init__(walk.server.port, walk.marks, ADMIN)
        self.walk, self.secret = walk, secret

    def ask(self, method: str, path: str, sent: dict[str, str] | bytes | None = None) -> Answer:
        """Send one request with the token."""
        kind = "application/octet-stream" if isinstance(sent, bytes) else "application/json"
        body = json.dumps(sent).encode() if isinstance(sent, dict) else sent
        headers = {"Authorization": f"Bearer {self.secret}", "Content-Type": kind}
        return self._ask(method, f"/api/v1{path}", body, headers)

    def end_of(self, begun: Answer) -> dict[str, Any]:
        """Wait for the end of a job."""
        assert begun.status == 202, begun.text
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            self.showing("ticket")
            job: dict[str, Any] = json.loads(self._ask("GET", begun.location, None, {
                "Authorization": f"Bearer {self.secret}"}).text)  # fmt: skip
            if job["state"] not in ("queued", "running"):
                return job
            assert time.monotonic() < end, job
            time.sleep(0.02)

    def ticket_of(self, job: dict[str, Any]) -> str:
        """Return the ticket of a preview, which is looked for from here on."""
        ticket: str = job["preview"]["ticket"]
        self.walk.marks.learn("ticket", ticket)
        return ticket

    def everything(self) -> None:
        """Do each act, and what is refused."""
        marks, unit = self.walk.marks, f"/units/{UNIT}"
        password, wrong = marks.make("backup password"), marks.make("mistyped backup password")
        job = self.end_of(self.ask("POST", f"{unit}/exports", {"password": password}))
        file = self.ask("GET", f"{unit}/exports/{job['id']}").body
        marks.learn("file key", key_of(file, password))
        upload = json.loads(self.ask("POST", f"{unit}/uploads", file).text)["id"]
        validation = f"{unit}/uploads/{upload}/validation"
        assert self.end_of(self.ask("POST", validation, {"password": wrong}))["state"] == "refused"
        assert self.ask("POST", validation, {"pass": password}).status == 422
        broken = self.end_of(self.ask("POST", validation, {"password": WORD + password}))
        assert broken["state"] == "failed", broken
        upload = json.loads(self.ask("POST", f"{unit}/uploads", file).text)["id"]
        validation = f"{unit}/uploads/{upload}/validation"
        ticket = self.ticket_of(self.end_of(self.ask("POST", validation, {"password": password})))
        assert self.ask("POST", f"{unit}/undo", {"ticket": ticket}).status == 409
        done = self.end_of(self.ask("POST", f"{unit}/imports", {"ticket": ticket}))
        assert done["state"] == "done", done
        back = self.ticket_of(self.end_of(self.ask("POST", f"{unit}/undo/validation")))
        assert self.end_of(self.ask("POST", f"{unit}/undo", {"ticket": back}))["state"] == "done"
        secret, self.secret = self.secret, self.secret[:-1]
        assert self.ask("GET", unit).status == 401
        self.secret = secret


def key_of(file: bytes, password: str) -> bytes:
    """Return the file key of a backup."""
    return ArchiveReader(io.BytesIO(file), with_password(password), password=True).file_key


def commands(home: Home, marks: Canaries, backup: str) -> None:
    """Do by commands what the pages do."""
    export, plain = home.out / "x.dbk", home.out / "x.ndjson"
    typed = home.out / "password"
    typed.write_text(backup + "\n", encoding="utf-8")
    by_file, by_variable = ("--password-file", str(typed)), {"DASHBOARD_BACKUP_PASSWORD": backup}
    wrong = {"DASHBOARD_BACKUP_PASSWORD": marks.make("mistyped backup password")}
    home.run("backup", "export", "--unit", UNIT, "-o", str(export), *by_file)
    marks.learn("file key", key_of(export.read_bytes(), backup))
    home.run("backup", "verify", str(export), **by_variable)
    home.run("backup", "verify", str(export), code=1, **wrong)
    home.run("backup", "inspect", str(export), *by_file)
    home.run("backup", "decrypt", str(export), "-o", str(plain), *by_file)
    home.run("backup", "import", str(export), "--unit", UNIT, "--yes", *by_file)
    home.run("backup", "undo", "--unit", UNIT, "--yes")
    login = marks.make("login password")
    new = ("user", "create", "ada@harbour.example", "--unit", UNIT, "--role", "user")
    home.run(*new, DASHBOARD_USER_PASSWORD=login)
    other = marks.make("login password")
    home.run("user", "password", "ada@harbour.example", DASHBOARD_USER_PASSWORD=other)
    home.run("audit", "verify")
