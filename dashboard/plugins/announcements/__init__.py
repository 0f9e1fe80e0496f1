"""Announcements: the unit's short messages, as an application and as a widget in the toolbar."""

from typing import Any

from ..render import Placement


def application(here: Placement) -> dict[str, Any]:
    """Show every message, the newest first."""
    return {"messages": _messages(here)}


def widget(here: Placement) -> dict[str, Any] | None:
    """Show the newest message; nothing when there is none."""
    messages = _messages(here)
    return {"message": messages[0], "others": len(messages) - 1} if messages else None


def _messages(here: Placement) -> list[str]:
    lines = str(here.plugin.get("messages", "")).splitlines()
    return [line.strip() for line in lines if line.strip()]
