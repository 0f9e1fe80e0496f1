"""Files: private, whole or not there, and swept by their own ids alone."""

import hashlib
import io
import os

import pytest

from dashboard import backup, db
from dashboard.archive.worker import Worker
from dashboard.backup import store
from dashboard.installation import open_installation
from tests import needs
from tests.backup.conftest import PASSWORD

UID = "0123456789abcdef" * 2
SOMEBODY = 65534


def test_files_are_for_the_owner_alone(cast, make_backup, bring_in, folders):
    bring_in(cast.daily, cast.alice, make_backup(cast.daily))
    for path in folders.data.rglob("*"):
        mode = path.stat().st_mode & 0o777
        assert mode == (0o700 if path.is_dir() else 0o600), path
    assert folders.data.stat().st_mode & 0o777 == 0o700


def everything(data):
    """Whom each thing in *data* belongs to."""
    return {path.relative_to(data): path.stat().st_uid for path in (data, *data.rglob("*"))}


@pytest.fixture
def give_away():
    """`give_away(folder)`: let it and all that is in it belong to somebody who is not root."""
    if os.geteuid() != 0:
        needs.not_tested("only root can give files away")

    def give(folder):
        for path in (folder, *folder.rglob("*")):
            os.chown(path, SOMEBODY, SOMEBODY)

    return give


def test_what_root_makes_is_of_the_owner_of_the_data_directory(
    give_away, cast, engine, make_backup, bring_in, folders
):
    for folder in (folders.uploads, folders.exports, folders.safety):
        folder.rmdir()
    give_away(folders.data)
    open_installation(folders.data)
    data = make_backup(cast.daily)
    bring_in(cast.daily, cast.alice, data)
    backup.export_for_download(cast.daily, cast.alice, PASSWORD, engine)
    backup.keep_upload(cast.daily, cast.alice, io.BytesIO(data), engine)
    with store.new_file(folders.safety, UID):
        found = everything(folders.data)
    assert set(found.values()) == {SOMEBODY}, found
    assert sorted(path.suffix for path in found if len(path.parts) == 2) == [
        ".dbk",  # upload
        ".dbk",  # export
        ".dbk",  # safety copy
        ".part",
    ]


def test_an_installation_that_root_makes_is_of_the_owner_of_its_directory(give_away, tmp_path):
    data = tmp_path / "new"
    data.mkdir()
    give_away(data)
    open_installation(data)
    with db.database.connection_context():
        db.database.get_tables()
        found = everything(data)
    assert {path.name for path in found} >= {"server.key", "dashboard.db", "dashboard.db-wal"}
    assert set(found.values()) == {SOMEBODY}, found


def test_a_file_that_root_named_stays_roots(give_away, cast, engine, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    give_away(home)
    backup.export_to_file(cast.daily, home / "x.dbk", PASSWORD, "command line", engine)
    assert (home / "x.dbk").stat().st_uid == 0


def test_root_that_may_give_nothing_away_goes_on(give_away, folders, monkeypatch):
    def refuse(*_):
        raise PermissionError

    give_away(folders.data)
    monkeypatch.setattr(os, "fchown", refuse)
    with store.new_file(folders.safety, UID):
        pass
    assert [path.name for path in folders.safety.iterdir()] == [f"{UID}.dbk"]


def test_a_file_that_fails_leaves_nothing(folders):
    def fail():
        with store.new_file(folders.exports, UID) as sink:
            sink.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(folders.exports.iterdir()) == []


@pytest.mark.parametrize("uid", ["", "..", "../" * 10 + "x", "A" * 32, "0" * 31, "0" * 33])
def test_a_name_that_is_no_id_is_never_a_path(folders, uid):
    with pytest.raises(ValueError, match="not the id"):
        store.file_path(folders.exports, uid)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (3 << 20) + 7])
def test_the_digest_of_a_file_is_made_beside_whoever_reads_it(tmp_path, size):
    data = os.urandom(size)
    (tmp_path / "file").write_bytes(data)
    with Worker() as worker, (tmp_path / "file").open("rb") as file:
        for source in (file, io.BytesIO(data)):
            source.seek(size // 2)
            beside = store.sha256_beside(source, worker)
            if source is file:
                assert file.read() == data[size // 2 :]
            assert beside.result() == hashlib.sha256(data).hexdigest()
            assert store.sha256(source) == hashlib.sha256(data).hexdigest()
            assert source.tell() == 0
