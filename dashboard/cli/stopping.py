"""How the server ends: on SIGTERM or Ctrl-C it lets what runs finish, on a second one it does not.

Uses waitress's own parts (trigger, active_channels, its map of sockets), so waitress is pinned.
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

from waitress import wasyncore
from waitress.server import BaseWSGIServer

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
        # Without sockets the loop ends.
        servers[0].trigger.pull_trigger(partial(wasyncore.close_all, sockets, ignore_all=True))

    threading.Thread(target=stop, name="stop", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, press)


def _let_nobody_in(server: BaseWSGIServer) -> None:
    server.del_channel()
    server.socket.close()
