"""What must not be in the program is not in it; and each rule notices what it is for."""

import re
from pathlib import Path

import pytest

from dashboard.config import PASSWORD_VARIABLES, SETTINGS
from tests.bans import ALLOWED, found_in_code, found_in_page

ROOT = Path(__file__).resolve().parent.parent
CODE = [ROOT / "app.py", *sorted((ROOT / "dashboard").rglob("*.py"))]
PAGES = [
    *sorted((ROOT / "templates").rglob("*.html")),
    *sorted((ROOT / "dashboard").rglob("*.html")),
]


def everything():
    for files, look in ((CODE, found_in_code), (PAGES, found_in_page)):
        for file in files:
            yield from look(str(file.relative_to(ROOT)), file.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_program_has_nothing_that_is_banned():
    found = [
        f"{place} line {line}: {rule}"
        for rule, place, line in everything()
        if place not in ALLOWED.get(rule, {})
    ]
    assert not found, "\n".join(found)


@pytest.mark.slow
def test_what_is_allowed_is_there():
    there = {(rule, place) for rule, place, _ in everything()}
    assert {(rule, place) for rule in ALLOWED for place in ALLOWED[rule]} <= there


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ("import pickle", "runs code"),
        ("from marshal import loads", "runs code"),
        ("import shelve as s", "runs code"),
        ("import yaml", "runs code"),
        ("import subprocess", "runs code"),
        ("from multiprocessing.shared_memory import SharedMemory", "runs code"),
        ("import ctypes.util", "runs code"),
        ("def f(a): return eval(a)", "runs code"),
        ("exec('1')", "runs code"),
        ("compile('1', '', 'exec')", "runs code"),
        ("__import__('os')", "runs code"),
        ("os.system('ls')", "runs code"),
        ("os.popen('ls')", "runs code"),
        ("os.execvp('ls', [])", "runs code"),
        ("os.spawnl(0, 'ls')", "runs code"),
        ("import requests", "talks to the network"),
        ("from urllib.request import urlopen", "talks to the network"),
        ("from urllib import request", "talks to the network"),
        ("import http.client", "talks to the network"),
        ("connection.executescript(sql)", "commits what is open"),
        ("render_template_string(text)", "makes a template of data"),
        ("app.jinja_env.from_string(text)", "makes a template of data"),
        ("jinja2.Template(text)", "makes a template of data"),
        ("Markup(text)", "markup"),
        ("markupsafe.Markup(text)", "markup"),
        ("send_file(request.args['path'])", "sends a file"),
        ("flask.send_from_directory('x', name)", "sends a file"),
        ("pool.get(url, verify=False)", "believes any certificate"),
        ("User.create(**request.form)", "writes all it is given"),
        ("User.insert(**row).execute()", "writes all it is given"),
        ("models.User.update(id=1, **row)", "writes all it is given"),
        ("cls.create(**row)", "writes all it is given"),
        ("if token == given: pass", "compares a secret"),
        ("a.password_hash != b", "compares a secret"),
        ("_proof(user) == proof", "compares a secret"),
        ("assert user.is_admin", "checks by assert"),
        ("os.environ['DASHBOARD_FAILPOINT']", "has a hook for tests"),
        ("if app.config['TESTING']: pass", "has a hook for tests"),
        ("sys.settrace(f)", "has a hook for tests"),
    ],
)
def test_banned_code_is_found(source, rule):
    assert {found for found, _, _ in found_in_code("x.py", source)} == {rule}


@pytest.mark.parametrize(
    "source",
    [
        "import re\nre.compile('x')",
        "from .subprocess import x",
        "if Session.token_hash == wanted: pass",
        "if password == '': pass",
        "if hmac.compare_digest(token, given): pass",
        "User.create(name=name)",
        "values.update(**more)",
        "dict(**more)",
        "pool.get(url, verify=True)",
        "from urllib.parse import quote",
        "send_backup(path, 'x')",
    ],
)
def test_other_code_is_left_alone(source):
    assert list(found_in_code("x.py", source)) == []


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("{{ x|safe }}", "safe filter"),
        ("{{ x | safe }}", "safe filter"),
        ("{% autoescape false %}", "safe filter"),
        ('<a onclick="x()">', "script in an attribute"),
        ('<a hx-on:click="x()">', "script in an attribute"),
        ('<a href="javascript:x()">', "script in an attribute"),
        ("<a hx-vals='js:{a: 1}'>", "script in an attribute"),
        ('<p style="color: red">', "style in an attribute"),
        ("<style>p {}</style>", "style in an attribute"),
        ("<script>x()</script>", "script in the page"),
        ('<a hx-trigger="click[x()]">', "evaluates"),
        ('<a target="_blank" href="x">', "can reach back"),
        ('<script src="https://x.example/x.js"></script>', "loads from elsewhere"),
        ('<link rel="stylesheet" href="//x.example/x.css">', "loads from elsewhere"),
        ("<a title={{ x }}>", "attribute without quotes"),
    ],
)
def test_banned_markup_is_found(text, rule):
    assert {found for found, _, _ in found_in_page("x.html", text)} == {rule}


@pytest.mark.parametrize(
    "text",
    [
        '<a target="_blank" rel="noopener noreferrer" href="x">',
        '<script src="{{ asset("js/app.js") }}" defer></script>',
        "{{ x | safer }}",
        '<a hx-target="this" hx-trigger="input changed delay:250ms">',
    ],
)
def test_other_markup_is_left_alone(text):
    assert list(found_in_page("x.html", text)) == []


def test_the_environment_holds_no_switch_but_the_settings():
    known = {setting.variable for setting in SETTINGS} | set(PASSWORD_VARIABLES) | {"DASHBOARD_"}
    named = {
        name
        for file in [*CODE, *PAGES]
        # Not with a line in front: that is what shells ask for completions.
        for name in re.findall(r"(?<!_)DASHBOARD_[A-Z_]*", file.read_text(encoding="utf-8"))
    }
    assert named <= known
