"""R4: many at once: bodies that come in together, requests sent ahead, fifty who validate."""

import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from dashboard import db
from dashboard.archive import KdfCost
from dashboard.backup import gate
from dashboard.jobs import runner
from dashboard.models import Role
from dashboard.web import backup_acts, bodies
from tests import factories
from tests.faults import tally
from tests.faults.server import Person, backup_page
from tests.web.limited_server import MIB, SECONDS, answer_of, backup_of, head, server

__all__ = ["server"]


def test_bodies_that_come_in_at_the_same_time_are_bounded(server):
    links = []
    try:
        for _ in range(bodies.ARRIVING_OF_USER):
            links.append(server.link())
            links[-1].sendall(head(server, "/theme", 2 * MIB, server.alice.cookie) + b"x" * 1000)
        deadline = time.monotonic() + SECONDS
        status = 0
        while status != 429 and time.monotonic() < deadline:
            with server.link() as link:
                link.sendall(head(server, "/theme", 2 * MIB, server.alice.cookie))
                link.settimeout(0.5)
                with suppress(TimeoutError):
                    status = answer_of(link)[0]
        assert status == 429
        assert server.rita.post("/theme", theme="x" * 100_000).status == 422
    finally:
        for link in links:
            link.close()
    with server.link() as link:  # who went away leaves the place
        body = f"csrf_token={server.alice.csrf}&theme=".encode() + b"x" * 100_000
        link.sendall(head(server, "/theme", len(body), server.alice.cookie) + body)
        assert answer_of(link)[0] == 422


def test_what_is_sent_ahead_waits(server):
    """A hundred requests in one packet are answered one after the other, and hold no files open."""
    request = f"GET /static/vendor/none HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
    with server.link() as link:
        link.sendall(request * 100)
        reader = link.makefile("rb")
        for _ in range(100):
            assert reader.readline().startswith(b"HTTP/1.1 404")
            length = 0
            while (line := reader.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            reader.read(length)


@pytest.mark.slow
def test_fifty_who_validate_at_once(server):
    """R4: memory for two derivations, a short queue, 429 for the rest, and pages all the while."""
    number = 50
    with db.database.connection_context():
        people = []
        for n in range(number):
            factories.make_unit(f"u{n}", f"Unit {n}")
            people.append(factories.make_user(f"admin{n}", **{f"u{n}": Role.ADMIN}))
        file = backup_of("u0", server.data, server.temporary, KdfCost(3, 256 * MIB))
    admins = [Person(server.port, user).appear() for user in people]
    look = Look(server)
    alone = [look.once() for _ in range(20)]
    base = server.memory()

    def validate(n):
        body, kind = admins[n].upload_body(file, "wrong")
        path = f"{backup_page(f'u{n}')}/validate"
        answer = admins[n]._ask("POST", path, body, {"Content-Type": kind})
        return answer, admins[n].settled(answer)

    try:
        with look, ThreadPoolExecutor(number) as pool:
            answers = list(pool.map(validate, range(number)))
    finally:
        for admin in admins:
            admin.close()
    refused = [answer for answer, _ in answers if answer.status == 429]
    ends = [end.status for answer, end in answers if answer.status != 429]
    assert set(ends) == {422}  # the password is wrong: each of them was derived
    assert gate.AT_ONCE <= len(ends) <= runner.WORKERS + runner.WAITING + backup_acts.INTAKE_AT_ONCE
    assert all("Retry-After" in answer.headers for answer in refused)
    assert look.most - base < gate.AT_ONCE * 256 * MIB + 128 * MIB
    found, before = (statistics.quantiles(some, n=20)[-1] for some in (look.seconds, alone))
    tally.ROWS.append(
        f"50 validate at once: {len(ends)} derived, pages p95 {found * 1000:.0f} ms "
        f"({before * 1000:.0f} ms alone), {(look.most - base) >> 20} MiB more"
    )
    assert found < 1 + 5 * before  # other tests may have the processors


class Look(threading.Thread):
    """Somebody who looks at a page all the while, and at the memory of the server."""

    def __init__(self, server):
        super().__init__()
        self.server, self.over = server, threading.Event()
        self.seconds, self.most = [], 0

    def once(self):
        begun = time.monotonic()
        assert self.server.rita.get("/u/daily/").status == 200
        self.most = max(self.most, self.server.memory())
        return time.monotonic() - begun

    def run(self):
        while not self.over.is_set():
            self.seconds.append(self.once())

    def __enter__(self):
        self.start()

    def __exit__(self, *_):
        self.over.set()
        self.join()
