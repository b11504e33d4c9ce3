"""Training rows without copies of each other, and without those whose prompt is asked in the test part."""

from collections.abc import Sequence

from tunegrid.data import Data, Example
from tunegrid.data.overlap import Copies, duplicates, leaked

SHOWN = 3
"""Keys that a note names at most."""
Row = tuple[Example, str]


def asked_text(data: Data, example: Example) -> str:
    """The prompt without the marks and examples around it."""
    return "\n".join(turn.content for turn in example.turns) or data.template.input_text(example.fields)


def uncopied(data: Data, train: Sequence[Row], test: Sequence[Example]) -> tuple[list[Row], str]:
    """The rows that repeat no earlier one and ask nothing that `test` asks, even nearly; and what was left out."""
    asked = [asked_text(data, example) for example, _ in train]
    rows = [f"{text}\n{answer}" for text, (_, answer) in zip(asked, train, strict=True)]
    prompts = list(dict.fromkeys(asked))
    tested = {prompts[place] for place in _copied(leaked([asked_text(data, e) for e in test], prompts))}
    known = {place for place, text in enumerate(asked) if text in tested}
    repeated = set(_copied(duplicates(rows))) - known
    left_out = sorted(known | repeated)
    shown = ", ".join(train[place][0].key for place in left_out[:SHOWN]) + (", …" if len(left_out) > SHOWN else "")
    note = (
        f"training: {len(repeated)} rows that repeat another and {len(known)} that ask what the test part asks left out"
    )
    kept = [row for place, row in enumerate(train) if place not in known | repeated]
    return kept, f"{note} ({shown})" if left_out else note


def _copied(copies: Copies) -> list[int]:
    return [copy for copy, _ in (*copies.exact, *copies.near)]
