"""`data=mixture`: several data sets as one multi-task set, by weight or by size (Raffel et al. 2020, section 3.5.2)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tunegrid.config import require, schema
from tunegrid.data import CopiedRows, Data, Example, Splits
from tunegrid.data.content_hash import hash_parts
from tunegrid.data.draw import order
from tunegrid.data.perturb import Perturbation, perturb
from tunegrid.data.record_format import PROMPT
from tunegrid.data.selection import Pair, Selection, select

TASK = "task"
"""The column that says which part an example is from."""
PERCENT = 20
"""Of the words that a perturbation changes."""


@schema("data", "mixture")
@dataclass(kw_only=True, slots=True)
class Mixture(Data):
    """Parts are data sets with options of their own; every example keeps its part's name as its task.

    A part of n rows is drawn at a rate of min(n, cap)^(1/temperature), or of its weight, over the sum of all. Parts'
    own templates are rendered; `max_length`, `long_rows` and the prompt are the mixture's.
    """

    path: str | None
    """A folder for the parts that have no path of their own: in it the folder of a part's name, or else it itself."""
    parts: dict[str, Data]
    """Data sets by name: `+data@data.parts.gsm8k=gsm8k` adds one, `data.parts.gsm8k.rows=500` sets it."""
    subsets: dict[str, list[str]]
    """Parts that stand for several: for each `subset` listed here a part like it, which is called by that name."""
    weights: dict[str, float]
    """Rates of parts relative to each other; where there are none, by size."""
    cap: int | None
    """Rows from which on a part counts as no larger; null: no limit."""
    temperature: float
    """1: in proportion to size; the higher, the more alike the rates."""
    perturbed: dict[str, Perturbation]
    """Parts whose test questions are asked a second time, so changed: a task of its own, `PART_KIND`."""
    scored: list[str]
    """Parts whose validation rows and test questions are asked, the others only train; []: all of them."""

    def __post_init__(self) -> None:
        Data.__post_init__(self)
        require(len(self.parts) > 0, "data.parts", "have a data set, as by +data@data.parts.NAME=OPTION", "none")
        self._divide()
        for name in self.parts:
            require(name.isidentifier(), "data.parts", "have names of letters, digits and underscores", name)
        for name, part in self.parts.items():
            if self.path is not None and getattr(part, "path", self) is None:
                self.parts[name] = replace(part, path=_place(self.path, name))  # type: ignore[call-arg]
        each = "be keep for a mixture, which may draw a row twice; set data.parts.NAME.copies"
        require(self.copies is CopiedRows.keep, "data.copies", each, self.copies)
        for key, named in (("perturbed", [*self.perturbed]), ("scored", self.scored)):
            strange = [name for name in named if name not in self.parts]
            require(not strange, f"data.{key}", f"name parts ({', '.join(self.parts)})", ", ".join(strange))
        require(self.cap is None or self.cap >= 1, "data.cap", "be at least 1, or null for no limit", self.cap)
        require(self.temperature > 0, "data.temperature", "be above 0", self.temperature)
        if self.weights:
            same = self.weights.keys() == self.parts.keys()
            require(same, "data.weights", f"name each of {', '.join(self.parts)}", ", ".join(self.weights))
            require(min(self.weights.values()) > 0, "data.weights", "be above 0", min(self.weights.values()))

    def _divide(self) -> None:
        """Put the parts of every subset in the place of the part that stands for them."""
        for name, subsets in self.subsets.items():
            known = hasattr(self.parts.get(name), "subset")
            require(known, "data.subsets", "name parts with a data.parts.NAME.subset", name)
            like = self.parts.pop(name)
            self.parts |= {subset: replace(like, subset=subset) for subset in subsets}  # type: ignore[call-arg]
        self.subsets = {}

    def splits(self) -> Splits:
        """Read every part and choose its rows; how many training rows a part gives is no matter of chance."""
        read = {name: part.splits() for name, part in self.parts.items()}
        chosen = {
            name: _rendered(name, part, select(part, read[name], of_mixture=name)) for name, part in self.parts.items()
        }
        sizes = {name: len(selection.train) for name, selection in chosen.items()}
        quotas = self.quotas(sizes)
        train = [row for name in self.parts for row in self._drawn(name, chosen[name].train, quotas[name])]
        scored = [chosen[name] for name in self.scored or self.parts]
        validation = [example for selection in scored for example in _rows(selection.validation)]
        test = [example for selection in scored for example in selection.test]
        test += [self._astray(name, e) for name in self.perturbed for e in chosen[name].test]
        notes = [f"{name}: {note}" for name, splits in read.items() for note in splits.notes]
        notes += [f"{name}: {note}" for name, selection in chosen.items() for note in selection.notes]
        notes += [f"{name}: {quotas[name]} training rows drawn from {size}" for name, size in sizes.items()]
        return Splits(tuple(train), tuple(validation), tuple(test), tuple(notes))

    def fingerprint(self) -> str:
        """A hash of the parts' own, with their names."""
        return hash_parts(("mixture", tuple((name, part.identity()) for name, part in self.parts.items())))

    def _astray(self, part: str, example: Example) -> Example:
        """A part's test question, perturbed. Its task's name is new; the column `task` still names the part."""
        kind = self.perturbed[part]
        task = f"{part}_{kind.value}"
        prompt = perturb(example.fields[PROMPT], kind, seed=self.split_seed, percent=PERCENT)
        return replace(example, key=f"{task}/{example.key}", fields={**example.fields, PROMPT: prompt}, task=task)

    def quotas(self, sizes: dict[str, int]) -> dict[str, int]:
        """Training rows of each part: `rows` in all, or as many as the capped parts have."""
        capped = {name: min(size, self.cap or size) for name, size in sizes.items()}
        rates = dict(self.weights) or {name: size ** (1 / self.temperature) for name, size in capped.items()}
        rates = {name: rate if sizes[name] else 0.0 for name, rate in rates.items()}
        if not any(rates.values()):
            return dict.fromkeys(sizes, 0)
        total = self.rows or sum(capped.values())
        exact = {name: total * rate / sum(rates.values()) for name, rate in rates.items()}
        quotas = {name: int(rows) for name, rows in exact.items()}
        most = sorted(exact, key=lambda name: quotas[name] - exact[name])
        for name in most[: total - sum(quotas.values())]:
            quotas[name] += 1
        return quotas

    def _drawn(self, name: str, pairs: Sequence[Pair], quota: int) -> list[Example]:
        """The first `quota` rows of a part in a random order of its own, from its beginning again where it ends."""
        rows = _rows(pairs)
        shuffled = order(len(rows), f"mixture {name}:{self.split_seed}")
        return [rows[shuffled[place % len(rows)]] for place in range(quota)]


def _place(folder: str, name: str) -> str:
    own = Path(folder).expanduser() / name
    return str(own if own.is_dir() else folder)


def _rendered(task: str, part: Data, chosen: Selection) -> Selection:
    """A part's rows as its own template writes them."""
    known: dict[int, Example] = {}

    def render(example: Example) -> Example:
        if id(example) not in known:
            known[id(example)] = _example(task, part, example)
        return known[id(example)]

    def pairs(rows: Sequence[Pair]) -> list[Pair]:
        return [(render(example), part.template.target_text(example.fields, answer)) for example, answer in rows]

    test = [render(example) for example in chosen.test]
    return Selection(pairs(chosen.train), pairs(chosen.validation), test, chosen.notes)


def _example(task: str, part: Data, example: Example) -> Example:
    def target(answer: str) -> str:
        return part.template.target_text(example.fields, answer)

    prompt = example.turns[-1].content if example.turns else part.template.input_text(example.fields)
    return replace(
        example,
        key=f"{task}/{example.key}",
        fields={**example.fields, PROMPT: prompt, TASK: task},
        references=tuple(map(target, example.references)),
        choices=tuple(map(target, example.choices)),
        rejected=tuple(map(target, example.rejected)),
        task=task,
    )


def _rows(pairs: Sequence[Pair]) -> list[Example]:
    """An example for each row."""
    return [_row(example, reference) for example, reference in pairs]


def _row(example: Example, reference: str) -> Example:
    place = example.references.index(reference)
    return replace(example, references=(reference,), rejected=example.rejected[place : place + 1])
