"""How the server ends: on SIGTERM or Ctrl-C it lets what runs finish, on a second one it does not.

Uses waitress's own parts (triggers, active_channels, its map of sockets), so waitress is pinned.
"""

import queue
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any

from waitress.server import BaseWSGIServer
from waitress.trigger import trigger

DRAIN_SECONDS = 15
# A Ctrl-C reaches the single binary twice: from the terminal, and by way of what unpacked it.
ONE_PRESS_SECONDS = 0.5
_LOOK_SECONDS = 0.05


def listening(sockets: dict[int, Any]) -> list[BaseWSGIServer]:
    """Return what listens among *sockets*, one for each address that a host name stands for."""
    return [each for each in sockets.values() if isinstance(each, BaseWSGIServer)]


def stop_on_signals(sockets: dict[int, Any], has_jobs: Callable[[], bool]) -> None:
    """From now on, end the loop over *sockets* at SIGTERM or Ctrl-C.

    Nobody new is let in. Requests, and jobs as long as *has_jobs* says so, get `DRAIN_SECONDS`; a
    second signal ends the loop at once.
    """
    servers = listening(sockets)
    # A handler may come while the main thread holds a lock. So it does nothing but put, which is
    # made to be called there.
    presses: queue.SimpleQueue[float] = queue.SimpleQueue()

    def press(_number: int, _frame: FrameType | None) -> None:
        presses.put(time.monotonic())

    def is_busy() -> bool:
        if has_jobs():
            return True
        channels = [channel for each in servers for channel in list(each.active_channels.values())]
        return any(channel.requests or channel.total_outbufs_len for channel in channels)

    def stop() -> None:
        begun = presses.get()
        for server in servers:
            server.trigger.pull_trigger(partial(_let_nobody_in, server))
        time.sleep(2 * _LOOK_SECONDS)  # what was let in a moment before is a request by then
        while time.monotonic() < begun + DRAIN_SECONDS and is_busy():
            with suppress(queue.Empty):
                if presses.get(timeout=_LOOK_SECONDS) > begun + ONE_PRESS_SECONDS:
                    break
        end_loop(servers[0], sockets)

    threading.Thread(target=stop, name="stop", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, press)


def end_loop(server: BaseWSGIServer, sockets: dict[int, Any]) -> None:
    """Have the loop over *sockets*, of which *server* is one, close them and end.

    The triggers stay open: whoever pulls one at this very moment, here or at the end of a request,
    writes to the number of a descriptor, and once that is closed it may be the database's.
    """
    server.trigger.pull_trigger(partial(_close_but_triggers, sockets))


def _close_but_triggers(sockets: dict[int, Any]) -> None:
    for server in listening(sockets):
        _let_nobody_in(server)
    for each in list(sockets.values()):
        if not isinstance(each, trigger):
            with suppress(OSError):
                each.close()
    sockets.clear()  # without sockets the loop ends


def _let_nobody_in(server: BaseWSGIServer) -> None:
    server.del_channel()
    server.socket.close()
