"""SIGKILL at the system calls by which validate, import and undo change files."""

import signal
from collections.abc import Sequence

import pytest

from tests.faults.breaks import BREAKS
from tests.faults.injection import Call, Fault, inject, kill_at
from tests.faults.site import ACTS, Site, Verdict
from tests.faults.tally import LONG, Tally, spread

KILLS = 20  # of each act in the normal run; in a long one, all
USED_EVERY = 10  # kills after which the site is used too

pytestmark = pytest.mark.usefixtures("strace")


def faults(site: Site, act: str, calls: Sequence[Call], broken: str = "") -> list[Fault]:
    return [
        Fault(site, act, kill_at(call), alive=number % USED_EVERY == 0, broken=broken)
        for number, call in enumerate(calls)
    ]


@pytest.mark.parametrize("act", ACTS)
def test_a_kill_at_any_call_leaves_the_state_before_or_after(pool, site, calls, act):
    by_name = sorted(calls[act], key=lambda call: (call.name, call.number))
    chosen = by_name if LONG else spread(by_name, KILLS)
    with Tally(f"kill at a system call, {act}: {len(by_name)} calls") as tally:
        for call, outcome in zip(chosen, pool.map(inject, faults(site, act, chosen)), strict=True):
            assert outcome.code == -signal.SIGKILL, f"{act} at {call}: {outcome}"
            tally.add(outcome.judgement, f"{act} at {call}")


@pytest.mark.parametrize("broken", BREAKS)
def test_a_broken_build_is_caught(pool, site, calls, broken):
    tally = Tally(f"control: {broken}")
    writes = [call for call in calls["import"] if call.name == "pwrite64"]
    broken_runs = [Fault(site, "import", broken=broken)]
    broken_runs += faults(site, "import", spread(writes, 12), broken)
    for outcome in pool.map(inject, broken_runs):
        tally.add(outcome.judgement, "import")
    assert set(tally.found) & {Verdict.MIX, Verdict.LOST}
