"""How many jobs wait, and how many passwords: more are told to come again, and nothing is begun."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dashboard.backup import gate, runs
from dashboard.backup.errors import TooBusy
from dashboard.cli.serve import THREADS
from dashboard.jobs import Act, Jobs, runner
from dashboard.models import BackupRun, RunKind, people
from dashboard.models.turns import Turns
from tests.factories import make_unit, make_user

LONG = 30


class Refused(Exception):
    pass


def test_so_many_at_once_and_so_many_wait():
    turns = Turns(2, 3, Refused)
    inside, go = threading.Semaphore(0), threading.Event()
    at_work = most = 0
    lock = threading.Lock()

    def take():
        nonlocal at_work, most
        with turns.turn():
            with lock:
                at_work += 1
                most = max(most, at_work)
            inside.release()
            assert go.wait(LONG)
            with lock:
                at_work -= 1

    with ThreadPoolExecutor(5) as pool:
        taken = [pool.submit(take) for _ in range(5)]
        for _ in range(2):
            assert inside.acquire(timeout=LONG)
        while turns._places._value:  # the others are on their way into the queue
            pass
        with pytest.raises(Refused), turns.turn():
            pass
        go.set()
        for future in taken:
            future.result(LONG)
    assert most == 2
    with turns.turn():
        pass  # every place is free again


def test_who_waits_for_a_password_leaves_threads_to_the_others():
    log_ins = people.HASHES_AT_ONCE + people.HASHES_WAITING
    assert log_ins + gate.AT_ONCE + gate.MAX_WAITING <= THREADS - 2


@pytest.fixture
def jobs(folders):
    found = Jobs()
    yield found
    found.close()


@pytest.fixture
def fill(jobs, cast):
    """`fill(number, user)`: so many jobs more that do not end before `fill.go`."""
    go = threading.Event()

    def fill(number, user):
        for _ in range(number):
            run = runs.begin(make_unit(f"u{BackupRun.select().count()}"), RunKind.EXPORT, user)
            jobs.start(run, Act.EXPORT, user, lambda run, progress: go.wait(LONG))

    fill.go = go
    yield fill
    go.set()


def test_the_jobs_of_one_user_leave_places_to_others(jobs, cast, fill):
    fill(runner.OF_USER - 1, cast.alice)
    jobs.require_place(cast.alice)
    fill(1, cast.alice)
    with pytest.raises(TooBusy):
        jobs.require_place(cast.alice)
    jobs.require_place(cast.mallory)
    fill.go.set()
    for job in jobs._jobs.values():
        assert job.wait(LONG)
    jobs.require_place(cast.alice)


def test_the_jobs_of_all_are_bounded(jobs, cast, fill):
    for number in range(runner.WORKERS + runner.WAITING):
        fill(1, make_user(f"admin{number}"))
    with pytest.raises(TooBusy):
        jobs.require_place(cast.mallory)
