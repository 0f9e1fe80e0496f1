"""For those who watch the server: is it alive, is it ready, and what is there to count."""

import secrets
import shutil

from flask import Blueprint, Response, abort, request
from peewee import DatabaseError
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from .. import __version__, db
from ..models import figures
from . import access
from .session_rows import ALIVE

bp = Blueprint("health", __name__)

# Below this an import cannot write its safety copy, and soon nothing can be changed any more.
LEAST_FREE_BYTES = 64 << 20


@bp.get(ALIVE)
@access.public
def alive() -> Response:
    """Say that the server answers; nothing else is asked, not even the database."""
    return _plain("alive\n")


@bp.get("/readyz")
@access.public
def ready() -> Response:
    """Say whether people can work: the database is readable and the disk has room."""
    try:
        db.database.execute_sql("SELECT 1 FROM installation LIMIT 1").fetchone()
        free = shutil.disk_usage(access.folders().data).free
    except (DatabaseError, OSError):
        return _plain("not ready: the database or its disk cannot be read\n", 503)
    if free < LEAST_FREE_BYTES:
        return _plain("not ready: the disk is full\n", 503)
    return _plain("ready\n")


@bp.get("/metrics")
@access.public
def metrics() -> Response:
    """Give the figures to who has the token of the setting; without a setting there are none."""
    token = access.settings().metrics_token
    if not token:
        abort(404)
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not secrets.compare_digest(given.encode(), token.encode()):
        answer = _plain("This needs the token of DASHBOARD_METRICS_TOKEN.\n", 401)
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(Figures())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


class Figures(Collector):
    """The figures of the database, in the words of Prometheus. What is counted never goes back."""

    def collect(self) -> list[Metric]:
        """Return them all, as they are now."""
        about = GaugeMetricFamily("dashboard_info", "The running version.", labels=["version"])
        about.add_metric([__version__], 1)
        return [about, *_runs(), *_backups(), *_disk()]


def _runs() -> list[Metric]:
    labels = ["unit", "kind", "state"]
    running = GaugeMetricFamily("dashboard_jobs_running", "Jobs under way.", labels=labels[:2])
    ended = CounterMetricFamily("dashboard_jobs", "Jobs that ended, by how.", labels=labels)
    seconds = CounterMetricFamily(
        "dashboard_job_seconds", "Seconds that ended jobs took.", labels=labels
    )
    written = CounterMetricFamily(
        "dashboard_job_bytes", "Bytes of the backup files of ended jobs.", labels=labels
    )
    for runs in figures.runs():
        key = [runs.unit, runs.kind, runs.state]
        if runs.is_under_way:
            running.add_metric(key[:2], runs.number)
            continue
        ended.add_metric(key, runs.number)
        seconds.add_metric(key, runs.seconds)
        written.add_metric(key, runs.file_bytes)
    return [running, ended, seconds, written]


def _backups() -> list[Metric]:
    at = GaugeMetricFamily(
        "dashboard_last_backup_timestamp_seconds",
        "When the newest good export of a unit was made.",
        labels=["unit"],
    )
    size = GaugeMetricFamily(
        "dashboard_last_backup_bytes", "The size of that file.", labels=["unit"]
    )
    for last in figures.last_backups():
        at.add_metric([last.unit], last.at)
        size.add_metric([last.unit], last.file_bytes)
    copies = GaugeMetricFamily(
        "dashboard_safety_copies", "Imports that can be undone.", labels=["unit"]
    )
    taken = GaugeMetricFamily(
        "dashboard_safety_copies_bytes", "The disk that they take.", labels=["unit"]
    )
    for unit, number, file_bytes in figures.safety_copies():
        copies.add_metric([unit], number)
        taken.add_metric([unit], file_bytes)
    return [at, size, copies, taken]


def _disk() -> list[Metric]:
    data = access.folders().data
    free = shutil.disk_usage(data).free
    database = db.size(data)
    return [
        GaugeMetricFamily("dashboard_disk_free_bytes", "Free on the data disk.", value=free),
        GaugeMetricFamily(
            "dashboard_database_bytes", "The database file with its log.", value=database
        ),
    ]


def _plain(text: str, status: int = 200) -> Response:
    return Response(text, status, mimetype="text/plain")
