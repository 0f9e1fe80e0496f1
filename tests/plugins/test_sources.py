"""What other servers have: never waited for, kept, asked again when it is old, and bounded."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from dashboard.plugins import sources as sources_module
from dashboard.plugins.addresses import OutgoingProblem, Reason
from dashboard.plugins.outgoing import Answer
from dashboard.plugins.sources import CHECK, NOWHERE, Kind, Sources, Unreadable
from tests.plugins.servers import answer, client_for, serving

FEED = "https://feed.example/"
LONG = 10


class Made:
    """A client whose answers the test gives, and a clock that it moves."""

    def __init__(self):
        self.at = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
        self.asked, self.answers = [], []
        self.go = threading.Event()
        self.go.set()
        self.at_work, self.most_at_work, self.lock = 0, 0, threading.Lock()

    def now(self):
        return self.at

    def later(self, **time):
        self.at += timedelta(**time)

    def fetch(self, address, wanted):
        with self.lock:
            self.asked.append((address, dict(wanted.headers)))
            self.at_work += 1
            self.most_at_work = max(self.most_at_work, self.at_work)
            said = self.answers.pop(0) if self.answers else Answer(200, b"x", "text/plain")
        assert self.go.wait(LONG)
        with self.lock:
            self.at_work -= 1
        if isinstance(said, Exception):
            raise said
        return said


@pytest.fixture
def made():
    return Made()


@pytest.fixture
def sources(made):
    found = Sources(made, now=made.now)
    yield found
    made.go.set()
    found.close()
    assert found.join(LONG)


def wait_until(is_so):
    end = time.monotonic() + LONG
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.002)


def settled(sources, address=FEED, kind=None, age=60):
    """Ask, and give what is known when nothing is under way any more."""
    kind = kind or TEXT
    wait_until(lambda: not sources.get(address, age, kind).refreshing)
    return sources.get(address, age, kind)


TEXT = Kind(frozenset({"text/plain"}), 1000, lambda content: content.data.decode().upper())
DOWN = OutgoingProblem(Reason.NO_ANSWER, "feed.example does not answer.", "Wait.")


def test_the_first_look_says_loading_and_never_waits(sources, made):
    made.go.clear()
    first = sources.get(FEED, 60, TEXT)
    assert (first.loading, first.refreshing, first.value) == (True, True, None)
    made.go.set()
    known = settled(sources)
    assert (known.value, known.content, known.content_type) == ("X", b"x", "text/plain")
    assert (known.fetched_at, known.loading, known.problem) == (made.at, False, "")


def test_what_is_fresh_is_not_asked_for_again(sources, made):
    settled(sources)
    made.later(seconds=59)
    assert settled(sources).fetched_at == made.at - timedelta(seconds=59)
    assert len(made.asked) == 1


def test_what_is_old_is_shown_while_it_is_asked_for_again(sources, made):
    settled(sources)
    made.later(seconds=60)
    made.go.clear()
    made.answers = [Answer(200, b"new", "text/plain")]
    old = sources.get(FEED, 60, TEXT)
    assert (old.value, old.refreshing, old.loading) == ("X", True, False)
    assert sources.get(FEED, 60, TEXT).value == "X"
    made.go.set()
    assert settled(sources).value == "NEW"
    assert len(made.asked) == 2  # once at a time


def test_a_failure_keeps_what_was_there_and_says_what_is_wrong(sources, made):
    settled(sources)
    made.later(minutes=5)
    made.answers = [DOWN]
    known = settled(sources)
    assert (known.value, known.problem) == ("X", "feed.example does not answer.")
    assert known.hint == "Wait."
    assert known.fetched_at == made.at - timedelta(minutes=5)
    assert known.checked_at == made.at
    made.later(minutes=5)
    known = settled(sources)
    assert (known.problem, known.hint) == ("", "")


def test_it_asks_less_and_less_often_where_nothing_comes(sources, made):
    made.answers = [DOWN] * 20
    pauses = []
    for _ in range(9):
        settled(sources, age=1)
        asked = len(made.asked)
        begun = made.at
        while len(made.asked) == asked:
            made.later(seconds=10)
            settled(sources, age=1)
        pauses.append((made.at - begun).total_seconds())
    assert pauses == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_it_asks_whether_there_is_something_new(sources, made):
    made.answers = [Answer(200, b"x", "text/plain", etag='"1"', last_modified="Wed"), Answer(304)]
    settled(sources)
    made.later(minutes=5)
    known = settled(sources)
    headers = {"If-None-Match": '"1"', "If-Modified-Since": "Wed"}
    assert made.asked == [(FEED, {}), (FEED, headers)]
    assert (known.value, known.fetched_at, known.problem) == ("X", made.at, "")


def test_what_is_the_same_is_read_again_after_hours(sources, made):
    read = []
    kind = Kind(frozenset({"text/plain"}), 1000, lambda content: read.append(content) or len(read))
    made.answers = [Answer(200, b"x", "text/plain", "latin-1", '"1"')] + [Answer(304)] * 3
    values = []
    for hours in (0, 3, 3, 3):
        made.later(hours=hours)
        values.append(settled(sources, kind=kind).value)
    assert values == [1, 1, 2, 2]
    assert {(content.data, content.charset) for content in read} == {(b"x", "latin-1")}
    assert read[1].now == read[0].now + timedelta(hours=6)


@pytest.mark.parametrize("status", [404, 500, 304, 204])
def test_another_answer_than_content_is_a_failure(sources, made, status):
    made.answers = [Answer(status)]
    known = settled(sources)
    assert (known.problem, known.value) == (f"feed.example answers with {status}.", None)


def test_what_cannot_be_read_says_so_and_what_breaks_shows_no_more_than_an_incident(
    sources, made, caplog
):
    def odd(content):
        raise Unreadable("This is no feed.")

    def broken(content):
        raise RuntimeError("hush-reason")

    assert settled(sources, kind=Kind(TEXT.types, 9, odd)).problem == "This is no feed."
    problem = settled(sources, kind=Kind(TEXT.types, 9, broken)).problem
    assert "incident id" in problem
    assert "hush" not in problem
    assert "hush-reason" in caplog.text
    assert settled(sources).value == "X"  # the threads go on


def test_a_check_tells_since_when(sources, made):
    made.answers = [Answer(200), Answer(204), Answer(503), DOWN, Answer(301)]
    seen = []
    for _ in range(5):
        known = settled(sources, kind=CHECK, age=30)
        seen.append((known.status, known.is_up, (known.since - made.at).total_seconds()))
        made.later(seconds=30)
    assert seen == [
        (200, True, 0), (204, True, -30), (503, False, 0), (0, False, -30), (301, True, 0)
    ]  # fmt: skip


def test_an_address_is_the_same_however_it_is_written_and_bad_ones_are_never_asked(sources, made):
    settled(sources)
    assert settled(sources, " https://FEED.example:443 ").value == "X"
    assert len(made.asked) == 1
    known = sources.get("file:///etc/passwd", 60, TEXT)
    assert (known.problem, known.loading) == (
        "Write an address that begins with https:// or http://.", False
    )  # fmt: skip
    assert sources._entries.keys() == {(FEED, TEXT)}


def test_kinds_are_kept_apart(sources, made):
    settled(sources)
    other = Kind(TEXT.types, 1000, lambda content: len(content.data))
    assert settled(sources, kind=other).value == 1
    assert settled(sources).value == "X"


def test_one_host_gets_few_threads_and_others_do_not_wait_for_it(sources, made):
    made.go.clear()
    for number in range(10):
        sources.get(f"{FEED}{number}", 60, TEXT)
    wait_until(lambda: made.at_work == sources_module.THREADS_OF_HOST)
    sources.get("https://other.example/", 60, TEXT)
    wait_until(lambda: ("https://other.example/", {}) in made.asked)
    assert made.at_work == sources_module.THREADS_OF_HOST + 1
    made.go.set()
    for number in range(10):
        assert settled(sources, f"{FEED}{number}").value == "X"
    assert made.most_at_work <= sources_module.THREADS_OF_HOST + 1


def test_there_are_never_more_threads_than_that(sources, made):
    made.go.clear()
    for number in range(20):
        sources.get(f"https://h{number}.example/", 60, TEXT)
    wait_until(lambda: made.at_work == sources_module.THREADS)
    assert len(sources._threads) == sources_module.THREADS
    assert sources.get("https://h19.example/", 60, TEXT).loading


def test_what_nobody_looks_at_is_forgotten(sources, monkeypatch):
    monkeypatch.setattr(sources_module, "MAX_SOURCES", 3)
    for number in range(3):
        settled(sources, f"{FEED}{number}")
    sources.get(f"{FEED}0", 60, TEXT)
    settled(sources, f"{FEED}3")
    assert [address[-1] for address, _ in sources._entries] == ["2", "0", "3"]


def test_all_together_are_never_too_large(sources, made, monkeypatch):
    monkeypatch.setattr(sources_module, "MAX_BYTES", 1000)
    made.answers = [Answer(200, b"x" * 400, "text/plain") for _ in range(5)]
    for number in range(5):
        settled(sources, f"{FEED}{number}")
        assert sum(entry.size for entry in sources._entries.values()) <= 1000
    assert [address[-1] for address, _ in sources._entries] == ["3", "4"]


def test_after_the_end_nothing_is_asked(made):
    sources = Sources(made, now=made.now)
    settled(sources)
    sources.close()
    assert sources.join(LONG)
    known = sources.get(f"{FEED}new", 60, TEXT)
    assert (known.loading, known.value, len(made.asked)) == (False, None, 1)


def test_where_nothing_is_fetched_it_is_said():
    known = NOWHERE.get(FEED, 60, TEXT)
    assert (known.problem, known.loading) == ("Nothing is fetched here.", False)


def test_with_a_real_server_and_the_real_client():
    with serving(answer(b"hello", content_type="text/plain", etag='"1"')) as server:
        sources = Sources(client_for(server))
        try:
            assert settled(sources, server.address).value == "HELLO"
            sources.get(server.address, 0, TEXT)
            wait_until(lambda: len(server.requests) > 1)
            assert server.requests[1].headers["if-none-match"] == '"1"'
        finally:
            sources.close()
            assert sources.join(LONG)
