"""The API against its own description: generated requests, good and bad, by schemathesis."""

import json
import re
import threading

import msgspec
import pytest
from click.testing import CliRunner
from werkzeug.serving import WSGIRequestHandler, make_server

from dashboard.cli import cli
from dashboard.models import BackupRun
from dashboard.web.api import units
from dashboard.web.api.description import describe
from dashboard.web.api.operations import OPERATIONS
from tests.backup.conftest import state
from tests.web.api import Script, make_token
from tests.web.test_access import EXPECTED

EXAMPLES = 12  # of each operation, beside those that try every limit of the description


def test_every_route_is_described_and_the_other_way_round(app):
    routes = {
        (method, re.sub(r"<(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in rule.methods - {"HEAD"}
    }
    paths = describe()["paths"]
    assert {(method.upper(), path) for path, at in paths.items() for method in at} == routes
    assert len(routes) == len(OPERATIONS)


def test_the_description_says_the_scope_that_is_asked_for(app):
    described = [op for at in describe()["paths"].values() for op in at.values()]
    assert len({op["operationId"] for op in described}) == len(described)
    for op, described_one in zip(OPERATIONS, described_in_order(), strict=True):
        assert EXPECTED[f"api.{op.name}"][1:2] == ((str(op.scope),) if op.scope else ())
        assert (f"Needs the scope `{op.scope}`." in described_one["description"]) is bool(op.scope)
        assert ("security" in described_one) is not op.is_public
        assert described_one["summary"]


def described_in_order():
    paths = describe()["paths"]
    for op in OPERATIONS:
        path = re.sub(r"<(\w+)>", r"{\1}", f"/api/v1{op.path}")
        yield paths[path][op.method.lower()]


def test_every_type_that_is_named_is_described():
    document = json.dumps(describe())
    named = set(re.findall(r'"#/components/schemas/(\w+)"', document))
    assert named <= set(describe()["components"]["schemas"])
    assert "NewExport" in named
    assert describe()["components"]["schemas"]["NewExport"]["additionalProperties"] is False


def test_the_command_prints_what_the_server_answers(app):
    answer = Script(app, None).ask("GET", "/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    printed = CliRunner().invoke(cli, ["openapi"])
    assert printed.exit_code == 0
    assert json.loads(printed.stdout) == answer.json == json.loads(json.dumps(describe()))


class Quiet(WSGIRequestHandler):
    """A server that logs nothing."""

    def log(self, *_args):
        pass


@pytest.fixture
def address(app):
    """The application on the loopback: schemathesis cannot follow links within one process."""
    app.testing = False
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}/api/v1/openapi.json"
    server.shutdown()
    thread.join()
    server.server_close()
    app.extensions["jobs"].close()


def findings(address, secret, path=""):
    """Run every phase and check; return what is wrong, and what each operation answered."""
    from schemathesis import openapi
    from schemathesis.config import SchemathesisConfig
    from schemathesis.engine import from_schema
    from schemathesis.engine.events import FatalError, NonFatalError, ScenarioFinished

    settings = {
        "headers": {"Authorization": f"Bearer {secret}"},
        "parameters": {"path.slug": "daily"},
        "continue-on-failure": True,
        "generation": {"max-examples": EXAMPLES, "deterministic": True, "database": "none"},
    }
    config = SchemathesisConfig.from_dict(settings)
    schema = openapi.from_url(address, config=config)
    schema = schema.include(path=path) if path else schema
    wrong, answers = [], {}
    for event in from_schema(schema).execute():
        if isinstance(event, FatalError | NonFatalError):
            wrong.append(str(event.info))
        if isinstance(event, ScenarioFinished):
            for uid, checks in event.recorder.checks.items():
                label = event.recorder.cases[uid].value.operation.label
                status = event.recorder.interactions[uid].response.status_code
                answers.setdefault(label, []).append(status)
                failed = [check.failure_info for check in checks if check.failure_info]
                wrong += [(label, status, info.failure.title, str(info.failure)) for info in failed]
    return wrong, answers


@pytest.mark.slow
def test_schemathesis_finds_nothing(address, cast):
    """All of its checks, in all of its phases; about half a minute."""
    before = state(cast.daily), state(cast.weekly)
    wrong, answers = findings(address, make_token(cast.alice)[1])
    assert wrong == []
    # It leaves out the description itself.
    assert len(answers) == len(OPERATIONS) - 1
    assert min(map(len, answers.values())) > 5
    assert {status for statuses in answers.values() for status in statuses} >= {
        200, 201, 202, 204, 400, 401, 404, 405, 409, 415, 422
    }  # fmt: skip
    assert BackupRun.select().count() > 10
    assert (state(cast.daily), state(cast.weekly)) == before  # no ticket can be guessed


@pytest.mark.slow
def test_an_answer_of_another_shape_is_found(address, cast, monkeypatch):
    """The negative control."""

    class Other(msgspec.Struct):
        units: int

    monkeypatch.setattr(units, "Units", lambda *_: Other(1))
    wrong, _ = findings(address, make_token(cast.alice)[1], "/api/v1/units")
    assert any("schema" in title for _, _, title, _ in wrong)
