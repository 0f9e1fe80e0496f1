"""Measures the speed of backups against other tools, in one run, and says what it found.

python -m bench.run             1,000,000 config keys, 5 rounds
python -m bench.run --quick     50,000 config keys, 3 rounds, a few minutes
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from . import peers, report, stopwatch
from .stopwatch import ROOT, Failed, Sample

UNIT = "harbour-daily"
PASSWORD = "made up, for measuring"  # noqa: S105 - of files that live for minutes
LIGHT = ("--kdf-mib", "8")  # where key derivation would hide what is asked
BYTES_PER_KEY = 6_000  # of disk, with every file of a run at once
MEDIUM_KEYS = 100_000  # where an object at a time is compared
GROUPS = ("ratios", "limits", "django", "small", "memory")
RESULTS, PLOT = ROOT / "bench" / "results.json", ROOT / "docs" / "performance.svg"
DOCUMENT = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- measured -->", "<!-- end of measured -->"


@dataclass
class Book:
    """Everything measured, as it will be in the JSON."""

    series: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    steps: dict[str, dict[str, dict[str, list[float]]]] = field(default_factory=dict)
    memory: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, int] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    others: list[float] = field(default_factory=list)

    def add(self, name: str, wall: float, cpu: float) -> None:
        """Write down one run of *name*."""
        series = self.series.setdefault(name, {"wall": [], "cpu": []})
        series["wall"].append(wall)
        series["cpu"].append(cpu)

    def add_steps(self, verb: str, sample: Sample) -> None:
        """Write down the steps of one run of `limits`."""
        for step, (wall, cpu) in sample.told.items():
            sums = self.steps.setdefault(verb, {}).setdefault(step, {"wall": [], "cpu": []})
            sums["wall"].append(wall)
            sums["cpu"].append(cpu)

    def miss(self, reason: str) -> None:
        """Say, once and loudly, that something cannot be measured."""
        if reason not in self.missing:
            self.missing.append(reason)
            print(f"\n*** NOT MEASURED: {reason}\n", file=sys.stderr)

    def result(self, about: dict[str, Any]) -> report.Result:
        """Return all of it."""
        others = self.others or [0.0]
        return {
            "about": about | {"missing": self.missing},
            "others": {"median": median(others), "most": max(others)},
            "series": self.series,
            "steps": self.steps,
            "memory": self.memory,
            "files": self.files,
        }


class Unit:
    """A data directory whose unit has so many config keys, and a backup of it."""

    def __init__(self, bench: "Bench", keys: int) -> None:
        self._bench, self.keys = bench, keys
        self.folder = bench.folder / str(keys)
        self.folder.mkdir()
        self.data, self._spare = self.folder / "data", self.folder / "spare"
        self._changed = self.folder / "changed"
        self.file, self.payload = self.folder / "kept.dbk", self.folder / "payload.ndjson"
        bench.say(f"filling a unit with {keys:,} config keys")
        words = ("demo", "--config-keys", str(keys))
        self.app(*words, DASHBOARD_DEMO_PASSWORD=PASSWORD)
        self.content = self.command("export", "-o", self.file).told["content"]

    def app(self, *words: str | Path, **env: str) -> Sample:
        """Run a command as a person would type it."""
        whole = {"DASHBOARD_DATA_DIR": str(self.data)} | env
        return self._bench.run([sys.executable, "app.py", *words], env=whole)

    def command(
        self,
        verb: str,
        *words: str | Path,
        unit: bool = True,
        light: bool = False,
        write_only: bool = False,
        data: Path | None = None,
    ) -> Sample:
        """Run `backup VERB` with its phases told, on the data directory or on *data*."""
        env = {
            "DASHBOARD_DATA_DIR": str(data or self.data),
            "DASHBOARD_BACKUP_PASSWORD": PASSWORD,
        }
        chosen = ("--unit", UNIT) if unit else ()
        cost = LIGHT if light or self._bench.smoke else ()
        start = [sys.executable, "-m", "bench.ours", *cost]
        start += ["--write-only"] if write_only else []
        return self._bench.run(
            [*start, "backup", verb, *words, *chosen, "--json"], env=env, told=True
        )

    def export(self, *, light: bool = False, write_only: bool = False) -> Sample:
        """Export to a new file, `new.dbk`; *write_only*: without reading it back."""
        self.new.unlink(missing_ok=True)
        return self.command("export", "-o", self.new, light=light, write_only=write_only)

    def import_(self, *, light: bool = False) -> Sample:
        """Import the kept file, or the light one, into a fresh copy of the data directory."""
        shutil.rmtree(self._spare, ignore_errors=True)
        shutil.copytree(self.data, self._spare)
        file = self.new if light else self.file
        sample = self.command("import", "--yes", file, light=light, data=self._spare)
        assert sample.told["content"] == self.content
        shutil.rmtree(self._spare)
        return sample

    def diff(self) -> Sample:
        """Compare the kept file with a unit that has moved on since."""
        if not self._changed.exists():
            shutil.copytree(self.data, self._changed)
            peers.change_some_keys(self._changed / "dashboard.db", UNIT)
        return self.command("diff", self.file, data=self._changed)

    @property
    def new(self) -> Path:
        """Return the file that `export` makes."""
        return self.folder / "new.dbk"

    def decrypt(self) -> Path:
        """Return the payload of the kept backup as text."""
        if not self.payload.exists():
            words = ("backup", "decrypt", self.file, "-o", self.payload)
            self.app(*words, DASHBOARD_BACKUP_PASSWORD=PASSWORD)
        return self.payload

    def remove(self) -> None:
        """Give the disk space back."""
        shutil.rmtree(self.folder)


class Bench:
    """One measurement: its options, its folder, its book."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.smoke: bool = options.smoke
        self.priority: bool = options.priority
        self.rounds: int = options.rounds
        self.keys: list[int] = options.keys
        self.groups: list[str] = options.only
        self.folder = folder
        self.book = Book()
        self._idle: float = options.idle_wait
        self._tools = peers.versions()

    def say(self, words: str) -> None:
        """Tell how far we are."""
        print(words, file=sys.stderr, flush=True)

    def run(self, *args: Any, **kwargs: Any) -> Sample:
        """Run a child when the machine is quiet."""
        stopwatch.wait_until_quiet(self._idle)
        return stopwatch.run(*args, **kwargs)

    def has(self, *tools: str) -> bool:
        """Return whether all *tools* are installed; say it when they are not."""
        missing = [tool for tool in tools if tool not in self._tools]
        if missing:
            self.book.miss(f"{', '.join(missing)} is not installed, so nothing compares with it")
        return not missing

    def measure(self) -> report.Result:
        """Measure everything that was asked for."""
        sizes = set(self.keys)
        medium = min(MEDIUM_KEYS, max(sizes))
        if "django" in self.groups and self.has("django"):
            sizes.add(medium)
        if "small" in self.groups:
            self.measure_small()
        for keys in sorted(sizes):
            unit = Unit(self, keys)
            if "memory" in self.groups and keys in self.keys:
                self.measure_memory(unit)
            if keys == medium and "django" in self.groups and self.has("django"):
                self.measure_django(unit)
            if keys == max(sizes):
                self.measure_ratios(unit)
            unit.remove()
        about = {
            "keys": max(self.keys),
            "sizes": sorted(self.keys),
            "medium_keys": medium,
            "rounds": self.rounds,
            "processors": os.cpu_count() or 1,
            "commit": _commit(),
            "priority": self.priority,
            "tools": {"Python": sys.version.split()[0], "APSW": version("apsw")} | self._tools,
        }
        return self.book.result(about)

    def measure_ratios(self, unit: Unit) -> None:
        """Ours, the peers, and the limits, one after the other, again and again."""
        acts: list[tuple[str, Callable[[], None]]] = []
        if "ratios" in self.groups:
            acts += self._ratio_acts(unit)
        if "limits" in self.groups:
            acts += self._limit_acts(unit)
        for at in range(self.rounds):
            for name, act in acts:
                self.say(f"round {at + 1} of {self.rounds}: {name}")
                stopwatch.wait_until_quiet(self._idle)
                act()

    def _ratio_acts(self, unit: Unit) -> list[tuple[str, Callable[[], None]]]:
        acts: list[tuple[str, Callable[[], None]]] = [("export", lambda: self._export(unit))]
        rows = peers.make_database(unit.data / "dashboard.db", unit.folder / "peer.db", UNIT)
        self.say(f"peer.db holds the {rows:,} rows of the unit")
        dump = peers.Dump(unit.folder, rows) if self.has(*peers.DUMP_NEEDS) else None
        restic = peers.Restic(unit.folder) if self.has(*peers.RESTIC_NEEDS) else None
        if dump:
            acts.append(("dump", lambda: self._peer("dump.export", dump.export, dump)))
        if restic:
            acts.append(("restic", lambda: self._restic(restic)))
        acts.append(("export, write only", lambda: self._write(unit)))
        acts.append(("validate", lambda: self._validate(unit)))
        acts.append(("diff", lambda: self._diff(unit)))
        acts.append(("import", lambda: self._import(unit, "import")))
        if dump:
            acts.append(("load", lambda: self._peer("dump.load", dump.load)))
        acts.append(("start", lambda: self._start(unit)))
        return acts

    def _limit_acts(self, unit: Unit) -> list[tuple[str, Callable[[], None]]]:
        ddl, words = unit.folder / "ddl.sql", [sys.executable, "-m", "bench.limits"]
        ddl.write_text(peers.statement(unit.data / "dashboard.db", "config_key"))
        self.run([*words, "prepare", unit.folder, unit.decrypt(), ddl])

        def act(verb: str) -> None:
            sample = self.run([*words, verb, unit.folder], told=True)
            self.book.add_steps(verb, sample)
            self.book.others.append(sample.others)

        return [
            ("limit of export", lambda: act("export")),
            ("limit of validate", lambda: act("validate")),
            ("limit of import", lambda: act("import")),
        ]

    # --- one run each ---

    def _ours(self, name: str, sample: Sample, less: tuple[str, ...], within: str = "") -> None:
        """Write down the command, or its phase *within*, without the phases *less*."""
        told = sample.told
        for phase in (*less, *([within] if within else ())):
            if phase not in told["phase_wall"]:
                self.book.miss(f"{name}: the engine has no phase {phase!r} that we know")
                return
        walls, cpus = told["phase_wall"], told["phase_cpu"]
        self.book.others.append(sample.others)
        self.book.add(
            name,
            (walls[within] if within else told["wall"]) - sum(walls[phase] for phase in less),
            (cpus[within] if within else told["cpu"]) - sum(cpus[phase] for phase in less),
        )

    def _whole(self, name: str, sample: Sample) -> None:
        self.book.add(f"{name}.command", sample.wall, sample.cpu)

    def _export(self, unit: Unit) -> None:
        sample = unit.export()
        assert sample.told["content"] == unit.content
        self._whole("export", sample)
        self._ours("export", sample, ("kdf",))
        self._ours("kdf", sample, (), "kdf")
        self._ours("export.fsync", sample, (), "fsync")
        self.book.files["export"] = unit.new.stat().st_size

    def _write(self, unit: Unit) -> None:
        sample = unit.export(write_only=True)
        assert sample.told["content"] == unit.content
        self._ours("export.written", sample, ("kdf",))

    def _validate(self, unit: Unit) -> None:
        sample = unit.command("verify", unit.file, unit=False)
        self._whole("verify", sample)
        self._ours("verify", sample, ("kdf",))

    def _diff(self, unit: Unit) -> None:
        sample = unit.diff()
        self._whole("diff", sample)
        self._ours("diff", sample, ("kdf",))

    def _import(self, unit: Unit, name: str) -> None:
        sample = unit.import_()
        self._whole(name, sample)
        self._ours(name, sample, ("safety_copy",), "import_file")
        self._ours(f"{name}.safety_copy", sample, (), "safety_copy")
        self._ours(f"{name}.tidy", sample, (), "tidy")

    def _peer(self, name: str, run: Callable[[], Sample], dump: Any = None) -> None:
        sample = run()
        self.book.others.append(sample.others)
        told = sample.told or {"wall": sample.wall, "cpu": sample.cpu}
        self.book.add(name, told["wall"], told["cpu"])
        if dump:
            self.book.files[name] = dump.file_bytes

    def _restic(self, restic: peers.Restic) -> None:
        whole = restic.export()
        stopwatch.wait_until_quiet(self._idle)
        opened = restic.open()
        self.book.others.append(whole.others)
        self.book.add("restic.command", whole.wall, whole.cpu)
        self.book.add("restic.open", opened.wall, opened.cpu)
        # Its key derivation does not count, as ours does not.
        self.book.add("restic.export", whole.wall - opened.wall, whole.cpu - opened.cpu)
        self.book.files["restic.export"] = restic.file_bytes

    def _start(self, unit: Unit) -> None:
        sample = unit.app("unit", "list")
        self.book.add("unit list.command", sample.wall, sample.cpu)

    # --- the other questions ---

    def measure_small(self) -> None:
        """Export and import a unit of the demo's size, where key derivation is nearly all."""
        unit = Unit(self, 0)
        for at in range(max(self.rounds, 1 if self.smoke else 7)):
            self.say(f"the demo, round {at + 1}")
            for name, run in (("small.export", unit.export), ("small.import", unit.import_)):
                sample = run()
                self._whole(name, sample)
                self._ours(name, sample, ())
                self._ours(f"{name}.kdf", sample, (), "kdf")
        unit.remove()

    def measure_memory(self, unit: Unit) -> None:
        """Find the peak memory of each verb: with little key derivation, and as typed."""
        self.say("memory")
        idle = unit.app("unit", "list").peak_kib / 1024
        acts: dict[str, Callable[[bool], Sample]] = {
            "export": lambda light: unit.export(light=light),
            "validate": lambda light: unit.command(
                "verify", unit.new if light else unit.file, unit=False, light=light
            ),
            "import": lambda light: unit.import_(light=light),
        }
        for verb, act in acts.items():
            typed, light = act(False), act(True)
            self.book.memory.append(
                {
                    "verb": verb,
                    "keys": unit.keys,
                    "idle_mib": idle,
                    "peak_mib": light.told["peak_kib"] / 1024,
                    "typed_mib": typed.told["peak_kib"] / 1024,
                }
            )

    def measure_django(self, unit: Unit) -> None:
        """Our import against an object at a time, on fewer keys."""
        django = peers.Django(unit.folder, unit.decrypt())
        for at in range(self.rounds):
            self.say(f"Django, round {at + 1} of {self.rounds}, {unit.keys:,} keys")
            self._import(unit, "medium.import")
            stopwatch.wait_until_quiet(self._idle)
            self._peer("django.load", django.load)


def _commit() -> str:
    """Return what is measured: the commit, with a plus if files differ from it."""
    if not shutil.which("git"):
        return "unknown"
    words = ("git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+")
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def keep(result: report.Result) -> None:
    """Put table, JSON and plot where the project keeps them."""
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    PLOT.write_text(report.plot(result), encoding="utf-8")
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    text = f"{before}{BEGIN}\n\n{report.table(result)}\n\n{END}{after}"
    DOCUMENT.write_text(text, encoding="utf-8")


def _parse(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    add = parser.add_argument
    add("--keys", help="sizes, the largest for the ratios (10000,100000,1000000)")
    add("--rounds", type=int, help="how often each is run (5)")
    add("--quick", action="store_true", help="sizes 5000,50000 and 3 rounds")
    add("--only", help=f"some of {','.join(GROUPS)}")
    add("--idle-wait", type=float, help="seconds to wait for a quiet machine before a run (15)")
    add("--priority", action="store_true", help="go before what others run (as root)")
    add("--tmp", type=Path, help="folder on a disk, for some 6 GB per million keys")
    add("--out", type=Path, default=ROOT / "build" / "bench", help="folder for JSON and plot")
    add("--keep", action="store_true", help="also replace what docs/ shows")
    add("--render", type=Path, metavar="JSON", help="measure nothing, show this result")
    add("--smoke", action="store_true", help=argparse.SUPPRESS)  # tests: no cost, no waiting
    options = parser.parse_args(words)
    quick = options.quick or options.smoke
    default = "5000,50000" if quick else "10000,100000,1000000"
    options.keys = [int(at) for at in (options.keys or default).split(",")]
    options.rounds = options.rounds or (3 if quick else 5)
    if options.idle_wait is None:
        options.idle_wait = 0 if options.smoke else 3 if quick or options.priority else 15
    options.only = options.only.split(",") if options.only else list(GROUPS)
    if unknown := set(options.only) - set(GROUPS):
        parser.error(f"--only knows {', '.join(GROUPS)}, not {', '.join(sorted(unknown))}")
    return options


def _measured(options: argparse.Namespace) -> report.Result:
    if options.priority:
        stopwatch.go_first()
    with tempfile.TemporaryDirectory(prefix="dashboard-bench-", dir=options.tmp) as name:
        needed = (max(options.keys) * BYTES_PER_KEY) + (256 << 20)
        if shutil.disk_usage(name).free < needed:
            raise SystemExit(f"{name}: {needed >> 20} MiB are needed; name another with --tmp")
        return Bench(options, Path(name)).measure()


def main(words: list[str] | None = None) -> None:
    """Measure, print, write."""
    options = _parse(words)
    result = json.loads(options.render.read_text()) if options.render else _measured(options)
    print(report.table(result))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.out / "performance.svg").write_text(report.plot(result), encoding="utf-8")
    if options.keep:
        keep(result)


if __name__ == "__main__":
    try:
        main()
    except Failed as error:
        sys.exit(f"error: {error}")
