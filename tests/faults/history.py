"""A unit whose every shown text tells which state it belongs to, and the check of what was seen.

A text reads `G7.K3.w2n5`: written under generation 7, in slot K3, by writer 2 as his fifth. Every
change is one revision, so the answers that people got must join to one line of states; each page
must show exactly one of them.
"""

import re
import threading
from collections import defaultdict
from dataclasses import dataclass, field

from dashboard.db import write_transaction
from dashboard.models import (
    Application,
    ConfigKey,
    Plugin,
    Profile,
    ProfileRole,
    ProfileWorkspace,
    Role,
    Unit,
    Workspace,
)

KEYS, WORKSPACES = 6, 4
MARK = re.compile(r"G(\d+)\.([A-Z]\d+)\.\w+")
Slots = dict[str, str]


def mark(generation: int, slot: str, by: str = "0") -> str:
    """Return the text that stands in *slot*."""
    return f"G{generation}.{slot}.{by}"


def slot_names() -> list[str]:
    """Return the slots that every generation has."""
    keys, workspaces = range(KEYS), range(WORKSPACES)
    return [*(f"K{n}" for n in keys), *(f"W{n}" for n in workspaces), "A0", "P0"]


def make_generation(unit: Unit, generation: int) -> Slots:
    """Make *unit* hold generation *generation*, and nothing else, behind everybody's back."""
    with write_transaction():
        _fill(unit, generation)
    return slots_of(unit)


def _fill(unit: Unit, generation: int) -> None:
    for model in (
        ProfileRole,
        ProfileWorkspace,
        Profile,
        Application,
        Workspace,
        ConfigKey,
        Plugin,
    ):
        model.delete().where(model.unit == unit).execute()
    bundle = "dashboard.core.notes"
    Plugin.create(unit=unit, bundle=bundle, name="Notes", version="1.0.0", active=False)
    for number in range(WORKSPACES):
        name = mark(generation, f"W{number}")
        Workspace.create(
            unit=unit, uid=f"w{number}", name=name, layout="1", icon_text="W", position=number
        )
    title = mark(generation, "A0")
    Application.create(unit=unit, workspace="w0", uid="a0", bundle=bundle, title=title)
    Profile.create(unit=unit, uid="p0", name=mark(generation, "P0"), position=0)
    ProfileRole.create(unit=unit, profile="p0", role=Role.ADMIN)
    for number in range(WORKSPACES):
        ProfileWorkspace.create(unit=unit, profile="p0", position=number, workspace=f"w{number}")
    for number in range(KEYS):
        slot = f"K{number}"
        ConfigKey.create(unit=unit, name=slot, type="string", value=mark(generation, slot))
    Unit.update(revision=Unit.revision + 1).where(Unit.id == unit.id).execute()


def slots_of(unit: Unit) -> Slots:
    """Return what stands in every slot of *unit*, from the tables."""
    texts = [row.value for row in ConfigKey.of(unit)]
    texts += [row.name for row in Workspace.of(unit)]
    texts += [row.title for row in Application.of(unit)] + [row.name for row in Profile.of(unit)]
    return {MARK.fullmatch(text)[2]: text for text in texts}


def generation_on(page: str) -> int:
    """Return the generation of the first text on *page*."""
    return int(MARK.search(page)[1])


def revision_of(unit: Unit) -> int:
    """Return the unit's revision in the database."""
    return int(Unit.get_by_id(unit.id).revision)


def shown_on(page: str) -> dict[str, set[str]]:
    """Return the texts that *page* shows for each slot; one each, if it is whole."""
    found: dict[str, set[str]] = defaultdict(set)
    for match in MARK.finditer(page):
        found[match[2]].add(match[0])
    return found


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody sent, made from *revision*, and the status of the answer."""

    revision: int
    status: int
    becomes: Slots | None = None  # an import: all that there is from now on
    slot: str = ""
    text: str | None = None  # of the slot; None: it is taken away

    def apply(self, before: Slots) -> Slots:
        """Return the state after it."""
        if self.becomes is not None:
            return dict(self.becomes)
        after = {slot: text for slot, text in before.items() if slot != self.slot}
        return after if self.text is None else after | {self.slot: self.text}


@dataclass(frozen=True, slots=True)
class Look:
    """What one page showed, to somebody who knew that *least* had been answered already."""

    path: str
    status: int
    least: int
    shown: dict[str, set[str]]
    revision: int | None = None  # of its form


DONE = 303
REFUSED = {409, 503}


@dataclass
class History:
    """What everybody did and saw in one unit, from a moment on when nobody did anything."""

    first: int
    state: Slots
    changes: list[Change] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    answered: int = 0  # the highest revision that an answer told of

    def __post_init__(self) -> None:
        self.answered = self.first

    def note(self, change: Change) -> None:
        """Add a change that was answered."""
        with self.lock:
            self.changes.append(change)
            if change.status == DONE:
                self.answered = max(self.answered, change.revision + 1)

    def see(self, look: Look) -> None:
        """Add a page that was seen."""
        with self.lock:
            self.looks.append(look)

    def faults(self, last: int, state: Slots) -> list[str]:
        """Return what cannot be explained, the unit being at revision *last* with *state* now."""
        strange = [
            f"{change} was answered with {change.status}"
            for change in self.changes
            if change.status != DONE and change.status not in REFUSED
        ]
        states, broken = self._line_of_states(last)
        strange += broken
        if states.get(last) != state:
            strange.append(f"the state at {last} is {state}, and not {states.get(last)}")
        for look in self.looks:
            strange += _faults_of(look, states)
        return strange

    def _line_of_states(self, last: int) -> tuple[dict[int, Slots], list[str]]:
        """Return the state at each revision, as the changes that were answered "done" made it."""
        done: dict[int, Change] = {}
        strange = []
        for change in self.changes:
            if change.status == DONE:
                if change.revision in done:
                    strange.append(f"both {done[change.revision]} and {change} are done")
                done[change.revision] = change
        states = {self.first: self.state}
        for revision in range(self.first, last):
            if revision not in done:
                strange.append(f"nobody made revision {revision} into the next")
                break
            states[revision + 1] = done.pop(revision).apply(states[revision])
        strange += [
            f"{change} was done on another state" for change in done.values() if not strange
        ]
        return states, strange


def _faults_of(look: Look, states: dict[int, Slots]) -> list[str]:
    if look.status != 200:
        return [f"{look.path} was answered with {look.status}"]
    doubled = {slot: texts for slot, texts in look.shown.items() if len(texts) > 1}
    if doubled:
        return [f"{look.path} shows two states at once: {doubled}"]
    shown = {slot: text for slot, [text] in ((s, list(t)) for s, t in look.shown.items())}
    fitting = [at for at, state in states.items() if _fits(look, shown, state)]
    if not fitting:
        return [f"{look.path} shows what the unit never was: {shown}"]
    if look.revision is not None and look.revision not in fitting:
        return [f"the form of {look.path} carries {look.revision} and shows {fitting}"]
    if max(fitting) < look.least:
        return [f"{look.path} shows {fitting}, but {look.least} had been answered before"]
    return []


def _fits(look: Look, shown: Slots, state: Slots) -> bool:
    """Return whether a page may show that of *state*: of the keys all or one, of the rest all."""
    if any(state.get(slot) != text for slot, text in shown.items()):
        return False
    wanted = {slot for slot in state if slot[0] == "W"}
    if look.path.endswith("/keys"):
        wanted |= {slot for slot in state if slot[0] in "KN"}
    return wanted <= shown.keys()
