"""Warm workers that fork a child for each fault, and judge in another child what it has left.

A worker has everything imported and never opens a database, so each child begins as a new process
would, without the time it takes to start one.
"""

import multiprocessing
import os
import shutil
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.faults.site import Judgement, Site, Verdict, judge


def workers(*preloaded: str) -> ProcessPoolExecutor:
    """Return one worker for each processor, with the modules *preloaded* imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, *preloaded])
    return ProcessPoolExecutor(os.cpu_count(), mp_context=context)


def in_child(work: Callable[[], None], *, begun: Callable[[int], None] | None = None) -> int:
    """Do *work* in a forked process; return its exit code, negative for a signal.

    70 is an exception that nobody caught. *begun* is called here, with the number of the child.
    """
    child = os.fork()
    if child:
        if begun is not None:
            begun(child)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 70
    try:
        work()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def new_folder(site: Site) -> Path:
    """Return an empty folder of this worker's, in place of the one given before."""
    folder = site.root / f"worker-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def judged(site: Site, act: str, data_dir: Path, *, acknowledged: bool, alive: bool) -> Judgement:
    """Judge what *act* left at *data_dir*, in a child."""
    before, after = site.ends(act)
    told = data_dir.with_name("judgement")

    def look() -> None:
        found = judge(data_dir, before, after, acknowledged=acknowledged, alive=alive)
        told.write_text(f"{found.verdict}\n{found.reason}")

    if in_child(look) != 0:
        return Judgement(Verdict.BROKEN, "the judge has failed")
    verdict, reason = told.read_text().split("\n", 1)
    return Judgement(Verdict(verdict), reason)
