"""The bill of materials names all that the product ships, and the vendored files are those."""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import needs

ROOT = Path(__file__).resolve().parent.parent
TOOL = Path(sys.prefix) / "sbom"  # where `make sbom` installs what it needs


def load():
    spec = importlib.util.spec_from_file_location("sbom", ROOT / "packaging" / "sbom.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sbom = load()


@pytest.fixture(scope="module")
def bom(tmp_path_factory):
    """What `make sbom` writes; it has been checked against the schema then."""
    if not (TOOL / "cyclonedx").is_dir():
        needs.not_tested("`make sbom` installs what this needs, and comes before the tests")
    environ = os.environ | {"PYTHONPATH": str(TOOL)}
    words = [sys.executable, "packaging/sbom.py"]
    subprocess.run(words, cwd=ROOT, env=environ, check=True, capture_output=True)
    return json.loads(sbom.OUTPUT.read_text())


def test_every_vendored_file_is_a_component_with_its_sum():
    for one in sbom.vendored():
        file = ROOT / one["description"].partition(":")[0]
        assert one["hashes"] == [
            {"alg": "SHA-256", "content": hashlib.sha256(file.read_bytes()).hexdigest()}
        ]
    names = {one["name"] for one in sbom.vendored()}
    assert names == {"htmx.org", "@knadh/oat", "lucide-static", "zxcvbn"}


def test_licences_are_given_for_all_that_are_vendored():
    said = (ROOT / "static" / "vendor" / "LICENSES").read_text()
    for one in sbom.vendored():
        is_free = one["licenses"] == [{"license": {"id": "0BSD"}}]  # which asks for no notice
        assert is_free or f"== {one['name']} ==" in said


@pytest.mark.slow
def test_every_pinned_package_is_in_it_with_version_and_hashes(bom):
    text = (ROOT / "requirements.txt").read_text()
    pins = {tuple(line.split()[0].split("==")) for line in text.splitlines() if "==" in line}
    found = {(one["name"], one["version"]): one for one in bom["components"]}
    assert pins <= found.keys()
    for pin in pins:
        (origin,) = found[pin]["externalReferences"]
        assert {known["alg"] for known in origin["hashes"]} == {"SHA-256"}
        assert all(known["content"] in text for known in origin["hashes"])


@pytest.mark.slow
def test_every_part_has_a_licence(bom):
    there = sbom.installed(bom["components"])
    for one in bom["components"]:
        is_installed = "version" in one and sbom.name_of(one["name"]) in there
        assert one.get("licenses") or not is_installed, one["name"]
    assert len(there) > 25


@pytest.mark.slow
def test_every_part_is_needed_by_somebody(bom):
    graph = {one["ref"]: one.get("dependsOn", []) for one in bom["dependencies"]}
    assert graph.keys() == {bom["metadata"]["component"]["bom-ref"]} | {
        one["bom-ref"] for one in bom["components"]
    }
    needed = {ref for refs in graph.values() for ref in refs}
    assert {one["bom-ref"] for one in bom["components"]} <= needed


@pytest.mark.slow
def test_what_is_not_cyclonedx_is_refused(bom):
    bom["components"][0]["type"] = "no such type"
    code = "import sbom, sys; print(sbom.problem(sys.stdin.read()))"
    environ = os.environ | {"PYTHONPATH": f"{TOOL}:{ROOT / 'packaging'}"}
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(bom), text=True, env=environ,
        check=True, capture_output=True,
    )  # fmt: skip
    assert "no such type" in done.stdout
