"""Deleting many config keys at once: those that were ticked, or all that a search finds."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ..models import StaleRevision, changing, revision_of
from ..plugins import keystore
from ..plugins.references import NAME
from ..plugins.usage import Usage, usage
from . import access
from .forms_content import DeleteKeysForm
from .htmx import see_other
from .keystore import asked_for, search_of

bp = Blueprint("key_deletion", __name__)
TICKED_MAX = 1_000
USED_SHOWN = 50
CHANGED = (
    "Somebody changed the unit meanwhile, and nothing was deleted. This is what would be deleted "
    "now."
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to be deleted: `asked` is the search, None for keys that were ticked."""

    names: list[str]
    asked: dict[str, str] | None
    gone: int = 0  # ticked, but no key any more

    @property
    def count(self) -> str:
        """Return how many keys, in words."""
        return f"{len(self.names):,} {'key' if len(self.names) == 1 else 'keys'}"

    @property
    def is_too_much(self) -> bool:
        """Return whether one change could not take them all."""
        return len(self.names) > keystore.DELETED_MAX

    @property
    def search_url(self) -> str:
        """Return the address of the list that the choice was made from."""
        asked: dict[str, Any] = {**(self.asked or {}), "slug": g.unit.slug}
        return url_for("keystore.index", **asked)

    @property
    def words(self) -> str:
        """Return what the audit log says of them."""
        if self.asked is None:
            return f"{self.count}: {', '.join(self.names)}"
        return f"{self.count}, {searched(self.asked)}"

    def used(self, known: Usage) -> list[str]:
        """Return those that a configuration refers to."""
        return [name for name in self.names if name in known.places]


def searched(asked: dict[str, str]) -> str:
    """Return what a search asks for, in words."""
    words = [f"type {asked['type']}"] if "type" in asked else []
    if "q" in asked:
        words.append(f"with “{asked['q']}” in the name")
    if "show" in asked:
        words.append("used by nothing")
    return ", ".join(words)


# A key's name begins with a letter, so none is called "-".
@bp.route("/u/<slug>/admin/keys/-/delete", methods=["GET", "POST"])
@access.requires(*access.ADMIN)
def delete(slug: str) -> ResponseReturnValue:
    """Say what would go and who uses it; with the form of that page, delete it as one change."""
    if request.method != "POST":  # a reload of a page that came by POST
        return see_other(url_for("keystore.index", slug=slug))
    choice, form, status = _choice(), DeleteKeysForm(), 200
    if not choice.names:
        flash(_nothing(choice), "info")
        return see_other(choice.search_url)
    if not form.confirmed.data:
        form.revision.data = str(g.unit.revision)
    elif form.validate_on_submit() and not choice.is_too_much:
        try:
            _delete(choice, form)
        except StaleRevision:
            form.form_errors, status = [CHANGED], 409
            form.revision.data = str(revision_of(g.unit))
            choice = _choice()
        else:
            flash(f"{choice.count} {'is' if len(choice.names) == 1 else 'are'} deleted.", "success")
            return see_other(url_for("keystore.index", slug=slug))
    else:
        status = 422
    return _page(choice, form), status


def _delete(choice: Choice, form: DeleteKeysForm) -> None:
    revision = form.revision_number()
    with changing(g.unit, "key.delete_many", by=g.user, revision=revision, subject=choice.words):
        keystore.delete(g.unit, choice.names)


def _page(choice: Choice, form: DeleteKeysForm) -> str:
    known = usage(g.unit)
    used = choice.used(known)
    return render_template(
        "keystore/delete_many.html",
        form=form,
        choice=choice,
        searched=searched(choice.asked) if choice.asked is not None else "",
        used=used,
        used_shown=[(name, known.of(name)) for name in used[:USED_SHOWN]],
        most=keystore.DELETED_MAX,
    )


def _choice() -> Choice:
    asked = asked_for(request.form)
    if request.form.get("all") == "yes" and asked and asked.get("show") != "missing":
        names = keystore.names_of(g.unit, search_of(asked), keystore.DELETED_MAX + 1)
        return Choice(names, asked)
    ticked = {name for name in request.form.getlist("key")[:TICKED_MAX] if NAME.fullmatch(name)}
    names = keystore.present(g.unit, ticked)
    return Choice(names, None, gone=len(ticked) - len(names))


def _nothing(choice: Choice) -> str:
    if choice.asked is not None:
        return "No key fits this search any more."
    if choice.gone:
        return "The chosen keys are gone already."
    return "Tick the keys to delete first."
