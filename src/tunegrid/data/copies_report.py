"""What a protocol says about rows that are in the data twice, and about test prompts that were trained on."""

from collections.abc import Sequence

from tunegrid.data import Data, Example
from tunegrid.data.overlap import Copies, duplicates, leaked
from tunegrid.data.selection import Selection

_SHOWN = 3


def copies_report(data: Data, chosen: Selection) -> list[str]:
    """One line for training rows that repeat others and one for leaked test prompts, where there are any."""
    rows = [f"{asked_text(data, example)}\n{answer}" for example, answer in chosen.train]
    keys = [example.key for example, _ in chosen.train]
    training = {asked_text(data, example): example.key for example, _ in chosen.train}
    test = [asked_text(data, example) for example in chosen.test]
    repeated, known = duplicates(rows), leaked(list(training), test)
    return [
        *_line("training", "rows repeat another", repeated, keys, keys),
        *_line("test", "prompts are training prompts", known, [e.key for e in chosen.test], list(training.values())),
    ]


def asked_text(data: Data, example: Example) -> str:
    """The prompt without the marks and examples around it."""
    return "\n".join(turn.content for turn in example.turns) or data.template.input_text(example.fields)


def _line(part: str, what: str, copies: Copies, keys: Sequence[str], originals: Sequence[str]) -> list[str]:
    found = sorted([*copies.exact, *copies.near])
    if not found:
        return []
    shown = ", ".join(f"{keys[copy]} of {originals[original]}" for copy, original in found[:_SHOWN])
    more = ", …" if len(found) > _SHOWN else ""
    return [f"{part}: {len(copies.exact)} {what} word for word, {len(copies.near)} nearly ({shown}{more})"]
