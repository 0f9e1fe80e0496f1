"""What plugins get from other servers: kept in memory, and fetched beside the requests.

`Sources.get` never waits. It gives what is there, fresh or old, and has what is old fetched again
by a few threads. So a source that is slow or down never slows a page.

An answer is shared by everybody who has the same address. Nothing but the address is sent, so
there is nothing in it that one unit may see and another may not: whoever knows the address could
ask for it himself. Nothing is stored; after a restart everything is fetched anew.
"""

import logging
import secrets
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol

from .addresses import OutgoingProblem, Reason, read_address
from .outgoing import Answer, Wanted

MIB = 1 << 20
THREADS = 6
THREADS_OF_HOST = 2
SOON_SECONDS = 2
MAX_SOURCES = 500
MAX_BYTES = 64 * MIB  # of all contents together
READ_AGAIN = timedelta(hours=6)  # what is read depends on the day, too: a calendar's next events
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)  # after failures

log = logging.getLogger(__name__)
NOTHING_FETCHED = "Nothing is fetched here."


class Unreadable(Exception):
    """The content is not what the plugin can read; the message is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Content:
    """What was fetched, for a plugin to read."""

    data: bytes
    type: str
    charset: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of source: what is taken in, and how a plugin reads it (beside the requests, too).

    `read` raises `Unreadable`. Without it only status and time of the answer are noted.
    """

    types: frozenset[str] = frozenset()
    most_bytes: int = 0
    read: Callable[[Content], Any] | None = None


CHECK = Kind()


@dataclass(frozen=True, slots=True)
class Source:
    """What is known of an address just now."""

    content: bytes | None = None  # the last one that came
    content_type: str = ""
    value: Any = None  # what the kind's `read` made of it
    fetched_at: datetime | None = None  # when it was last found to be so
    problem: str = ""  # why the last try came to nothing
    hint: str = ""  # what can be done about that
    loading: bool = False  # nothing is known yet, and it is being asked for
    refreshing: bool = False  # it is being asked for, whatever is known
    checked_at: datetime | None = None  # the last try
    status: int = 0  # of the last answer; 0: there was none
    seconds: float = 0.0  # that the last answer took
    since: datetime | None = None  # since when the last tries all went well, or all did not

    @property
    def is_up(self) -> bool:
        """Return whether the last try was answered, and not with an error."""
        return 200 <= self.status < 400

    def look_again(self, seconds: int) -> int:
        """Return when to look again: at once if something comes just now, else in *seconds*."""
        return SOON_SECONDS if self.refreshing else seconds


class Fetcher(Protocol):
    """What asks other servers: `outgoing.Client`."""

    def fetch(self, address: str, wanted: Wanted) -> Answer:
        """Return the answer; raise `OutgoingProblem`."""


@dataclass(slots=True)
class _Entry:
    address: str
    host: str
    kind: Kind
    source: Source = field(default_factory=Source)
    is_asked_for: bool = False  # waits for a thread, or has one
    failures: int = 0
    not_before: datetime | None = None
    etag: str = ""
    last_modified: str = ""
    charset: str = ""
    read_at: datetime | None = None

    @property
    def size(self) -> int:
        return len(self.source.content or b"")


def _now() -> datetime:
    return datetime.now(UTC)


class Sources:
    """The addresses that are shown, and the threads that ask them. Without a client: none."""

    def __init__(
        self, client: Fetcher | None, *, threads: int = THREADS, now: Callable[[], datetime] = _now
    ) -> None:
        self._client = client
        self._most_threads = threads
        self._now = now
        self._entries: OrderedDict[tuple[str, Kind], _Entry] = OrderedDict()
        self._waiting: list[_Entry] = []
        self._busy: Counter[str] = Counter()  # threads at each host
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._changed = threading.Condition()
        self._closed = False

    def get(self, address: str, max_age_seconds: float, kind: Kind = CHECK) -> Source:
        """Return what is known of *address*; have it asked again if that is older than wanted."""
        if self._client is None:
            return Source(problem=NOTHING_FETCHED)
        try:
            target = read_address(address)
        except OutgoingProblem as error:
            return Source(problem=str(error), hint=error.hint)
        key = (target.address, kind)
        with self._changed:
            entry = self._entries.get(key)
            if entry is None:
                entry = self._entries[key] = _Entry(target.address, target.host, kind)
            self._entries.move_to_end(key)
            if self._is_due(entry, timedelta(seconds=max_age_seconds)):
                self._ask_for(entry, self._client)
            self._tidy()
            is_new = entry.source.checked_at is None
            return replace(
                entry.source, loading=is_new and entry.is_asked_for, refreshing=entry.is_asked_for
            )

    def close(self) -> None:
        """Take nothing more. What is being asked just now ends by itself, within its deadline."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def join(self, seconds: float) -> bool:
        """Wait until the threads of a closed one have ended; return whether they have."""
        for thread in self._threads:
            thread.join(seconds)
        return not any(thread.is_alive() for thread in self._threads)

    # --- under the lock ---

    def _is_due(self, entry: _Entry, age: timedelta) -> bool:
        now = self._now()
        if entry.is_asked_for or (entry.not_before is not None and now < entry.not_before):
            return False
        return entry.source.checked_at is None or now - entry.source.checked_at >= age

    def _ask_for(self, entry: _Entry, client: Fetcher) -> None:
        if self._closed:
            return
        entry.is_asked_for = True
        self._waiting.append(entry)
        if len(self._waiting) > self._idle and len(self._threads) < self._most_threads:
            name = f"source-{len(self._threads)}"
            # One that waits for a slow server must not keep the program from ending.
            thread = threading.Thread(target=self._work, args=(client,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
        self._changed.notify()

    def _tidy(self) -> None:
        """Forget what was not looked at for the longest time, if there is too much."""
        size = sum(entry.size for entry in self._entries.values())
        for key, entry in list(self._entries.items())[:-1]:
            if len(self._entries) <= MAX_SOURCES and size <= MAX_BYTES:
                return
            if not entry.is_asked_for:
                size -= entry.size
                del self._entries[key]

    def _next(self) -> _Entry | None:
        for entry in self._waiting:
            if self._busy[entry.host] < THREADS_OF_HOST:
                self._waiting.remove(entry)
                self._busy[entry.host] += 1
                return entry
        return None

    # --- in a thread of its own ---

    def _work(self, client: Fetcher) -> None:
        while (entry := self._wait_for_work()) is not None:
            finish = self._try(entry, client)
            with self._changed:
                finish()
                entry.is_asked_for = False
                self._busy[entry.host] -= 1
                self._tidy()
                self._changed.notify_all()

    def _wait_for_work(self) -> _Entry | None:
        with self._changed:
            while not self._closed:
                entry = self._next()
                if entry is not None:
                    return entry
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
        return None

    def _try(self, entry: _Entry, client: Fetcher) -> Callable[[], None]:
        """Ask, and return what is to be done with the outcome under the lock."""
        try:
            return self._fetch(entry, client)
        except OutgoingProblem as error:
            return partial(self._fail, entry, str(error), error.hint)
        except Unreadable as error:
            return partial(self._fail, entry, str(error))
        except Exception:
            incident = secrets.token_hex(4)
            log.exception("incident %s: reading from %s failed", incident, entry.host)
            words = f"What {entry.host} answered cannot be read (incident id {incident})."
            return partial(self._fail, entry, words)

    def _fetch(self, entry: _Entry, client: Fetcher) -> Callable[[], None]:
        kind, old = entry.kind, entry.source.content
        headers = {"If-None-Match": entry.etag, "If-Modified-Since": entry.last_modified}
        asked = {name: value for name, value in headers.items() if value and old is not None}
        answer = client.fetch(entry.address, Wanted(kind.types, kind.most_bytes, asked))
        if kind.read is None:
            return partial(self._note_status, entry, answer)
        now = self._now()
        if answer.status == 200:
            content = Content(answer.content, answer.content_type, answer.charset, now)
        elif answer.status == 304 and old is not None:
            if entry.read_at is not None and now - entry.read_at < READ_AGAIN:
                return partial(self._confirm, entry)
            content = Content(old, entry.source.content_type, entry.charset, now)
        else:
            raise OutgoingProblem(Reason.STATUS, f"{entry.host} answers with {answer.status}.")
        return partial(self._keep, entry, answer, content, kind.read(content))

    # --- under the lock: outcomes ---

    def _keep(self, entry: _Entry, answer: Answer, content: Content, value: Any) -> None:
        if answer.status == 200:
            entry.etag, entry.last_modified = answer.etag, answer.last_modified
        entry.charset, entry.read_at = content.charset, content.now
        kept = replace(entry.source, content=content.data, content_type=content.type, value=value)
        entry.source = kept
        self._confirm(entry)

    def _confirm(self, entry: _Entry) -> None:
        now = self._now()
        entry.failures, entry.not_before = 0, None
        entry.source = replace(entry.source, problem="", hint="", fetched_at=now, checked_at=now)

    def _fail(self, entry: _Entry, problem: str, hint: str = "") -> None:
        now = self._now()
        entry.failures += 1
        if entry.kind.read is not None:
            pause = FIRST_PAUSE * 2 ** min(entry.failures - 1, 10)
            entry.not_before = now + min(pause, LONGEST_PAUSE)
        known = replace(entry.source, problem=problem, hint=hint, status=0, seconds=0.0)
        self._note(entry, known, now)

    def _note_status(self, entry: _Entry, answer: Answer) -> None:
        now = self._now()
        known = Source(
            fetched_at=now, status=answer.status, seconds=answer.seconds, since=entry.source.since
        )
        self._note(entry, known, now)

    def _note(self, entry: _Entry, known: Source, now: datetime) -> None:
        was = entry.source
        is_new = was.since is None or was.is_up is not known.is_up
        entry.source = replace(known, checked_at=now, since=now if is_new else was.since)


NOWHERE = Sources(None)  # where nothing is fetched
