"""An error that nobody foresaw, at places chosen by chance: all or nothing, and no word of it.

A deed of an admin, or a look at a page, is done once to count the calls of the program's functions
in it, and once more with an exception in one of them. Nothing is known of what was done but that it
was done wholly or not at all; the answer shows an incident id and nothing of what happened.
"""

import random
import re
import sys
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pytest

import dashboard
from dashboard.models import Unit, audit, changes
from dashboard.web import session_rows
from dashboard.web.security import HEADERS
from tests.web.deeds import as_alice, deeds, outcome, steady
from tests.web.doors import doors, rolled_back, world
from tests.web.test_access import EXPECTED

__all__ = ["deeds", "steady", "world"]
HOME = str(Path(dashboard.__file__).parent)
CANARY = "canary-of-an-error-7f3a"
INCIDENT = re.compile(r"incident id: [0-9a-f]{8}\b|Incident <code>[0-9a-f]{8}")
BETRAYALS = (CANARY, "Traceback", "RuntimeError", HOME, ".py", "sqlite", "peewee", "hush-")
# Who cannot even close the connection leaves the answer to the server: one plain line of waitress.
# What answers errors, and what is asked before the application.
NEVER_IN = ("web/errors.py", "web/front.py")
AFTER_THE_ANSWER = {"close_connection"}
DEEDS, LOOKS = 40, 20
SEED = 20261125


class Tracer:
    """Counts the calls of functions of the program, and raises in one of them."""

    def __init__(self, at=-1):
        self.at, self.count, self.where = at, 0, ""

    def __call__(self, frame, event, _argument):
        name = frame.f_code.co_filename
        if event != "call" or not name.startswith(HOME) or name.endswith(NEVER_IN):
            return
        if frame.f_code.co_name == "<genexpr>":
            return  # to close one is a call of it, too, and an error there reaches nobody
        self.count += 1
        if self.count == self.at:
            self.where = frame.f_code.co_name
            raise RuntimeError(CANARY)


@contextmanager
def traced(tracer):
    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        yield tracer
    finally:
        sys.settrace(before)


@pytest.fixture
def attempt(app, world, login, steady, monkeypatch):
    """`attempt(send, at)`: do it, with an error at one call; give the tracer, answer, outcome."""
    monkeypatch.setattr(app, "testing", False)
    # An error may fall into what gives a place in it back; the tests after this need them all.
    monkeypatch.setattr(changes, "_queue", changes._Queue())
    alice = as_alice(app, world, login)

    def do(send, at=-1):
        steady.again()
        with rolled_back():
            with traced(Tracer(at)) as tracer:
                try:
                    answer = send(alice)
                except RuntimeError:
                    assert tracer.where in AFTER_THE_ANSWER
                    return tracer, None, None
            found = outcome(answer)
            found.pop("answer")
            next_one = alice.send("GET", "/u/daily/profile")
            assert next_one.status_code in (200, 303), tracer.where
        return tracer, answer, found

    return do


def what_anybody_sees(answer):
    return f"{answer.data.decode(errors='replace')}\n{answer.headers}"


def check(attempt, send, chance, name):
    """Let an error happen somewhere in *send*; return what is wrong about what followed."""
    clean, good, done = attempt(send)
    with rolled_back():
        untouched = attempt(lambda alice: alice.send("GET", "/none"))[2]
    tracer, answer, found = attempt(send, chance.randint(1, clean.count))
    if answer is None:
        return []
    place = f"{name} at {tracer.where}"
    seen = what_anybody_sees(answer)
    wrong = [
        f"{place}: shows {word}" for word in BETRAYALS if word in seen and word not in good.text
    ]
    if answer.status_code == 500 and not INCIDENT.search(seen):
        wrong.append(f"{place}: no incident id")
    if comparable(found) not in (comparable(untouched), comparable(done)):
        wrong.append(f"{place}: half done")
    return wrong


def comparable(found):
    """The rows without the records of attempts: one that failed has a run, and no result."""
    records = {"BackupRun", "ImportTicket", "Session"}
    return {name: rows for name, rows in found.items() if name not in records}


@pytest.mark.slow
def test_an_error_anywhere_in_a_deed_does_all_or_nothing_and_tells_nothing(attempt, deeds):
    chance, wrong, statuses = random.Random(SEED), [], []
    usable = [deed for deed in deeds if deed.endpoint not in TAKES_A_FILE_AWAY]
    for deed in chance.choices(usable, k=DEEDS):

        def send(alice, deed=deed):
            answer = deed.send(alice)
            statuses.append(answer.status_code)
            return answer

        wrong += check(attempt, send, chance, deed.endpoint)
    assert wrong == []
    assert statuses.count(500) > DEEDS / 2  # else the errors never came through


TAKES_A_FILE_AWAY = {"backups.import_", "backups.discard", "backups.delete_copy"}


@pytest.mark.slow
def test_an_error_anywhere_in_a_page_tells_nothing(app, attempt, world):
    chance, wrong = random.Random(SEED), []
    pages = [
        door
        for door in doors(app)
        if EXPECTED[door.endpoints.get("GET", "setup.show")][0] != "public"
        and "audit.download" not in door.endpoints.values()  # it is sent while it is read
    ]
    for door in chance.choices(pages, k=LOOKS):
        address = door.address("GET", world.daily)
        wrong += check(attempt, lambda a, it=address: a.send("GET", it), chance, address)
    assert wrong == []


def test_a_session_that_cannot_be_read_has_the_error_page_and_its_headers(attempt):
    """Before there is a session Flask has no error page; then not even the policy was sent."""

    def broken(_token):
        raise RuntimeError(CANARY)

    def send(alice):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(session_rows, "_find", broken)
            return alice.send("GET", "/u/daily/admin/backup")

    answer = attempt(send)[1]
    assert answer.status_code == 500
    assert INCIDENT.search(answer.text)
    assert CANARY not in answer.text
    assert [name for name in HEADERS if name not in answer.headers] == []


def test_a_deed_without_a_transaction_is_noticed(attempt, deeds, monkeypatch, world):
    """The negative control: an act that writes twice, each by itself, with an error between."""
    units = import_module("dashboard.web.units")
    honest = units.rename_unit

    def careless(unit, name, **kwargs):
        Unit.update(name="half").where(Unit.id == unit.id).execute()
        audit("unit.rename", by=kwargs["by"], unit=unit, subject=name)
        honest(unit, name, by=kwargs["by"], seen="half")

    monkeypatch.setattr(units, "rename_unit", careless)
    deed = next(deed for deed in deeds if deed.endpoint == "units.rename")
    found = (check(attempt, deed.send, random.Random(seed), "rename") for seed in range(60))
    assert any("half done" in words for wrong in found for words in wrong)
