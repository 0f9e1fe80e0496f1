"""The product's reader against every vector: one fault a file, with the class it must have."""

import io
import json
from pathlib import Path

import pytest

from dashboard.archive import ArchiveError, keys, open_with_password

VECTORS = Path(__file__).parent / "vectors"
INDEX = [json.loads(line) for line in (VECTORS / "index.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module", autouse=True)
def _derive_once():
    """Derive each key once: many vectors share password, salt and cost."""
    derive, known = keys._key_encryption_key, {}

    def cached(*question):
        if question not in known:
            known[question] = derive(*question)
        return known[question]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "_key_encryption_key", cached)
        yield


def verdict(data: bytes, password: str) -> tuple[str, str]:
    """Return the class of *data* and, when it is ok, its content digest."""
    try:
        reader = open_with_password(io.BytesIO(data), password)
        for _ in reader.batches():
            pass
    except ArchiveError as error:
        return error.code, ""
    return "ok", reader.trailer.content


@pytest.mark.parametrize("case", INDEX, ids=lambda case: case["file"].removesuffix(".dbk"))
def test_the_product_reads_a_vector_as_the_format_says(case):
    data = (VECTORS / case["file"]).read_bytes()
    code, content = verdict(data, case["password"])
    assert code == case["class"], case["why"]
    assert content == case.get("content", "")


def test_there_are_enough_vectors_of_every_class():
    assert len(INDEX) >= 120
    assert {case["class"] for case in INDEX} == {
        "ok",
        "not_a_backup",
        "newer_version",
        "damaged",
        "wrong_password",
        "limit",
        "invalid_content",
    }
