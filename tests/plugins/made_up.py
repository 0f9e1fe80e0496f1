"""Two small plugins: a caller that has one needs served, and a server of an action and a portal."""

CALLER, SERVER = "org.made.caller", "org.made.server"

CALLER_FILES = {
    "manifest.json": {
        "manifestVersion": "1.0.0",
        "bundle": CALLER,
        "name": "Caller",
        "version": "1.0.0",
        "settingsSchema": {
            "application": {
                "type": "object",
                "properties": {"token": {"type": "string", "format": "password"}},
            }
        },
        "permissionKeys": [{"id": "PRESS", "label": "Press the button"}],
        "requirements": {
            "actions": [
                {"id": "KEEP", "name": "Keep a line"},
                {"id": "TELL", "name": "Tell others", "optional": True},
            ],
            "portals": [{"id": "BESIDE", "name": "Beside it", "optional": True}],
        },
    },
    "__init__.py": '''
"""Calls KEEP with what was typed, as often as it was told to, and counts."""
from ..acts import Act, Changes


def application(here):
    return {"count": here.application.get("count", 0), "can": here.can("KEEP")}


def press(doing, form):
    for _ in range(int(form.get("times", "1"))):
        doing.call("KEEP", {"text": form.get("text", "")})
    return {"count": doing.config.get("count", 0) + 1}


def type_in(doing, form):
    text = doing.config.get("text", "") + form["text"]
    return Changes({"last": form["text"]}, [(doing.application, {"text": text})])


ACTS = {
    "press": Act("PRESS", press),
    "type": Act("", type_in),
    "nothing": Act("", lambda doing, form: {}),
    "secret": Act("", lambda doing, form: {"token": form["text"]}),
    "feed": Act("", lambda doing, form: {"text": "\\0{DBKS:K0001}"}),
    "break": Act("", lambda doing, form: doing.call("KEEP", {"text": "x"}) or 1 / 0),
}
''',
    "application.html": (
        "{# needs: count, can, act_url, portal, typed #}<p>pressed {{ count }}</p>"
        "{{ portal('BESIDE') }}"
        "{% if can and act_url %}<form method=post action=\"{{ act_url('press') }}\">"
        '<input name="text" value="{{ typed.text }}"><button>Press</button></form>{% endif %}'
    ),
}

SERVER_FILES = {
    "manifest.json": {
        "manifestVersion": "1.0.0",
        "bundle": SERVER,
        "name": "Server",
        "version": "1.0.0",
        "permissionKeys": [{"id": "KEEP_IT", "label": "Keep lines"}],
        "actions": [{"id": "keep", "name": "Keep"}],
        "portals": [{"id": "window", "name": "Window"}],
    },
    "__init__.py": '''
"""Keeps lines in its own config and in the first of its applications."""
from ..acts import Action, ActProblem, Changes


def application(here):
    return {"lines": here.application.get("lines", [])}


def keep(called):
    text = called.arguments["text"]
    if not text:
        raise ActProblem("Type something to keep.")
    lines = [text, *called.config.get("lines", [])]
    first = next(called.placed(), None)
    if first is None:
        return {"lines": lines}
    return Changes({"lines": lines}, [(first, {"lines": [*first.config.get("lines", []), text]})])


def window(here):
    if here.plugin.get("broken"):
        raise RuntimeError("hush-reason")
    return {"said": here.plugin.get("said", ""), "may": here.may("KEEP_IT"), "at": here.application}


ACTIONS = {"keep": Action("KEEP_IT", keep)}
PORTALS = {"window": window}
''',
    "application.html": "{# needs: lines #}{% for line in lines %}<p>{{ line }}</p>{% endfor %}",
    "portals/window.html": (
        "{# needs: said, may, at #}<b>{{ said }} {{ may }} {{ at }}</b>"
        "{{ portal('BESIDE') }}{% if act_url %}<button>no</button>{% endif %}"
    ),
}
