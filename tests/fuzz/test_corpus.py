"""Every input that was worth keeping, again, without a fuzzer: the readers agree on each.

The names of the files in `corpus/` begin with the class that both must answer. Then the mutators
are let loose for a moment, always with the same dice.
"""

import random
from pathlib import Path

import pytest

from tests.archive import second_content, second_json, second_reader
from tests.archive.second_writer import packed
from tests.fuzz import mutators, targets, verdicts
from tests.fuzz.targets import MAKER, TARGETS, differ

CORPUS = Path(__file__).parent / "corpus"
ROUNDS = 400


@pytest.mark.parametrize("name", TARGETS)
def test_both_readers_give_the_class_that_a_kept_input_is_named_after(name):
    target, files = TARGETS[name], sorted((CORPUS / name).iterdir())
    assert len(files) >= 5
    for path in files:
        data = path.read_bytes()
        assert differ(target, data) is None, path.name
        assert target.second(data)[0] == path.name.partition("-")[0], path.name


@pytest.mark.parametrize("name", TARGETS)
def test_both_readers_agree_on_every_seed(name):
    seeds = list(TARGETS[name].seeds())
    assert len(seeds) >= 8
    assert [seed for seed in seeds if differ(TARGETS[name], seed)] == []


def test_a_skippable_frame_is_not_the_frame_of_a_block():
    """Found by fuzzing: it is no zstd frame, whatever size it tells."""
    inside = b"\x50\x2a\x4d\x18" + (5 << 20).to_bytes(4, "little") + b"text\n"
    assert differ(TARGETS["blocks"], packed(inside)) is None


def test_a_sign_is_a_character_of_a_number():
    """Found by fuzzing: a number has at most 64 characters."""
    for number in (b"-" + b"9" * 64, b"[-1" + b"0" * 63 + b"]"):
        row = b'["A","json","' + number + b'",""]'
        assert differ(TARGETS["plain-json"], number) is None
        assert differ(TARGETS["rows-config_keys"], row) is None


def mutated(name: str, rounds: int = ROUNDS):
    """Yield inputs that the target's mutator makes of its seeds and of each other."""
    target, rng = TARGETS[name], random.Random(name)
    pool = list(target.seeds())

    def plain(data: bytes, most: int) -> bytes:
        return mutators.bytewise(data, most, rng)

    for _ in range(rounds):
        data = mutators.mutate(target, rng.choice(pool), plain, target.max_bytes, rng)
        if rng.random() < 0.2:
            pool.append(data)
        yield data


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_both_readers_agree_after_a_few_throws_of_the_dice(name):
    found = {data: differ(TARGETS[name], data) for data in mutated(name)}
    assert {data: pair for data, pair in found.items() if pair} == {}


def test_the_corpus_is_small_and_every_class_is_in_it():
    files = list(CORPUS.rglob("*-*"))
    files = [path for path in files if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 2 << 20
    assert {path.name.partition("-")[0] for path in files} == set(verdicts.CLASSES) - {
        "wrong_password"  # nothing here asks for one
    }
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)


@pytest.mark.slow
def test_the_mutator_of_whole_files_gets_behind_the_mac():
    """Nearly every file it makes is genuine: refused for what it says, not for a broken seal."""
    words = [verdicts.second(data, MAKER.file_key) for data in mutated("reader", 300)]
    assert sum(word in ("ok", "invalid_content", "limit") for word in words) > 150
    assert words.count("ok") > 5
    assert {"damaged", "invalid_content"} <= set(words)


# Negative controls: a spoiled reader disagrees somewhere in the corpus.


def disagreements(name: str) -> int:
    files = (CORPUS / name).iterdir()
    return sum(differ(TARGETS[name], path.read_bytes()) is not None for path in files)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "module", "function", "instead"),
    [
        ("rows-toolbar", second_content, "check_order", lambda *_: None),
        ("rows-applications", second_content, "check_references", lambda *_: None),
        ("rows-config_keys", second_content, "_check_typed_value", lambda *_: None),
        ("rows-assets", second_content, "_check_asset", lambda *_: None),
        ("strict-json", second_json, "_check_strings", lambda *_: None),
        ("strict-json", second_json, "_object", dict),
        ("strict-json", second_json, "check_depth", lambda *_: None),
        ("header-line", second_reader, "check_bounds", lambda *_: None),
        ("manifest", second_content, "_check_time", lambda *_: None),
        ("reader", second_reader, "check_order", lambda *_: None),
    ],
)
def test_a_reader_without_a_check_is_caught(name, module, function, instead, monkeypatch):
    assert disagreements(name) == 0
    monkeypatch.setattr(module, function, instead)
    assert disagreements(name) > 0


def test_what_is_not_declared_comes_out(monkeypatch):
    def fail(_source):
        raise IndexError

    monkeypatch.setattr(targets, "read_header", fail)
    with pytest.raises(IndexError):
        differ(TARGETS["header"], b"dashboard-backup/1\n")
