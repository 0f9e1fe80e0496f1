"""The second factor of one's own account: set up, renewed, switched off."""

import base64

from flask import Blueprint, abort, flash, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ..models import Membership, Organisation, Role, Unit, audit
from ..models import second_factor as factor
from ..models.throttle import TooManyTries
from ..vault import vault
from . import access, own_sessions, sessions, tries
from .forms_account import RenewCodesForm, TurnOffForm, TurnOnForm
from .htmx import see_other
from .qr import qr_code

bp = Blueprint("second_factor", __name__)

_PENDING = "new_factor"  # in the session: the secret that is about to be set up, sealed


@bp.get("/account/second-factor")
@access.signed_in
@access.fresh
def show() -> ResponseReturnValue:
    """Show how to set it up, or what can be done with it."""
    if factor.has_second_factor(g.user):
        return _page_of_it(RenewCodesForm())
    return _page_to_set_up(TurnOnForm())


@bp.post("/account/second-factor")
@access.signed_in
@access.fresh
def turn_on() -> ResponseReturnValue:
    """Switch it on, if the code shows that the app has the secret; show the recovery codes once."""
    if factor.has_second_factor(g.user):  # the page of the codes was loaded anew
        flash(
            "The second factor is on. Its recovery codes were shown once; if you do not have them, "
            "make new ones here.",
            "info",
        )
        return see_other(url_for(".show"))
    form = TurnOnForm()
    if form.validate():
        # However lately it was typed: a stolen cookie is not to shut its owner out.
        refusal = tries.not_confirmed(
            form.password, "second_factor.on", lambda: _page_to_set_up(form)[0]
        )
        if refusal is not None:
            return refusal
        try:
            codes = factor.turn_on(
                g.user, _pending_secret(), form.code.data, here=own_sessions.here()
            )
        except factor.WrongCode as error:
            form.code.errors = [str(error)]
        except factor.OtherFactor as error:
            return _changed_meanwhile(error)
        else:
            sessions.current().pop(_PENDING, None)
            return _page_of_codes(codes, "The second factor is on.")
    return _page_to_set_up(form, 422)


@bp.post("/account/second-factor/codes")
@access.signed_in
@access.fresh
def renew_codes() -> ResponseReturnValue:
    """Make new recovery codes and show them once."""
    form = RenewCodesForm()
    try:
        if _is_right(form, "second_factor.codes"):
            codes = factor.renew_recovery_codes(g.user)
            return _page_of_codes(codes, "The codes of before do not work any more.")
    except factor.OtherFactor as error:
        return _changed_meanwhile(error)
    return _page_of_it(form, 422)


@bp.post("/account/second-factor/off")
@access.signed_in
@access.fresh
def turn_off() -> ResponseReturnValue:
    """Go on without it."""
    form = TurnOffForm()
    try:
        if _is_right(form, "second_factor.off"):
            factor.turn_off(g.user, by=g.user)
            flash("The second factor is switched off. The password alone logs you in.", "success")
            return see_other(url_for("account.show"))
    except factor.OtherFactor as error:
        return _changed_meanwhile(error)
    return _page_of_it(form, 422)


def _is_right(form: RenewCodesForm | TurnOffForm, action: str) -> bool:
    """Use up the code in *form*; return whether it was right, and put into the form if not."""
    if not form.validate():
        return False
    guess = tries.code_of(g.user, form.code.data)
    try:
        guess.take()
        factor.take_code(g.user, form.code.data)
        guess.give_back()
    except TooManyTries as error:
        form.code.errors = [str(error)]
        page, _ = _page_of_it(form)
        abort(tries.refused(error, page, action, g.user))
    except factor.WrongCode as error:
        if tries.wrong_code_is_worth_a_note(g.user, form.code.data):
            audit(action, by=g.user, subject=g.user.email, outcome="refused")
        form.code.errors = [str(error)]
        return False
    return True


def _changed_meanwhile(error: factor.OtherFactor) -> ResponseReturnValue:
    flash(str(error), "warning")
    return see_other(url_for(".show"))


def _page_of_codes(codes: list[str], said: str) -> ResponseReturnValue:
    """Show *codes*: only here, nothing keeps them."""
    go_on = access.own_page(request.args.get("next")) or url_for("account.show")
    return render_template("account/codes.html", codes=codes, said=said, go_on=go_on)


def _page_to_set_up(form: TurnOnForm, status: int = 200) -> tuple[str, int]:
    secret, issuer = _pending_secret(), f"Dashboard {Organisation.get().name}"
    page = render_template(
        "account/second_factor_new.html",
        form=form,
        qr=qr_code(factor.address_for_apps(secret, g.user.email, issuer)),
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        units=_units_that_ask(),
    )
    return page, status


def _page_of_it(form: RenewCodesForm | TurnOffForm, status: int = 200) -> tuple[str, int]:
    """Show what can be done with it: *form* as it is, and the other one empty."""
    page = render_template(
        "account/second_factor.html",
        renew=form if isinstance(form, RenewCodesForm) else RenewCodesForm(formdata=None),
        off=form if isinstance(form, TurnOffForm) else TurnOffForm(formdata=None),
        codes_left=factor.recovery_codes_left(g.user),
        units=_units_that_ask(),
    )
    return page, status


def _pending_secret() -> str:
    """Return the secret that this browser is about to set up: the same until it is switched on."""
    here = sessions.current()
    if _PENDING not in here:
        here[_PENDING] = base64.b64encode(vault.seal(factor.new_secret())).decode()
    return vault.unseal(base64.b64decode(here[_PENDING]))


def _units_that_ask() -> list[str]:
    """Return the names of the units that ask this user for a second factor."""
    asks = Unit.admins_need_second_factor & (Membership.role == Role.ADMIN)
    found = Unit.select(Unit.name).join(Membership).where((Membership.user == g.user) & asks)
    return [unit.name for unit in found.order_by(Unit.name)]
