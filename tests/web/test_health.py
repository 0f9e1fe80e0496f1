"""What machines ask: alive, ready, figures."""

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dashboard import db
from dashboard.config import ConfigError, Settings, load
from dashboard.models import BackupRun, RunKind, RunState
from dashboard.web import session_rows
from dashboard.web.health import LEAST_FREE_BYTES
from tests.backup.conftest import bring_in, engine, make_backup
from tests.installed import new_app

__all__ = ["bring_in", "engine", "make_backup"]

TOKEN = "a-long-metrics-token"
LABELS = ("unit", "kind", "state")


@pytest.fixture
def settings(settings):
    return Settings(
        data_dir=settings.data_dir, metrics_token=TOKEN, kdf_ops=1, kdf_mem_bytes=8 << 20
    )


def figures(client, token=TOKEN):
    """Return {(name, unit, kind, state): value} of the page, each as far as there is one."""
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    return {
        (
            sample.name,
            *(sample.labels[name] for name in LABELS if name in sample.labels),
        ): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_alive_asks_nothing(client, cast, monkeypatch):
    def fail():
        raise AssertionError("the database was asked")

    monkeypatch.setattr(session_rows, "open_connection", fail)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "alive\n")
    assert "Set-Cookie" not in answer.headers


def test_ready_when_the_database_answers_and_the_disk_has_room(client, cast):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.text) == (200, "ready\n")


def test_not_ready_on_a_full_disk(client, cast, monkeypatch):
    full = SimpleNamespace(total=1 << 40, used=1 << 40, free=1 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "not ready: the disk is full\n")


def test_not_ready_without_its_tables(app, client, cast):
    app.config["PROPAGATE_EXCEPTIONS"] = False
    db.database.execute_sql("ALTER TABLE installation RENAME TO elsewhere")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "installation" not in answer.text


@pytest.mark.parametrize(
    "given", [None, "", "Bearer ", "Bearer wrong", f"Bearer {TOKEN}x", "Bearer ü"]
)
def test_the_figures_need_the_token(client, cast, given):
    headers = {} if given is None else {"Authorization": given.encode().decode("latin-1")}
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 401
    assert "dashboard_" not in answer.text


def test_without_the_setting_there_are_no_figures(folders, cast, settings):
    app = new_app(Settings(data_dir=settings.data_dir), folders)
    for given in ("Bearer ", "Bearer None", ""):
        assert (
            app.test_client().get("/metrics", headers={"Authorization": given}).status_code == 404
        )


def test_an_admin_without_the_token_sees_no_figures(client, cast, login):
    login(client, cast.alice)
    assert client.get("/metrics").status_code == 401


def run(unit, kind, state, seconds=5, file_bytes=None, at=1_000):
    BackupRun.create(
        uid=f"{BackupRun.select().count():032x}",
        unit=unit,
        user_email="alice@harbour.example",
        kind=kind,
        state=state,
        started_at=at,
        finished_at=None if state == RunState.RUNNING else at + seconds,
        file_bytes=file_bytes,
    )


def test_what_ran_is_counted_by_unit_kind_and_end(client, cast):
    run(cast.daily, RunKind.EXPORT, RunState.DONE, 5, 1_000)
    run(cast.daily, RunKind.EXPORT, RunState.DONE, 7, 2_000, at=2_000)
    run(cast.daily, RunKind.EXPORT, RunState.FAILED, 1, at=3_000)
    run(cast.daily, RunKind.IMPORT, RunState.RUNNING)
    run(cast.weekly, RunKind.EXPORT, RunState.DONE, 1, 10)
    found = figures(client)
    assert found["dashboard_jobs_total", "daily", "export", "done"] == 2
    assert found["dashboard_job_seconds_total", "daily", "export", "done"] == 12
    assert found["dashboard_job_bytes_total", "daily", "export", "done"] == 3_000
    assert found["dashboard_jobs_total", "daily", "export", "failed"] == 1
    assert found["dashboard_jobs_running", "daily", "import"] == 1
    assert ("dashboard_jobs_total", "daily", "import", "running") not in found
    # A failed one is no backup, and that of another unit is none of this.
    assert found["dashboard_last_backup_timestamp_seconds", "daily"] == 2_007
    assert found["dashboard_last_backup_bytes", "daily"] == 2_000
    assert found["dashboard_last_backup_timestamp_seconds", "weekly"] == 1_001
    assert found["dashboard_database_bytes",] > 0
    assert found["process_open_fds",] > 0


def test_a_real_export_and_import_are_counted(client, cast, engine, make_backup, bring_in):
    file = make_backup(cast.daily)
    bring_in(cast.daily, cast.alice, file)
    found = figures(client)
    assert found["dashboard_last_backup_bytes", "daily"] == len(file)
    assert found["dashboard_jobs_total", "daily", "import", "done"] == 1
    assert found["dashboard_safety_copies", "daily"] == 1
    assert found["dashboard_safety_copies_bytes", "daily"] > 0


@pytest.mark.parametrize("value", ["short", "has a space in it, see", "x" * 15, "ü" * 20])
def test_a_token_that_is_none_stops_the_start_and_is_not_repeated(value):
    with pytest.raises(ConfigError, match="DASHBOARD_METRICS_TOKEN") as refused:
        load({"DASHBOARD_METRICS_TOKEN": value})
    assert value not in str(refused.value)
    assert TOKEN not in repr(load({"DASHBOARD_METRICS_TOKEN": TOKEN}))


def test_every_figure_is_in_the_document_and_the_other_way_round(client, cast):
    text = (Path(__file__).parents[2] / "docs" / "watching.md").read_text()
    run(cast.daily, RunKind.EXPORT, RunState.DONE)
    page = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    families = set(re.findall(r"^# TYPE (dashboard_\S+)", page, re.MULTILINE))
    assert families == set(re.findall(r"`(dashboard_\w+)`", text))
    assert f"{LEAST_FREE_BYTES >> 20} MiB free" in text
