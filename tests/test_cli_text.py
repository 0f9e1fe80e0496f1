"""Bytes that are no text, in what commands take: arguments, passwords, settings, names of files."""

import json
import os

import click
import pytest

from dashboard import config
from dashboard.models import ConfigKey, SafetyCopy
from tests.test_cli import command, rows, run, saved, state
from tests.test_docs import commands

__all__ = ["run", "saved"]

ODD = "caf\udcff"  # as Python has the bytes caf\xff of an argument or a variable


@pytest.mark.parametrize("form", [[], ["--json"]])
@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["unit", "create", "night", "--name", ODD], "--name"),
        (["unit", "create", ODD, "--name", "Night"], "SLUG"),
        (["audit", "list", "--unit", ODD], "--unit"),
        (["backup", "undo", "--unit", ODD, "--yes"], "--unit"),
        (["user", "disable", ODD], "EMAIL"),
        (
            ["user", "create", "a@b.example", "--unit", "daily", "--role", "user", "--name", ODD],
            "--name",
        ),
    ],
)
def test_an_argument_that_is_not_utf8_is_a_wrong_usage(run, cast, words, name, form):
    before = rows()
    result = run(*words, *form, code=2)
    assert f"Invalid value for '{name}': This is not UTF-8 text. Set the terminal" in result.stderr
    assert result.stdout == ""
    assert rows() == before


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_no_command_takes_an_argument_that_is_not_utf8(name):
    """Every command that takes text is wrapped by `refusing`; paths and choices are none."""
    found = dict(commands())[name]
    takes_text = any(isinstance(at.type, click.types.StringParamType) for at in found.params)
    assert not takes_text or found.callback.__wrapped__


def not_utf8(result):
    error = json.loads(result.stdout)["error"]
    assert error["code"] == "not_utf8"
    assert f"error: {error['message']}" in result.stderr
    assert "not UTF-8 text. Nothing was changed. S" in error["message"]
    return error["message"]


def test_a_password_file_that_is_not_utf8_is_refused(run, cast, saved, tmp_path, monkeypatch):
    monkeypatch.delenv("DASHBOARD_BACKUP_PASSWORD")
    file, out = tmp_path / "password", tmp_path / "out.dbk"
    file.write_bytes("caf\xe9 daily\n".encode("latin-1"))
    before = state(cast.daily), *rows()[:2]
    password = ["--password-file", file, "--json"]
    for words in (["verify", saved], ["inspect", saved], ["decrypt", saved, "-o", out]):
        not_utf8(run("backup", *words, *password, code=1))
    for words in (["import", saved, "--yes"], ["export", "-o", out]):
        said = not_utf8(run("backup", *words, "--unit", "daily", *password, code=1))
        assert rows()[2] == (f"backup.{words[0]}", "refused", said)
    for words in (["user", "password", cast.bob.email], ["demo"]):
        not_utf8(run(*words, *password, code=1))
    assert (state(cast.daily), *rows()[:2]) == before
    assert not out.exists()
    assert SafetyCopy.select().count() == 0


def test_a_new_password_that_is_not_utf8_is_refused(run, cast, tmp_path, monkeypatch):
    out = tmp_path / "out.dbk"
    before = rows()[:2]
    for variable, words in (
        ("DASHBOARD_BACKUP_PASSWORD", ["backup", "export", "--unit", "daily", "-o", out]),
        ("DASHBOARD_USER_PASSWORD", ["user", "password", cast.bob.email]),
        ("DASHBOARD_DEMO_PASSWORD", ["demo"]),
    ):
        monkeypatch.setenv(variable, ODD * 4)
        assert variable in not_utf8(run(*words, "--json", code=1))
    monkeypatch.delenv("DASHBOARD_USER_PASSWORD")
    typed = b"caf\xff daily\n" * 2
    said = not_utf8(run("user", "password", cast.bob.email, "--json", code=1, stdin=typed))
    assert "What was typed" in said
    assert rows()[:2] == before
    assert not out.exists()


def test_what_opens_nothing_is_a_wrong_password_however_it_is_encoded(run, saved, monkeypatch):
    monkeypatch.setenv("DASHBOARD_BACKUP_PASSWORD", ODD)
    refused = run("backup", "verify", saved, "--json", code=1)
    assert json.loads(refused.stdout)["error"]["code"] == "wrong_password"


def test_a_name_typed_in_another_encoding_confirms_nothing(run, cast, saved):
    ConfigKey.delete().where(ConfigKey.unit == cast.daily).execute()
    before = state(cast.daily)
    words = ["backup", "import", saved, "--unit", "daily", "--json"]
    said = not_utf8(run(*words, code=1, stdin=b"Harbour\xff\n"))
    assert rows()[2] == ("backup.import", "refused", said)
    assert state(cast.daily) == before
    assert SafetyCopy.select().count() == 0


@pytest.mark.parametrize("encoding", ["utf-8:strict", "latin-1:strict"])
def test_the_name_of_a_file_may_be_any_bytes_and_is_spelled_out(saved, tmp_path, encoding):
    file = saved.rename(tmp_path / f"{ODD}.dbk")
    about = {"data_dir": tmp_path / "none", "PYTHONIOENCODING": encoding}
    told = command("backup", "inspect", str(file), "--json", **about)
    assert (told.returncode, told.stderr) == (0, "")
    assert os.fsencode(json.loads(told.stdout)["file"]) == os.fsencode(file)
    told = command("backup", "inspect", str(file), **about)
    assert told.stdout.startswith(f"{tmp_path}/caf\\udcff.dbk: Dashboard backup")


@pytest.mark.parametrize("name", ["DATA_DIR", "DATABASE_URL", "HOST", "SERVER_NAMES"])
def test_a_setting_that_is_not_utf8_is_named(name):
    with pytest.raises(config.ConfigError, match=rf"DASHBOARD_{name}=.*: expected UTF-8 text"):
        config.load({f"DASHBOARD_{name}": ODD})
