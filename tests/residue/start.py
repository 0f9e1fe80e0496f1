"""Start the program as `python app.py` does, with a cheap key derivation and errors on request.

The errors are for the test alone, so they are put in here: whoever sends a certain word meets one,
with secrets at hand. *leaky* is the negative control: a program that tells what it should not.
"""

import logging
import os
import sys
import tempfile
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import dashboard.cli as program
from dashboard import db
from dashboard.web import front

# By their full names: `dashboard.web` calls blueprints like that.
keystore, backups = (import_module(f"dashboard.web.{name}") for name in ("keystore", "backups"))
WORD = "fall-over"  # in a field or an address


def cheap() -> None:
    """Lower the cost of what is written."""
    load = program.load
    program.load = lambda environ: replace(load(environ), kdf_ops=1, kdf_mem_bytes=8 << 20)


def break_on_request() -> None:
    """Raise in a view, in a job, and in front of the application."""
    values, validate, step = keystore._values, backups.backup.validate_upload, front.FrontStep

    def _values(form, kept):
        if form.description.data == WORD:
            raise RuntimeError("made for a test")
        return values(form, kept)

    def validate_upload(unit, user, uid, password, context, **more):
        if password.startswith(WORD):
            raise RuntimeError("made for a test")
        return validate(unit, user, uid, password, context, **more)

    class Step(step):
        def __call__(self, environ, start_response):
            if environ["QUERY_STRING"] == WORD:
                raise RuntimeError("made for a test")
            return super().__call__(environ, start_response)

    keystore._values = _values
    backups.backup.validate_upload = validate_upload
    front.FrontStep = Step


def leak() -> None:
    """Do what a careless program does: write to logs, files and the database, and say it back."""
    logging.getLogger("peewee").setLevel(logging.DEBUG)
    before = keystore._values

    def careless(form, kept):
        secret = form.value.data
        (Path(tempfile.gettempdir()) / "key-store.tmp").write_text(secret)
        (Path.home() / ".history").write_text(secret, encoding="utf-16")
        sql = "UPDATE unit SET name = name || '' WHERE name = ?"
        db.database.execute_sql(sql, (secret,))  # Peewee's log has the parameters
        db.database.execute_sql("CREATE TABLE IF NOT EXISTS cache (it TEXT)")
        db.database.execute_sql("INSERT INTO cache VALUES (?)", (secret.encode().hex(),))
        return before(form, kept)

    keystore._values = careless


if __name__ == "__main__":
    cheap()
    break_on_request()
    if os.environ.pop("LEAKY", ""):
        leak()
    os.umask(int(os.environ.pop("UMASK", "022"), 8))
    sys.exit(program.main())
