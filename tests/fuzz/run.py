"""Fuzz one target: `python -m tests.fuzz.run TARGET [libFuzzer options] [folders]`.

Needs atheris (requirements-fuzz.txt). A finding is an exception: an undeclared one from the
product, or two answers where there should be one. `tests/fuzz/campaign.py` runs them all.
"""

import random
import sys

import atheris

with atheris.instrument_imports(include=["dashboard.archive"]):
    from tests.fuzz import mutators, targets


class Disagreement(Exception):
    """The product and the second reader do not say the same of an input."""


def main() -> None:
    """Run libFuzzer; it ends the process."""
    name, *options = sys.argv[1:]
    target = targets.TARGETS[name]

    def one_input(data: bytes) -> None:
        if found := targets.differ(target, data):
            raise Disagreement(repr(found)[:500])

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        return mutators.mutate(target, data, atheris.Mutate, min(most, target.max_bytes), rng)

    more = {"custom_mutator": mutate} if target.mutator else {}
    atheris.Setup([sys.argv[0], f"-max_len={target.max_bytes}", *options], one_input, **more)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
