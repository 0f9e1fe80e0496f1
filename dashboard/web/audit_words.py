"""The audit log in words: what was done, grouped as one looks for it, and how it ended."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..models import AuditEvent, Role, RunState
from ..models.events import detail_of
from .labels import HEADLINES, LABELS

# Group -> its word on the screen, and the words of each action.
GROUPS: dict[str, tuple[str, dict[str, str]]] = {
    "backup": (
        "Backup",
        {
            "backup.export": "Export of a backup",
            "backup.import": "Import of a backup",
            "backup.undo": "Undo of an import",
            "backup.validate": "Validation of a backup",
            "safety_copy.delete": "Deleted a safety copy",
        },
    ),
    "keys": (
        "Config keys",
        {
            "key.change": "Changed a config key",
            "key.create": "Added a config key",
            "key.delete": "Deleted a config key",
            "key.delete_many": "Deleted config keys",
            "key.reveal": "Looked at a secret",
        },
    ),
    "plugins": (
        "Plugins",
        {
            "plugin.activate": "Activated a plugin",
            "plugin.configure": "Configured a plugin",
            "plugin.deactivate": "Deactivated a plugin",
            "plugin.export": "Exported a plugin's configuration",
            "plugin.import": "Imported a plugin's configuration",
            "plugin.install": "Installed a plugin",
            "plugin.mappings": "Changed a plugin's mappings",
            "plugin.permissions": "Changed a plugin's permissions",
            "plugin.uninstall": "Uninstalled a plugin",
            "plugin.update": "Updated a plugin",
        },
    ),
    "workspaces": (
        "Workspaces",
        {
            "application.act": "Used an application",
            "application.add": "Added an application",
            "application.configure": "Changed an application's settings",
            "application.move": "Moved an application",
            "application.remove": "Removed an application",
            "workspace.change": "Changed a workspace",
            "workspace.create": "Made a workspace",
            "workspace.delete": "Deleted a workspace",
            "workspace.export": "Exported a workspace",
            "workspace.import": "Imported a workspace",
            "workspace.move": "Moved a workspace",
            "workspace.copy": "Duplicated a workspace",
        },
    ),
    "profiles": (
        "Profiles",
        {
            "profile.change": "Changed a profile",
            "profile.create": "Made a profile",
            "profile.delete": "Deleted a profile",
            "profile.move": "Moved a profile",
        },
    ),
    "people": (
        "People",
        {
            "access.refuse": "Was kept out by the role",
            "confirm": "Confirmation of the password",
            "invite.create": "Invited somebody",
            "invite.withdraw": "Withdrew an invite",
            "login": "Log-in",
            "logout": "Log-out",
            "second_factor.codes": "Made new recovery codes",
            "second_factor.off": "Switched off a second factor",
            "second_factor.on": "Switched on a second factor",
            "session.end": "Logged another browser out",
            "token.create": "Made an access token",
            "token.revoke": "Revoked an access token",
            "member.join": "Joined by an invite",
            "member.remove": "Removed a member",
            "member.role": "Gave a role",
            "user.create": "Made a user",
            "user.disable": "Disabled a user",
            "user.enable": "Enabled a user",
            "user.password": "Gave a new password",
        },
    ),
    "unit": (
        "Set-up",
        {
            "demo.fill": "Filled the unit with the demo",
            "setup": "Set up the organisation",
            "unit.create": "Made the unit",
            "unit.rename": "Renamed the unit",
            "unit.second_factor": "Changed who needs a second factor",
        },
    ),
}
WORDS = {action: words for _, actions in GROUPS.values() for action, words in actions.items()}
# How it ended -> how it looks.
OUTCOMES = {
    "done": "success",
    "refused": "warning",
    "failed": "danger",
    "cancelled": "neutral",
    "interrupted": "warning",
}


@dataclass(frozen=True, slots=True)
class Line:
    """An event as people read it."""

    moment: datetime
    who: str
    what: str
    subject: str
    outcome: str
    tone: str
    reason: str
    file_sha256: str
    facts: tuple[str, ...]


def line_of(event: AuditEvent) -> Line:
    """Return *event* in words."""
    detail = detail_of(event)
    return Line(
        moment=datetime.fromtimestamp(event.at, UTC),
        who=event.user_email,
        what=WORDS.get(event.action, event.action),
        subject=event.subject,
        outcome=event.outcome,
        tone=OUTCOMES.get(event.outcome, "neutral"),
        reason=_reason(event.outcome, str(detail.pop("reason", ""))),
        file_sha256=str(detail.pop("file_sha256", "")),
        facts=tuple(_facts(detail)),
    )


def _reason(outcome: str, reason: str) -> str:
    if outcome != RunState.FAILED:
        return reason
    return f"The server made a mistake ({reason}). Nothing was changed."  # the name of an error


def _facts(detail: dict[str, Any]) -> list[str]:
    facts = []
    for name in ("content", "revision"):  # tell people nothing; they are in the CSV
        detail.pop(name, None)
    if "source" in detail:
        facts.append(f"from {detail.pop('source')}")
    if detail.get("role") in list(Role):
        facts.append(f"role: {Role(detail.pop('role')).label}")
    if detail.get("was") in list(Role):
        facts.append(f"was: {Role(detail.pop('was')).label}")
    if counts := counts_in_words(detail.pop("counts", {}), HEADLINES):
        facts.append(counts)
    return facts + [f"{name}: {value}" for name, value in sorted(detail.items())]


def counts_in_words(counts: object, sections: Iterable[str] = LABELS) -> str:
    """Return how many rows of each of *sections* there were: `Plugins 17, Config keys 43`."""
    if not isinstance(counts, dict):
        return ""
    found = [(LABELS[name], counts.get(name)) for name in sections]
    return ", ".join(f"{label} {count}" for label, count in found if count)
