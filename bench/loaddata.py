"""Django's way of loading rows: `loaddata` of a JSON Lines fixture, an object at a time.

    python -m bench.loaddata DATABASE FIXTURE

Settings, application and model are all in here. The model has the columns of the product's key
store and a unique (unit, name); secrets stay plain. The last line printed is JSON.
"""

# mypy: disable-error-code="import-not-found,misc"
import json
import sys
import time
from types import ModuleType
from typing import Any

import django
from django.apps import AppConfig
from django.conf import settings


class Peer(AppConfig):
    """The application that owns the model."""

    name = label = "peer"
    path = "."


def main(database: str, fixture: str) -> None:
    """Create the table in *database*, load *fixture* into it and print what that took."""
    sys.modules["peer"] = ModuleType("peer")
    sys.modules["peer"].Peer = Peer  # type: ignore[attr-defined]
    settings.configure(
        INSTALLED_APPS=["peer.Peer"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": database,
                # Django's own advice for SQLite, with the flush to disk that we promise.
                "OPTIONS": {"init_command": "PRAGMA journal_mode=wal; PRAGMA synchronous=full;"},
            }
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    django.setup()
    from django.core.management import call_command
    from django.db import connection, models

    class ConfigKey(models.Model):
        unit = models.IntegerField()
        name = models.CharField(max_length=128)
        type = models.CharField(max_length=8)
        value = models.TextField()
        description = models.TextField()

        class Meta:
            app_label = "peer"
            constraints = [models.UniqueConstraint(fields=["unit", "name"], name="one")]  # noqa: RUF012

    with connection.schema_editor() as editor:
        editor.create_model(ConfigKey)
    wall, cpu = time.perf_counter(), time.process_time()
    call_command("loaddata", fixture, verbosity=0)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    told: dict[str, Any] = {"wall": wall, "cpu": cpu, "rows": ConfigKey.objects.count()}
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
