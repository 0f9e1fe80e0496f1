"""A server of the product in a thread of this process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from waitress.server import BaseWSGIServer

from dashboard.cli.stopping import end_loop
from tests.program import PATIENCE_SECONDS


@contextmanager
def looping(server: BaseWSGIServer) -> Iterator[None]:
    """Run *server* until the block ends."""
    loop = threading.Thread(target=server.run, name="server")
    loop.start()
    try:
        yield
    finally:
        end_loop(server, server._map)
        loop.join(timeout=PATIENCE_SECONDS)
        server.task_dispatcher.shutdown()
        server.trigger.close()
    assert not loop.is_alive()
