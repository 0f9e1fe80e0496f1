"""The audit log of a unit: what was done, by whom, and how it ended."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, g, render_template, request, stream_with_context
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from ..models import Membership, Unit, User
from ..models.events import Wanted, every, newest
from . import access, audit_csv
from .audit_words import GROUPS, OUTCOMES, line_of

bp = Blueprint("audit", __name__)
PAGE_EVENTS = 50
CSV_TYPE = "text/csv; charset=utf-8; header=present"
WHO_MAX = 254  # characters of an e-mail address


@dataclass(frozen=True, slots=True)
class Filter:
    """What the form asks for, as it stands in the address; what makes no sense is left out."""

    group: str
    outcome: str
    who: str
    since: str  # days, YYYY-MM-DD
    until: str

    @classmethod
    def of(cls, args: "MultiDict[str, str]") -> "Filter":
        """Read the address."""
        group, outcome = args.get("group", ""), args.get("outcome", "")
        return cls(
            group=group if group in GROUPS else "",
            outcome=outcome if outcome in OUTCOMES else "",
            who=args.get("who", "").strip()[:WHO_MAX],
            since=args.get("since", "") if _day(args.get("since", "")) else "",
            until=args.get("until", "") if _day(args.get("until", "")) else "",
        )

    @property
    def arguments(self) -> dict[str, str]:
        """Return what an address needs to ask for the same."""
        return {name: value for name, value in asdict(self).items() if value}

    def wanted(self, unit: Unit) -> Wanted:
        """Return it as the table is asked."""
        since, until = _day(self.since), _day(self.until)
        return Wanted(
            unit=unit,
            actions=tuple(GROUPS[self.group][1]) if self.group else (),
            outcome=self.outcome,
            who=self.who,
            since=int(since.timestamp()) if since else None,
            # The day itself is included.
            until=int((until + timedelta(days=1)).timestamp()) if until else None,
        )


def _day(text: str) -> datetime | None:
    try:
        found = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return found if 1970 <= found.year < 9999 else None


@bp.get("/u/<slug>/admin/audit")
@access.requires(*access.ADMIN)
def index(slug: str) -> ResponseReturnValue:
    """List the events that fit, the newest first, 50 at a time, older than `before`."""
    chosen, before = Filter.of(request.args), _number(request.args.get("before", ""))
    events = newest(chosen.wanted(g.unit), PAGE_EVENTS + 1, before=before)
    return render_template(
        "audit/index.html",
        lines=[line_of(event) for event in events[:PAGE_EVENTS]],
        next_before=events[PAGE_EVENTS - 1].id if len(events) > PAGE_EVENTS else None,
        is_first=before is None,
        chosen=chosen,
        groups=[(name, label) for name, (label, _) in GROUPS.items()],
        outcomes=list(OUTCOMES),
        people=_people(),
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _people() -> list[str]:
    members = User.select(User.email).join(Membership).where(Membership.unit == g.unit)
    return [user.email for user in members.order_by(User.email)]


@bp.get("/u/<slug>/admin/audit.csv")
@access.requires(*access.ADMIN)
def download(slug: str) -> Response:
    """Send all events that fit, as they are read."""
    events = every(Filter.of(request.args).wanted(g.unit))
    response = Response(stream_with_context(audit_csv.lines(events)), content_type=CSV_TYPE)
    name = f"{g.unit.slug}-audit-{datetime.now(UTC):%Y-%m-%d}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
