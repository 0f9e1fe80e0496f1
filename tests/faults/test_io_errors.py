"""System calls that fail: once, or from one moment on, at each place of validate, import and undo.

Whoever ran the act gets a sentence and exit code 1, never a traceback; the state is the one before,
or after if "done" was shown; what could not be made safe is not tried again as if it could.
"""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from dashboard.backup.errors import OutcomeUnknown
from tests.faults.breaks import BREAKS
from tests.faults.injection import SYNCS, Call, Fault, Outcome, fail_at, fail_from, inject
from tests.faults.site import ACTS, Judgement, Verdict
from tests.faults.tally import LONG, Tally, spread

ERRORS = ("ENOSPC", "EIO", "EROFS", "EDQUOT")
USED_EVERY = 15  # faults after which the site is used too
WRITES = 16  # into each file that fail; in a long run all

pytestmark = pytest.mark.usefixtures("strace")


def faults_at(call: Call, calls: Sequence[Call]) -> list[tuple[str, tuple[str, ...]]]:
    """Return every fault at *call* of *calls*: what it is, and the orders for strace."""
    place = f"{call.name} {call.number} of {call.path}"
    once = [(f"{error} at {place}", fail_at(call, error)) for error in ERRORS]
    if call.name == "openat":
        return once
    return once + [(f"{error} from {place}", fail_from(call, error, calls)) for error in ERRORS]


def chosen(calls: Sequence[Call]) -> list[tuple[str, tuple[str, ...]]]:
    """Return the faults to try: in a long run all, else one at some calls, of each kind in turn."""
    if LONG:
        return [fault for call in calls for fault in faults_at(call, calls)]
    found = []
    for place, call in enumerate(some_of(calls)):
        here = faults_at(call, calls)
        found.append(here[place % len(here)])
    return found


def some_of(calls: Sequence[Call]) -> list[Call]:
    """Return *calls* in order, of the many that write into one file only `WRITES`."""
    tried = {call for call in calls if call.name != "pwrite64"}
    for path in {call.path for call in set(calls) - tried}:
        tried |= set(
            spread([it for it in calls if (it.name, it.path) == ("pwrite64", path)], WRITES)
        )
    return [call for call in calls if call in tried]


def complaint(outcome: Outcome) -> str:
    """Return what is wrong with how the act ended and what it said; empty if nothing."""
    if outcome.done:
        return "" if outcome.code == 0 else f"done, and exit code {outcome.code}"
    last = outcome.output.strip().splitlines()[-1:]
    if outcome.code != 1 or "Traceback" in outcome.output:
        return f"exit code {outcome.code}, {outcome.output}"
    if not last or not last[0].startswith(("error: ", "hint: ")):
        return f"no sentence: {outcome.output}"
    if outcome.judgement.verdict is Verdict.AFTER and str(OutcomeUnknown()) not in last[0]:
        return f"it says {last[0]!r}, but it is done"
    again = synced_again(outcome.calls)
    return f"synced again: {again}" if again else ""


def synced_again(calls: Sequence[Call]) -> str:
    """Return the backup file that was synced again after its sync had failed.

    The database is SQLite's to sync: before it copies its log into the database it syncs the log,
    in which what it could not sync before does not count any more.
    """
    failed: set[str] = set()
    for call in calls:
        if call.name in SYNCS and not call.path.startswith("dashboard.db"):
            if call.path in failed:
                return call.path
            if call.injected:
                failed.add(call.path)
    return ""


@pytest.mark.parametrize("act", ACTS)
def test_an_error_leaves_the_state_before_or_after_and_is_told(pool, site, calls, act):
    errors = chosen(calls[act])
    faults = [
        Fault(site, act, does, alive=number % USED_EVERY == 0)
        for number, (_, does) in enumerate(errors)
    ]
    reached = 0
    with Tally(f"I/O error, {act}: {len(calls[act])} calls") as tally:
        for (what, _), outcome in zip(errors, pool.map(inject, faults), strict=True):
            reached += outcome.hit is not None
            wrong = complaint(outcome) if outcome.judgement.is_good else ""
            found = Judgement(Verdict.BROKEN, wrong) if wrong else outcome.judgement
            tally.add(found, f"{act}, {what}")
    assert reached > 0.95 * len(errors)


def test_a_commit_that_nobody_can_be_sure_of_is_told_as_such(pool, site, calls):
    """SQLite finds what it wrote of a commit whose sync has failed, and takes it as done."""
    syncs = [call for call in calls["import"] if call.name == "fdatasync"]
    orders = [fail_from(call, "ENOSPC", calls["import"]) for call in syncs]
    faults = [Fault(site, "import", does, alive=True) for does in orders]
    outcomes = list(pool.map(inject, faults))
    assert all(outcome.judgement.is_good for outcome in outcomes)
    assert [complaint(outcome) for outcome in outcomes] == [""] * len(syncs)
    told = [outcome for outcome in outcomes if str(OutcomeUnknown()) in outcome.output]
    assert Verdict.AFTER in {outcome.judgement.verdict for outcome in told}


@pytest.mark.parametrize("broken", BREAKS)
def test_a_broken_build_is_caught(pool, site, calls, broken):
    tally = Tally(f"control: {broken}")
    writes = spread([call for call in calls["import"] if call.name == "pwrite64"], 12)
    runs = [Fault(site, "import", broken=broken)]
    runs += [Fault(site, "import", fail_at(call, "EIO"), broken=broken) for call in writes]
    for outcome in pool.map(inject, runs):
        tally.add(outcome.judgement, "import")
    assert set(tally.found) & {Verdict.MIX, Verdict.LOST}


def test_a_sync_that_is_tried_again_is_caught(calls):
    (sync,) = [
        call for call in calls["import"] if call.path.endswith(".part") and call.name in SYNCS
    ]
    failed = replace(sync, injected=True)
    assert synced_again([failed, sync]) == sync.path
    assert synced_again([sync, failed]) == ""
