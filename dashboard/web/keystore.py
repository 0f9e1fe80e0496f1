"""The config key store: searched and paged by name, whatever its size."""

from typing import Any

import peewee
from flask import Blueprint, abort, flash, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ..db import by_code_point
from ..models import ConfigKey, KeyType, audit, changing
from ..plugins import references
from ..plugins.queries import tuples
from . import access
from .forms_content import ConfirmForm, KeyForm
from .htmx import answer, is_htmx, see_other

bp = Blueprint("keystore", __name__)
PAGE_KEYS = 50
COUNTED_MAX = 1000
PREVIEW_CHARACTERS = 120


def key_or_404(name: str) -> ConfigKey:
    """Return a config key of the unit."""
    found: ConfigKey | None = ConfigKey.of(g.unit).where(ConfigKey.name == name).first()
    return found if found is not None else abort(404)


@bp.get("/u/<slug>/admin/keys")
@access.requires(*access.ADMIN)
def index(slug: str) -> ResponseReturnValue:
    """List the keys, 50 at a time, from `after` on; `q` is looked for in their names."""
    wanted, after = request.args.get("q", "").strip()[:128], request.args.get("after", "")[:128]
    rows = _rows(wanted, after)
    used = references.uses(g.unit)
    missing = sorted(set(used) - references.existing(g.unit, used))
    return render_template(
        "keystore/index.html",
        rows=rows[:PAGE_KEYS],
        next_after=rows[PAGE_KEYS - 1]["name"] if len(rows) > PAGE_KEYS else None,
        wanted=wanted,
        after=after,
        counted=_counted() if not wanted else None,
        counted_max=COUNTED_MAX,
        used=used,
        missing=[(name, used[name]) for name in missing],
    )


def _rows(wanted: str, after: str) -> list[dict[str, Any]]:
    name = by_code_point(ConfigKey.name)
    # The sealed value is not even read; of a long one only the beginning is shown.
    value = peewee.fn.SUBSTR(ConfigKey.value, 1, PREVIEW_CHARACTERS + 1)
    columns = (ConfigKey.name, ConfigKey.type, value, ConfigKey.description)
    query = ConfigKey.of(g.unit, *columns).order_by(name).limit(PAGE_KEYS + 1)
    if wanted:
        query = query.where(ConfigKey.name.contains(wanted))
    if after:
        query = query.where(name > after)
    return [
        {
            "name": key,
            "type": kind,
            "value": text[:PREVIEW_CHARACTERS] + ("…" if len(text) > PREVIEW_CHARACTERS else ""),
            "description": description,
        }
        for key, kind, text, description in tuples(query)
    ]


def _counted() -> int:
    return int(ConfigKey.of(g.unit, ConfigKey.name).limit(COUNTED_MAX + 1).count())


@bp.route("/u/<slug>/admin/keys/new", methods=["GET", "POST"])
@access.requires(*access.ADMIN)
def new(slug: str) -> ResponseReturnValue:
    """Add a key."""
    form = KeyForm(data={"name": request.args.get("name", "")[:128]})
    if form.validate_on_submit():
        name = form.name.data
        if ConfigKey.of(g.unit).where(ConfigKey.name == name).exists():
            form.name.errors = ["There is a key of this name. Edit that one, or choose another."]
        else:
            revision = form.revision_number()
            with changing(g.unit, "key.create", by=g.user, revision=revision, subject=name):
                ConfigKey.create(unit=g.unit, name=name, **_values(form, None))
            flash(f"The key {name} is added.", "success")
            return see_other(url_for(".index", slug=slug))
    page = render_template("keystore/edit.html", form=form.without_secret(), key=None)
    return page, 422 if form.is_submitted() else 200


@bp.route("/u/<slug>/admin/keys/<name>", methods=["GET", "POST"])
@access.requires(*access.ADMIN)
def edit(slug: str, name: str) -> ResponseReturnValue:
    """Change a key's value, type and description. A secret that is left empty stays."""
    key = key_or_404(name)
    form = KeyForm(data={"type": key.type, "value": key.value, "description": key.description})
    del form.name  # others refer to it
    form.kept = _keeps_secret(form, key)
    if form.validate_on_submit():
        revision = form.revision_number()
        with changing(g.unit, "key.change", by=g.user, revision=revision, subject=name):
            values = _values(form, key if form.kept else None)
            here = (ConfigKey.unit == g.unit) & (ConfigKey.name == name)
            ConfigKey.update(**values).where(here).execute()
        flash(f"The key {name} is saved.", "success")
        return see_other(url_for(".index", slug=slug))
    uses = references.uses(g.unit).get(name, [])
    page = render_template("keystore/edit.html", form=form.without_secret(), key=key, uses=uses)
    return page, 422 if form.is_submitted() else 200


def _keeps_secret(form: KeyForm, key: ConfigKey) -> bool:
    return key.type == KeyType.SECRET == form.type.data and not form.value.data


def _values(form: KeyForm, kept: ConfigKey | None) -> dict[str, str | None]:
    kind, text = form.type.data, form.value.data
    values: dict[str, str | None] = {"type": kind, "description": form.description.data or ""}
    if kind == KeyType.SECRET:
        return values | {"value": "", "secret": kept.secret if kept is not None else text}
    return values | {"value": text, "secret": None}


@bp.post("/u/<slug>/admin/keys/<name>/reveal")
@access.requires(*access.ADMIN)
@access.fresh
def reveal(slug: str, name: str) -> ResponseReturnValue:
    """Show a secret, and write into the audit log that it was shown."""
    key = key_or_404(name)
    if key.type != KeyType.SECRET:
        abort(404)
    audit("key.reveal", by=g.user, unit=g.unit, subject=name)
    context = {"name": name, "secret": key.secret}
    if not is_htmx():
        return render_template("keystore/reveal.html", **context)
    return answer("keystore/_secret.html", url_for(".index", slug=slug), **context)


@bp.route("/u/<slug>/admin/keys/<name>/delete", methods=["GET", "POST"])
@access.requires(*access.ADMIN)
def delete(slug: str, name: str) -> ResponseReturnValue:
    """Say who refers to the key, then delete it."""
    key_or_404(name)
    form = ConfirmForm()
    if not form.validate_on_submit():
        uses = references.uses(g.unit).get(name, [])
        page = render_template("keystore/delete.html", form=form, name=name, uses=uses)
        return page, 422 if form.is_submitted() else 200
    with changing(g.unit, "key.delete", by=g.user, revision=form.revision_number(), subject=name):
        ConfigKey.delete().where((ConfigKey.unit == g.unit) & (ConfigKey.name == name)).execute()
    flash(f"The key {name} is deleted.", "success")
    return see_other(url_for(".index", slug=slug))
