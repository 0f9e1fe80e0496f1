"""Commands about the audit log."""

from datetime import UTC, datetime
from typing import Any

import click

from ..config import Settings
from ..models import AuditEvent
from ..models.chain import verify as verify_chain
from ..models.events import Wanted, detail_of, newest
from .common import json_option, opened, plain, refusing, show, unit_or_refuse


@click.group()
def audit() -> None:
    """Check and list the audit log."""


@audit.command()
@json_option
@click.pass_obj
@refusing
def verify(settings: Settings, *, as_json: bool) -> None:
    """Check that no event was changed, added, moved or taken out, from the first to the last.

    It prints how many there are, and the head: note both elsewhere, and a later copy of the
    database shows whether it still holds them.

    Example: dashboard audit verify
    """
    with opened(settings):
        found = verify_chain()
    data: dict[str, Any] = {"whole": found.fault is None, "events": found.events}
    data["head"] = found.head
    lines = [f"audit log: whole, {found.events} events", f"head {found.head or '(empty)'}"]
    if found.fault is None:
        show(data, lines, as_json=as_json)
        return
    data["error"] = {"code": found.fault, "message": found.sentence, "row": found.row}
    lines = [f"audit log: whole up to event {found.events}", *lines[1:]]
    show(data, lines, as_json=as_json)
    click.echo(f"error: {found.sentence}", err=True)
    raise SystemExit(1)


@audit.command("list")
@click.option("--unit", "slug", metavar="SLUG", help="Only this unit, and its members' log-ins.")
@click.option(
    "--last",
    type=click.IntRange(1, 100_000),
    default=50,
    show_default=True,
    metavar="N",
    help="How many.",
)
@json_option
@click.pass_obj
@refusing
def list_events(settings: Settings, slug: str | None, last: int, *, as_json: bool) -> None:
    """List the newest events, the last one first; without --unit those of the whole server.

    Example: dashboard audit list --unit harbour-daily --last 10
    """
    with opened(settings):
        unit = unit_or_refuse(slug) if slug is not None else None
        events = [_event_data(event) for event in newest(Wanted(unit=unit), last)]
    show(events, [_line(event) for event in events], as_json=as_json)


def _event_data(event: AuditEvent) -> dict[str, Any]:
    return {
        "number": event.id,
        "at": datetime.fromtimestamp(event.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "who": event.user_email,
        "unit": event.unit_name,
        "action": event.action,
        "subject": event.subject,
        "outcome": event.outcome,
        "detail": detail_of(event),
        "tag": event.tag,
    }


def _line(event: dict[str, Any]) -> str:
    names = ("number", "at", "outcome", "action", "who", "unit", "subject")
    reason = event["detail"].get("reason", "")
    return "\t".join(plain(str(text)) for text in (*(event[name] for name in names), reason))
