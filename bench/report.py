"""From what was measured to what it means: ratios and targets, as Markdown and as a plot."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any
from xml.sax.saxutils import escape

Result = dict[str, Any]

# The steps that no program could leave out (`limits.py`). Each inner tuple is a stretch whose steps
# can overlap, so that two processors share them; one stretch begins when the one before has ended.
WRITE = (("read", "unseal", "encode", "digest", "zstd", "encrypt", "write"),)
READ_BACK = ("decrypt", "unzstd")  # compared as bytes, while the rest is still being written
WRITE_AND_READ_BACK = ((*WRITE[0], *READ_BACK),)
VALIDATE = (("decrypt", "unzstd", "digest", "decode", "inner", "order"),)
IMPORT = (
    ("wipe",),
    ("decrypt", "unzstd", "digest", "decode", "order", "seal", "insert"),
    ("references",),
    ("re-read", "re-unseal", "re-encode", "re-digest"),
    ("commit",),
)
FLAT_MIB = 32  # more, from the smallest unit to the largest; 16 are the page cache filling
MEMORY_MIB = 128
LIMIT_TARGET = 1.5
LOUD_SHARE = 0.15  # of the machine used by others: then times say little
Stretches = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Ratio:
    """How long something of ours took, compared with something else."""

    ours: str
    other: str
    ours_seconds: float
    other_seconds: float
    cpu: float | None  # ratio of processor times
    low: float
    high: float  # the same ratio, round by round
    target: float | None

    @property
    def wall(self) -> float:
        """Return the ratio of the medians."""
        return self.ours_seconds / self.other_seconds

    @property
    def verdict(self) -> str:
        """Return whether the target was met."""
        if self.target is None:
            return ""
        return "met" if self.wall <= self.target else "missed"


def is_missed(ratio: Ratio) -> bool:
    """Return whether *ratio* has a target and is above it."""
    return ratio.verdict == "missed"


def two_lanes(seconds: Mapping[str, float], steps: Sequence[str]) -> float:
    """Return the least time two processors need when every step stays on one of them."""
    costs = [seconds[step] for step in steps]
    total = sum(costs)
    lanes = (
        sum(cost for at, cost in enumerate(costs) if chosen >> at & 1)
        for chosen in range(1 << len(costs))
    )
    return min(max(lane, total - lane) for lane in lanes)


def limit(seconds: Mapping[str, float], stretches: Stretches, *, processors: int) -> float:
    """Return the least time for *stretches* on one processor or on two."""
    if processors == 1:
        return sum(seconds[step] for stretch in stretches for step in stretch)
    return sum(two_lanes(seconds, stretch) for stretch in stretches)


def step_medians(result: Result, verb: str, what: str) -> dict[str, float]:
    """Return {step: median seconds} of the limit of *verb*; *what* is "wall" or "cpu"."""
    return {step: median(at[what]) for step, at in result["steps"].get(verb, {}).items()}


def ratios(result: Result) -> list[Ratio]:
    """Return every ratio that *result* has the numbers for."""
    return [
        *_pair(result, "export", "dump.export", 1.0),
        *_pair(result, "export", "restic.export", 0.6),
        *_pair(result, "export.written", "dump.export", 0.75),
        *_pair(result, "verify", "export", 1.1),
        *_pair(result, "diff", "export", 1.1),
        *_pair(result, "verify", "export.written", None),
        *_pair(result, "import", "dump.load", 1.0),
        *_pair(result, "medium.import", "django.load", 0.5),
        *_limits(result),
        *_pair(result, "small.export", "small.export.kdf", 1.2),
        *_pair(result, "small.import", "small.import.kdf", 1.2),
    ]


def _pair(result: Result, ours: str, other: str, target: float | None) -> Iterator[Ratio]:
    series = result["series"]
    if ours not in series or other not in series:
        return
    a, b = series[ours], series[other]
    rounds = [x / y for x, y in zip(a["wall"], b["wall"], strict=False)]
    yield Ratio(
        ours=NAMES[ours],
        other=NAMES[other],
        ours_seconds=median(a["wall"]),
        other_seconds=median(b["wall"]),
        cpu=median(a["cpu"]) / median(b["cpu"]),
        low=min(rounds),
        high=max(rounds),
        target=target,
    )


def _limits(result: Result) -> Iterator[Ratio]:
    if not result["steps"]:
        return
    wall = {verb: step_medians(result, verb, "wall") for verb in result["steps"]}
    cpu = {verb: step_medians(result, verb, "cpu") for verb in result["steps"]}
    for seconds in (wall, cpu):
        seconds["export and read back"] = seconds["export"] | {
            step: seconds["validate"][step] for step in READ_BACK
        }
    parts: list[tuple[str, str, Stretches]] = [
        ("export.written", "export", WRITE),
        ("export", "export and read back", WRITE_AND_READ_BACK),
        ("verify", "validate", VALIDATE),
        ("import", "import", IMPORT),
    ]
    for ours, verb, steps in parts:
        if ours not in result["series"]:
            continue
        series = result["series"][ours]
        least_cpu = limit(cpu[verb], steps, processors=1)
        for processors, target in ((1, LIMIT_TARGET), (2, None)):
            least = limit(wall[verb], steps, processors=processors)
            yield Ratio(
                ours=NAMES[ours],
                other=f"its limit on {'two processors' if processors == 2 else 'one'}",
                ours_seconds=median(series["wall"]),
                other_seconds=least,
                cpu=median(series["cpu"]) / least_cpu,
                low=min(series["wall"]) / least,
                high=max(series["wall"]) / least,
                target=target,
            )


NAMES = {
    "export": "export, read back",
    "export.written": "export without reading back",
    "verify": "validate",
    "diff": "validate and compare with the unit",
    "import": "import",
    "medium.import": "import (fewer keys)",
    "small.export": "export of the demo",
    "small.import": "import into the demo",
    "small.export.kdf": "key derivation alone",
    "small.import.kdf": "key derivation alone",
    "dump.export": "sqlite3 .dump, zstd -3, age -r",
    "dump.load": "age -d, zstd -d, sqlite3",
    "restic.export": "restic backup of the dump",
    "django.load": "Django loaddata",
}


# --- words ---


def table(result: Result) -> str:
    """Return everything as text for a terminal and, being Markdown, for the document."""
    parts = [
        _heading(result),
        _markdown(
            ("ours", "compared with", "s", "other s", "ratio", "rounds", "CPU ratio", "target", ""),
            map(_ratio_cells, ratios(result)),
            left=2,
        ),
    ]
    if result["memory"]:
        head = ("MiB above an idle command", "keys", "peak", "target", "", "with key derivation")
        parts += ["", _markdown(head, memory_rows(result), left=1)]
    if result["steps"]:
        parts += ["", _markdown(("step", "verb", "s", "CPU s"), _step_cells(result), left=2)]
    parts += ["", _markdown(("also measured", "s", "CPU s", "bytes"), _other_cells(result), left=1)]
    return "\n".join(parts)


def _heading(result: Result) -> str:
    about = result["about"]
    tools = ", ".join(f"{name} {version}" for name, version in about["tools"].items())
    lines = [
        f"{about['keys']:,} config keys, {about['rounds']} rounds, medians; "
        f"{about['processors']} processors, {tools}.",
        f"Measured at commit {about['commit']}.",
        f"Others used {result['others']['median']:.0%} of the machine during the middle run, "
        f"{result['others']['most']:.0%} during the worst.",
    ]
    if about["priority"]:
        lines.append("What was measured went before what others ran.")
    elif result["others"]["median"] > LOUD_SHARE:
        lines.append("The machine was not quiet: the ratios of processor time say more.")
    missed = [f"{at.ours} / {at.other} ({at.wall:.2f})" for at in ratios(result) if is_missed(at)]
    lines.append(f"Missed targets: {'; '.join(missed) or 'none'}.")
    lines += [f"Not measured: {reason}." for reason in about["missing"]]
    return "\n".join(lines) + "\n"


def _ratio_cells(ratio: Ratio) -> Sequence[str]:
    return (
        ratio.ours,
        ratio.other,
        _seconds(ratio.ours_seconds),
        _seconds(ratio.other_seconds),
        f"{ratio.wall:.2f}",
        f"{ratio.low:.2f}–{ratio.high:.2f}",
        "" if ratio.cpu is None else f"{ratio.cpu:.2f}",
        "" if ratio.target is None else f"{ratio.target:g}",
        ratio.verdict,
    )


def memory_rows(result: Result) -> Iterator[tuple[str, ...]]:
    """Yield (verb, keys, MiB above idle, target, verdict, MiB of the command as typed)."""
    by_verb: dict[str, list[float]] = {}
    for row in result["memory"]:
        above = row["peak_mib"] - row["idle_mib"]
        by_verb.setdefault(row["verb"], []).append(above)
        verdict = "met" if above <= MEMORY_MIB else "missed"
        yield (
            row["verb"],
            f"{row['keys']:,}",
            f"{above:.0f}",
            f"{MEMORY_MIB}",
            verdict,
            f"{row['typed_mib'] - row['idle_mib']:.0f}",
        )
    for verb, found in by_verb.items():
        if len(found) > 1:
            more = max(found) - found[0]
            verdict = "met" if more <= FLAT_MIB else "missed"
            yield (f"{verb}: growth", "", f"{more:.0f}", f"{FLAT_MIB}", verdict, "")


def _step_cells(result: Result) -> Iterator[Sequence[str]]:
    for verb in result["steps"]:
        wall, cpu = (step_medians(result, verb, what) for what in ("wall", "cpu"))
        for step in wall:
            yield (step, verb, _seconds(wall[step]), _seconds(cpu[step]))


def _other_cells(result: Result) -> Iterator[Sequence[str]]:
    for name, series in result["series"].items():
        wall, cpu = median(series["wall"]), median(series["cpu"])
        size = result["files"].get(name)
        yield (name, _seconds(wall), _seconds(cpu), f"{size:,}" if size else "")


def _seconds(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]], *, left: int) -> str:
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    texts = [
        [
            cell.ljust(width) if at < left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in lines
    ]
    rule = [
        "-" * width if at < left else "-" * (width - 1) + ":" for at, width in enumerate(widths)
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in [texts[0], rule, *texts[1:]])


# --- plot ---

_ROW, _LEFT, _WIDTH, _RIGHT, _TOP = 26, 430, 400, 130, 56
_MOST = 2.0  # where the axis ends; a longer bar is cut, its number is not
_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 15px; font-weight: 600 }
  .soft { fill: #59636e }
  .paper { fill: #ffffff }
  .grid { stroke: #d1d9e0 }
  .met { fill: #2a7f8f }
  .missed { fill: #c4621b }
  .plain { fill: #8b949e }
  .target { stroke: #1f2328; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .soft { fill: #9198a1 }
    .paper { fill: #0d1117 }
    .grid { stroke: #3d444d }
    .met { fill: #4fb3c4 }
    .missed { fill: #e8894a }
    .plain { fill: #8b949e }
    .target { stroke: #f0f6fc }
  }
"""


def plot(result: Result) -> str:
    """Return an SVG: a bar for each ratio that has a target, and a line where the target is."""
    found = [ratio for ratio in ratios(result) if ratio.target is not None]
    width, height = _LEFT + _WIDTH + _RIGHT, _TOP + _ROW * len(found) + 30
    keys = f"{result['about']['keys']:,}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-labelledby="title">',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{height}" rx="6"/>',
        f'<text id="title" class="title" x="16" y="26">Time as a ratio, {keys} config keys</text>',
        '<text class="soft" x="16" y="44">shorter is faster; the upright line is the target</text>',
    ]
    bottom = _TOP + _ROW * len(found)
    for tenths in range(0, int(_MOST * 10) + 1, 5):
        x = _x(tenths / 10)
        parts.append(f'<line class="grid" x1="{x}" y1="{_TOP}" x2="{x}" y2="{bottom}"/>')
        at = f'x="{x}" y="{bottom + 18}" text-anchor="middle"'
        parts.append(f'<text class="soft" {at}>{tenths / 10:g}</text>')
    for number, ratio in enumerate(found):
        parts += _bar(ratio, _TOP + _ROW * number)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _x(value: float) -> int:
    return round(_LEFT + _WIDTH * min(value, _MOST) / _MOST)


def _bar(ratio: Ratio, y: int) -> Iterator[str]:
    assert ratio.target is not None
    end, goal = _x(ratio.wall), _x(ratio.target)
    words = escape(f"{ratio.ours} / {ratio.other}")
    text = f"{ratio.wall:.2f} {ratio.verdict}"
    yield f'<text x="{_LEFT - 10}" y="{y + 17}" text-anchor="end">{words}</text>'
    yield (
        f'<rect class="{ratio.verdict}" x="{_LEFT}" y="{y + 5}" width="{max(end - _LEFT, 1)}" '
        f'height="{_ROW - 10}" rx="2"/>'
    )
    yield f'<line class="target" x1="{goal}" y1="{y + 2}" x2="{goal}" y2="{y + _ROW - 2}"/>'
    yield f'<text x="{max(end, goal) + 8}" y="{y + 17}">{text}</text>'
