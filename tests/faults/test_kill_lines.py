"""SIGKILL at the lines of import, undo, validate and of a start after a crash."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.faults.breaks import BREAKS
from tests.faults.kills import Kill, Line, Outcome, carry_out
from tests.faults.site import Site, Verdict
from tests.faults.tally import LONG, Tally

ORDER = ("import", "undo", "validate", "start")
CHANGES_NOTHING = ("validate", "start")
LATER = 30  # executions of a line beside the first, in each act
USED_EVERY = 25  # kills after which the site is used too, by an export and an import of each unit

Events = dict[str, tuple[Line, ...]]


@pytest.fixture(scope="module")
def events(pool: ProcessPoolExecutor, site: Site) -> Events:
    """The lines that each act executes when nothing disturbs it."""
    undisturbed = pool.map(carry_out, [Kill(site, act, alive=True) for act in ORDER])
    found = dict(zip(ORDER, undisturbed, strict=True))
    for outcome in found.values():
        assert outcome.done
        assert outcome.judgement.verdict is Verdict.AFTER
    return {act: outcome.lines for act, outcome in found.items()}


def new_lines(events: Events, act: str) -> list[Line]:
    """Return the lines of *act* that no act before it in `ORDER` executes, as they come."""
    known = {line for other in ORDER[: ORDER.index(act)] for line in events[other]}
    return [line for line in dict.fromkeys(events[act]) if line not in known]


def chosen(events: Events, act: str) -> list[Line | int]:
    """Return where to kill *act*: at some new lines and some events; in a long run at all."""
    count, lines = len(events[act]), new_lines(events, act)
    later = range(1, count + 1, 1 if LONG else count // LATER)
    return [*(lines if LONG else some_of(lines)), *later]


def some_of(lines: Sequence[Line]) -> list[Line]:
    """Return every sixth of *lines* of each file, and the last of each."""
    files = dict.fromkeys(file for file, _ in lines)
    chosen = {line for each in files for line in [it for it in lines if it[0] == each][::-6]}
    return [line for line in lines if line in chosen]


def swept(
    pool: ProcessPoolExecutor, site: Site, act: str, points: Sequence[Line | int], broken: str = ""
) -> Iterator[tuple[Line | int, Outcome]]:
    kills = [
        Kill(site, act, at, alive=number % USED_EVERY == 0, broken=broken)
        for number, at in enumerate(points)
    ]
    return zip(points, pool.map(carry_out, kills, chunksize=4), strict=True)


@pytest.mark.parametrize("act", ORDER)
def test_a_kill_at_any_line_leaves_the_state_before_or_after(pool, site, events, act):
    points = chosen(events, act)
    verdicts = set()
    with Tally(f"kill at a line, {act}: {len(new_lines(events, act))} lines") as tally:
        survivors = []
        for at, outcome in swept(pool, site, act, points):
            tally.add(outcome.judgement, f"{act} at {at}")
            verdicts.add(outcome.judgement.verdict)
            if not outcome.killed:
                survivors.append(at)
    # Threads take turns as they like, so the number of the very last events differs.
    late = 0.95 * len(events[act])
    assert [at for at in survivors if isinstance(at, tuple) or at < late] == []
    assert verdicts == (
        {Verdict.BEFORE} if act in CHANGES_NOTHING else {Verdict.BEFORE, Verdict.AFTER}
    )


@pytest.mark.parametrize("broken", BREAKS)
def test_a_broken_build_is_caught(pool, site, events, broken):
    restore = [at for at, (file, _) in enumerate(events["import"], 1) if "restore.py" in file]
    points = [0, *restore[::8]]
    tally = Tally(f"control: {broken}")
    for at, outcome in swept(pool, site, "import", points, broken):
        tally.add(outcome.judgement, f"import at {at}")
    with pytest.raises(AssertionError, match=r"mix|lost"):
        tally.close()
