"""Files: private, whole or not there, and swept by their own ids alone."""

import hashlib
import io
import os

import pytest

from dashboard.archive.worker import Worker
from dashboard.backup import store

UID = "0123456789abcdef" * 2


def test_files_are_for_the_owner_alone(cast, make_backup, bring_in, folders):
    bring_in(cast.daily, cast.alice, make_backup(cast.daily))
    for path in folders.data.rglob("*"):
        mode = path.stat().st_mode & 0o777
        assert mode == (0o700 if path.is_dir() else 0o600), path
    assert folders.data.stat().st_mode & 0o777 == 0o700


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
