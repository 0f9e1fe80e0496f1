"""The pages of the project and what stands in them: blocks with their marks, words, pictures."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "bench" / "README.md"])
TYPED = {"sh", "console"}  # languages of what a reader types
_BLOCK = re.compile(
    r"(?:^[ ]*<!-- (?P<mark>[^>]*?) -->\n)?"
    r"^[ ]*```(?P<language>\w*)[^\n`]*\n(?P<text>.*?)^[ ]*```$",
    re.MULTILINE | re.DOTALL,
)
_ENDS = {"|", "||", "&&", ";", "&", "(", ")", "\n"}
_INTO = re.compile(r"\d*(>>?|<)")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block. The comment above it, which nobody sees, says what becomes of it."""

    page: Path
    line: int
    language: str
    mark: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def is_run(self) -> bool:
        """Whether `test_blocks.py` runs it."""
        return self.mark.split(",")[0] == "run"

    def option(self, name: str) -> str | None:
        """Return what the mark says behind *name*: `run, until "ready"`."""
        found = re.search(rf', {name}(?: "([^"]*)")?(?=,|$)', self.mark)
        return None if found is None else found[1] or name

    @property
    def commands(self) -> list[str]:
        """The lines to type, of a transcript without what the program answers."""
        lines = self.text.replace("\\\n", " ").splitlines()
        if self.language == "console":
            return [line[2:] for line in lines if line.startswith("$ ")]
        return [line for line in lines if line.strip()]


def blocks(*languages: str) -> list[Block]:
    """Return the blocks of these languages in all pages, in their order."""
    return [block for page in PAGES for block in blocks_of(page) if block.language in languages]


def blocks_of(page: Path) -> Iterator[Block]:
    """Yield every block of *page*."""
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("language")) + 1
        yield Block(page, line, found["language"], found["mark"] or "", found["text"])


def simple_commands(line: str) -> Iterator[list[str]]:
    """Yield the words of each program that a line of shell starts."""
    for inner in re.findall(r"\$\(([^()]*)\)", line):
        yield from simple_commands(inner)
    lexer = shlex.shlex(re.sub(r"\$\([^()]*\)", "x", line), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word not in _ENDS:
            words.append(word)
            continue
        words = [
            each
            for before, each in pairwise(["", *words])
            if not _INTO.fullmatch(each) and before not in {">", ">>", "<"}
        ]
        while words and (re.match(r"\w+=", words[0]) or words[0] in {"exec", "sudo"}):
            words.pop(0)
        if words:
            yield words
        words = []


def prose(page: Path) -> str:
    """Return *page* without its blocks."""
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))
