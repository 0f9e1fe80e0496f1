"""Write dist/sbom.cdx.json: what the product ships, as a CycloneDX bill of materials.

cyclonedx-bom reads the pins and their hashes from requirements.txt. Added here: the licences of
what is installed, who needs whom, and what is vendored (static/vendor/VERSIONS). The result is
checked against the schema of CycloneDX. Run it by `make sbom`.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "dist" / "sbom.cdx.json"
SCHEMA = "1.6"
_UNDECLARED = {"peewee": "MIT"}  # whose LICENSE file says what its metadata do not
_REQUIRED = re.compile(r"[A-Za-z0-9._-]+")
_SPDX = re.compile(r"[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*")


def name_of(text: str) -> str:
    """Return the name of a package as package indexes compare it."""
    found = _REQUIRED.match(text)
    return re.sub(r"[-_.]+", "-", found[0] if found else "").lower()


def pinned() -> dict[str, Any]:
    """Return what cyclonedx-bom makes of the pins."""
    words = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements"]
    words += ["--pyproject", "pyproject.toml", "--output-reproducible", "--sv", SCHEMA]
    done = subprocess.run([*words, "requirements.txt"], cwd=ROOT, check=True, capture_output=True)
    bom: dict[str, Any] = json.loads(done.stdout)
    return bom


def licences(found: Distribution) -> list[dict[str, Any]]:
    """Return the licences that an installed package declares."""
    declared = found.metadata.get("License-Expression") or found.metadata.get("License")
    said = declared or _UNDECLARED.get(name_of(found.name), "")
    if _SPDX.fullmatch(said):
        return [{"expression": said}]
    classes = found.metadata.get_all("Classifier") or []
    names = [c.rpartition(" :: ")[2] for c in classes if c.startswith("License :: ")]
    lines = said.strip().splitlines()
    return [{"license": {"name": name}} for name in names or lines[:1]]


def installed(components: list[dict[str, Any]]) -> dict[str, Distribution]:
    """Return the packages of *components* that are installed, in the version that they name."""
    versions = {name_of(one["name"]): one["version"] for one in components}
    return {
        name_of(found.name): found
        for found in distributions()
        if versions.get(name_of(found.name)) == found.version
    }


def vendored() -> Iterator[dict[str, Any]]:
    """Yield a component for each line of static/vendor/VERSIONS."""
    folder = ROOT / "static" / "vendor"
    for line in (folder / "VERSIONS").read_text(encoding="utf-8").splitlines():
        words = [word.strip() for word in line.split(" | ")]
        if len(words) != 5 or line.startswith("#"):
            continue
        file, project, source, licence, sha256 = words
        name, _, version = project.rpartition(" ")
        registry = "pypi" if source.startswith("PyPI ") else "npm"
        yield {
            "type": "file",
            "bom-ref": f"vendored-{Path(file).name}",
            "name": name,
            "version": version,
            "purl": f"pkg:{registry}/{name.replace('@', '%40')}@{version}",
            "description": f"{(folder / file).resolve().relative_to(ROOT)}: {source}",
            "hashes": [{"alg": "SHA-256", "content": sha256}],
            "licenses": [{"license": {"id": licence.partition(",")[0]}}],
        }


def wanted() -> set[str]:
    """Return the packages that the product itself asks for."""
    lines = (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()
    return {name_of(line) for line in lines} - {""}


def complete(bom: dict[str, Any]) -> dict[str, Any]:
    """Add licences, dependencies and vendored files to what cyclonedx-bom made."""
    components = bom["components"]
    packages = installed(components)
    known = {name_of(one["name"]): one["purl"] for one in components}
    graph = []
    for one in components:
        name = name_of(one["name"])
        one["bom-ref"] = one["purl"]
        one.pop("description", None)  # the line of the file, hashes and all
        needs: set[str] = set()
        if name in packages:
            one["licenses"] = licences(packages[name])
            needs = {name_of(text) for text in packages[name].requires or ()}
        graph.append(
            {"ref": one["purl"], "dependsOn": sorted(known[n] for n in needs & set(known))}
        )
    files = list(vendored())
    root = bom["metadata"]["component"]["bom-ref"]
    own = sorted(known[name] for name in wanted()) + [one["bom-ref"] for one in files]
    bom["components"] = components + files
    bom["dependencies"] = [{"ref": root, "dependsOn": own}, *graph]
    bom["dependencies"] += [{"ref": one["bom-ref"]} for one in files]
    return bom


def problem(text: str) -> str:
    """Return what the schema of CycloneDX has against *text*; empty if nothing."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    return str(JsonStrictValidator(SchemaVersion.from_version(SCHEMA)).validate_str(text) or "")


def main() -> None:
    """Write the file, or end with what is wrong."""
    text = json.dumps(complete(pinned()), indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    if said := problem(text):
        sys.exit(f"not CycloneDX {SCHEMA}: {said}")
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(text, encoding="utf-8")
    print(f"{OUTPUT.relative_to(ROOT)}: {len(json.loads(text)['components'])} components")


if __name__ == "__main__":
    main()
