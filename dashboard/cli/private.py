"""What others on the machine must not see of this process: its files, and its memory."""

import os
import resource


def keep_private() -> None:
    """Make files that only their owner can read, whatever the umask was; leave no core dump.

    SQLite and the libraries ask for 0644 or 0666. A core dump would hold passwords and keys.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
