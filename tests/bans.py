"""What must not be in the program, beyond what ruff and bandit look for: rules for code and pages.

A rule looks at one node of the syntax tree and gives a word for what it found. What is allowed all
the same is in `ALLOWED`, by file and place, with its reason.
"""

import ast
import re
from collections.abc import Callable, Iterator

# Code that runs what it is given, or talks to other programs. Ruff knows calls of some, by name.
MODULES = {
    "code", "codeop", "cPickle", "ctypes", "dill", "joblib", "jsonpickle", "marshal",
    "multiprocessing", "pickle", "pty", "runpy", "shelve", "subprocess", "telnetlib", "yaml",
}  # fmt: skip
# Only the guarded client talks to others: it knows which addresses are private.
NETWORK = {"aiohttp", "ftplib", "httpx", "http.client", "requests", "smtplib", "urllib.request",
           "urllib3", "xmlrpc"}  # fmt: skip
RUNNING = {"eval", "exec", "compile", "__import__", "breakpoint"}
OF_OS = {"system", "popen", "fork", "forkpty", "posix_spawn", "posix_spawnp", "startfile"}
TEMPLATES = {"render_template_string", "from_string", "Template"}
WRITING = {"create", "insert", "update", "replace", "get_or_create", "set_by_id"}
SECRET_NAME = re.compile(r"(?:^|_)(?:password|secret|token|proof|mac|signature|code)s?(?:_hash)?$")
HOOKS = re.compile(r"failpoint|fail_point|fault_injection|PYTEST|\bTESTING\b|settrace", re.I)

ALLOWED = {
    "markup": {
        "dashboard/web/cards.py:show": "what a template of ours has escaped",
        "dashboard/web/cards.py:_body": "what a template of ours has escaped",
        "dashboard/web/cards.py:": "the empty text",
        "dashboard/web/table_field.py:__call__": "the empty text",
        "dashboard/web/plugin_settings.py:_page": "the readme of a plugin of the program, rendered "
        "without HTML of its own",
    },
    "sends a file": {
        "dashboard/web/downloads.py:send_backup": "the one place; its callers name rows, not paths",
    },
    "writes all it is given": {
        "dashboard/backup/part_workspaces.py:import_workspace": "the columns of the format's table",
        "dashboard/backup/runs.py:end": "columns that the program names",
        "dashboard/models/chain.py:append": "columns that the program names",
        "dashboard/models/operations.py:start": "columns that the program names",
        "dashboard/plugins/placing.py:configure": "columns that the program names",
        "dashboard/plugins/placing.py:duplicate": "a row of the same table",
        "dashboard/web/keystore.py:_create": "what `_values` names",
        "dashboard/web/keystore.py:edit": "what `_values` names",
        "dashboard/web/session_rows.py:_create": "what `_seen_of_the_browser` names",
        "dashboard/web/workspace_changes.py:save": "what `_COLUMNS` names",
    },
    "talks to the network": {
        "dashboard/plugins/outgoing.py:": "the guarded client",
    },
    "compares a secret": {
        "dashboard/web/backups.py:_preview_again": "of a ticket that was found already",
        "dashboard/web/own_sessions.py:present": "two hashes out of the database",
        "dashboard/web/second_step.py:_waiting": "two hashes of the server, none of them sent",
    },
    "safe filter": {
        "dashboard/plugins/notes/application.html": "Markdown, rendered without HTML of its own",
    },
}

Rule = Callable[[ast.AST], str | None]


def name_of(node: ast.AST) -> str:
    """Return the last word of a name: `d` for `a.b.c.d`, and for a call of it."""
    if isinstance(node, ast.Call):
        return name_of(node.func)
    return getattr(node, "attr", getattr(node, "id", ""))


def imported(node: ast.AST) -> set[str]:
    """Return the absolute modules that *node* imports, each with its parents."""
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and not node.level:
        names = [node.module or ""] + [f"{node.module}.{alias.name}" for alias in node.names]
    return {".".join(n.split(".")[:end]) for n in names for end in range(1, n.count(".") + 2)}


def runs_code(node: ast.AST) -> str | None:
    if imported(node) & MODULES:
        return "runs code"
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Name) and node.func.id in RUNNING:
        return "runs code"
    is_of_os = isinstance(node.func, ast.Attribute) and name_of(node.func.value) == "os"
    word = name_of(node)
    return "runs code" if is_of_os and (word in OF_OS or re.match("exec|spawn", word)) else None


def talks(node: ast.AST) -> str | None:
    return "talks to the network" if imported(node) & NETWORK else None


def calls(node: ast.AST) -> str | None:
    if not isinstance(node, ast.Call):
        return None
    word = name_of(node)
    if word == "executescript":
        return "commits what is open"  # so says SQLite's own module
    if word in TEMPLATES:
        return "makes a template of data"
    if word == "Markup":
        return "markup"
    if word in ("send_file", "send_from_directory"):
        return "sends a file"
    if any(k.arg == "verify" and getattr(k.value, "value", 1) is False for k in node.keywords):
        return "believes any certificate"
    if word in WRITING and isinstance(node.func, ast.Attribute):
        is_model = name_of(node.func.value)[:1].isupper() or name_of(node.func.value) == "cls"
        if is_model and any(k.arg is None for k in node.keywords):
            return "writes all it is given"
    return None


def compares(node: ast.AST) -> str | None:
    """Find `==` where a secret stands: it takes longer the more of it is right."""
    if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
        return None
    sides = [node.left, *node.comparators]
    for side in sides:
        value = getattr(side, "value", None)
        is_column = isinstance(side, ast.Attribute) and name_of(value)[:1].isupper()
        if isinstance(side, ast.Constant) or is_column:  # Peewee makes SQL of it
            return None
    found = any(SECRET_NAME.search(name_of(side)) for side in sides)
    return "compares a secret" if found else None


def checks_by_assert(node: ast.AST) -> str | None:
    return "checks by assert" if isinstance(node, ast.Assert) else None


def hooks(node: ast.AST) -> str | None:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    word = node.value if is_text else name_of(node)
    return "has a hook for tests" if HOOKS.search(word) else None


CODE: tuple[Rule, ...] = (runs_code, talks, calls, compares, checks_by_assert, hooks)


def found_in_code(path: str, source: str) -> Iterator[tuple[str, str, int]]:
    """Yield (rule, place, line) of everything in a file of code that a rule is against."""

    def look(node: ast.AST, function: str) -> Iterator[tuple[str, str, int]]:
        for child in ast.iter_child_nodes(node):
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            for rule in CODE:
                if word := rule(child):
                    yield word, f"{path}:{function}", child.lineno
            yield from look(child, child.name if is_function else function)

    yield from look(ast.parse(source), "")


PAGES = {
    "safe filter": r"\|\s*safe\b|autoescape\s+false",
    "script in an attribute": r"""\son[a-z]+\s*=|hx-on|["']\s*javascript:|hx-vals\s*=\s*["']js:""",
    "style in an attribute": r"\sstyle\s*=|<style\b",
    "script in the page": r"<script\b(?![^>]*\ssrc=)",
    "evaluates": r"hx-trigger=\"[^\"]*\[|hx-headers\s*=\s*[\"']js:|hx-vars",
    "can reach back": r'<a\b(?=[^>]*target="_blank")(?![^>]*rel="[^"]*noopener)',
    "loads from elsewhere": r"""(?:src|<link[^>]*href)\s*=\s*["'](?:https?:)?//""",
    "attribute without quotes": r"\s(?!url=)[\w-]+=\{\{",
}


def found_in_page(path: str, text: str) -> Iterator[tuple[str, str, int]]:
    """Yield (rule, place, line) of everything in a template that a rule is against."""
    for rule, pattern in PAGES.items():
        for found in re.finditer(pattern, text, re.IGNORECASE):
            yield rule, path, text.count("\n", 0, found.start()) + 1
