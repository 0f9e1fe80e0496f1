"""The config key store: searched and paged by name, whatever its size."""

from flask import Blueprint, abort, flash, g, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from ..models import ConfigKey, KeyType, NoRoom, audit, changing, require_room
from ..plugins import keystore
from ..plugins.usage import usage
from . import access
from .forms_content import ConfirmForm, KeyForm
from .htmx import answer, is_htmx, see_other

bp = Blueprint("keystore", __name__)
SHOWN = {"": "All keys", "unused": "Unused keys", "missing": "Missing keys"}
MISSING_SHOWN = 5


def key_or_404(name: str) -> ConfigKey:
    """Return a config key of the unit."""
    found: ConfigKey | None = ConfigKey.of(g.unit).where(ConfigKey.name == name).first()
    return found if found is not None else abort(404)


def asked_for(args: "MultiDict[str, str]") -> dict[str, str]:
    """Return what the search form asks for, as it stands in an address; nonsense is left out."""
    kind, show = args.get("type", ""), args.get("show", "")
    asked = {
        "q": args.get("q", "").strip()[:128],
        "type": kind if kind in list(KeyType) else "",
        "show": show if show in SHOWN else "",
    }
    return {name: value for name, value in asked.items() if value}


def search_of(asked: dict[str, str]) -> keystore.Search:
    """Return what is *asked* for, as the list is searched."""
    return keystore.Search(
        text=asked.get("q", ""),
        type=KeyType(asked["type"]) if "type" in asked else None,
        used=usage(g.unit).places.keys() if asked.get("show") == "unused" else None,
    )


@bp.get("/u/<slug>/admin/keys")
@access.requires(*access.ADMIN)
def index(slug: str) -> ResponseReturnValue:
    """List the keys that fit, 50 at a time, from a place of the list on or up to one."""
    asked = asked_for(request.args)
    known = usage(g.unit)
    context = {"asked": asked, "usage": known, "types": list(KeyType), "shown": SHOWN}
    if asked.get("show") == "missing":
        wanted = asked.get("q", "").lower()
        missing = [name for name in known.missing if wanted in name.lower()]
        return render_template("keystore/missing.html", missing=missing, **context)
    search = search_of(asked)
    after = keystore.Cursor.read(request.args.get("after", ""))
    before = keystore.Cursor.read(request.args.get("before", ""))
    return render_template(
        "keystore/index.html",
        page=keystore.page(g.unit, search, after=after, before=before),
        is_first=after is None and before is None,
        search=search,
        counted=None if search.is_narrow else keystore.counted(g.unit),
        counted_max=keystore.COUNTED_MAX,
        missing_shown=MISSING_SHOWN,
        **context,
    )


@bp.route("/u/<slug>/admin/keys/-/new", methods=["GET", "POST"])
@access.requires(*access.ADMIN)
def new(slug: str) -> ResponseReturnValue:
    """Add a key."""
    form = KeyForm(data={"name": request.args.get("name", "")[:128]})
    if form.validate_on_submit():
        name = form.name.data
        if ConfigKey.of(g.unit).where(ConfigKey.name == name).exists():
            form.name.errors = ["There is a key of this name. Edit that one, or choose another."]
        elif _create(form, name):
            flash(f"The key {name} is added.", "success")
            return see_other(url_for(".index", slug=slug))
    page = render_template("keystore/edit.html", form=form.without_secret(), key=None)
    return page, 422 if form.is_submitted() else 200


def _create(form: KeyForm, name: str) -> bool:
    revision = form.revision_number()
    try:
        with changing(g.unit, "key.create", by=g.user, revision=revision, subject=name):
            require_room(g.unit, ConfigKey)
            ConfigKey.create(unit=g.unit, name=name, **_values(form, None))
    except NoRoom as error:
        form.form_errors.append(str(error))
        return False
    return True


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
    uses = usage(g.unit).of(name)
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
        uses = usage(g.unit).of(name)
        page = render_template("keystore/delete.html", form=form, name=name, uses=uses)
        return page, 422 if form.is_submitted() else 200
    with changing(g.unit, "key.delete", by=g.user, revision=form.revision_number(), subject=name):
        ConfigKey.delete().where((ConfigKey.unit == g.unit) & (ConfigKey.name == name)).execute()
    flash(f"The key {name} is deleted.", "success")
    return see_other(url_for(".index", slug=slug))
