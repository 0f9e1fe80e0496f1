"""Jobs: export, validation, import and undo, run beside the requests that ask for them.

    a request    begins the run (a row: one at a time in each unit) and hands the act over
    a worker     does it, on a database connection of its own, telling where it is
    requests     look at the job's progress, cancel it, and fetch its result

A small pool of threads, and no queue of its own. One process owns the SQLite file and does these
acts itself, so a second program would only be another thing to start. And progress cannot live in
the database: while an import holds the write lock, nobody could write it there. So the `BackupRun`
row says that something runs and how it ended, for good; progress lives here, and so does the result
(the token of a ticket must never be in the database), for its owner alone and for 15 minutes.
"""

from .runner import Act, Job, Jobs, Step

__all__ = ["Act", "Job", "Jobs", "Step"]
