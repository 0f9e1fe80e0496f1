"""The API end to end: every act as a script does it, on the code that the screens use."""

import pytest

from tests.backup.conftest import state, wipe_some
from tests.web.api import PASSWORD, Script, make_token


@pytest.fixture
def token(cast):
    return make_token(cast.alice)


@pytest.fixture
def script(app, token):
    """Alice's script, which may do everything she may."""
    return Script(app, token[1])


def test_every_verb_from_export_to_undo(script, cast, folders):
    before = state(cast.daily)
    job = script.do("/units/daily/exports", {"password": PASSWORD})
    assert (job["act"], job["state"], job["error"]) == ("export", "done", None)
    file = script.ask("GET", f"/units/daily/exports/{job['id']}")
    assert file.mimetype == "application/octet-stream"
    assert file.data.startswith(b"dashboard-backup/1\n")
    assert len(file.data) == job["export"]["file_bytes"]

    wipe_some(cast.daily)
    poor = state(cast.daily)
    kept = script.upload(file.data)
    assert kept.status_code == 201
    assert kept.json["file_sha256"] == job["export"]["file_sha256"]
    checked = script.do(
        f"/units/daily/uploads/{kept.json['id']}/validation", {"password": PASSWORD}
    )
    preview = checked["preview"]
    assert (checked["act"], preview["same_unit"]) == ("validate", True)
    assert preview["content"] == job["export"]["content"]
    assert sum(at["come"] for at in preview["sections"]) > 0
    assert state(cast.daily) == poor

    done = script.do("/units/daily/imports", {"ticket": preview["ticket"]})
    assert (done["act"], done["state"]) == ("import", "done")
    assert done["imported"]["content"] == job["export"]["content"]
    assert state(cast.daily) == before
    status = script.ask("GET", "/units/daily").json
    assert status["counts"] == job["export"]["counts"] == done["imported"]["counts"]
    assert status["last_backup"]["content"] == job["export"]["content"]
    assert (status["undo"]["act"], status["running"]) == ("import", None)
    assert list(folders.uploads.iterdir()) == []

    back = script.do("/units/daily/undo/validation")
    assert back["act"] == "prepare_undo"
    assert script.do("/units/daily/undo", {"ticket": back["preview"]["ticket"]})["act"] == "undo"
    assert state(cast.daily) == poor
