"""`data=restaurants`: made-up places to eat with several texts each, made on the spot, in any number."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256

from tunegrid.config import require, schema
from tunegrid.data import Data, Example, Splits
from tunegrid.data.content_hash import hash_parts
from tunegrid.data.draw import Draw
from tunegrid.data.restaurant_facts import VALUES, Place, draw_place
from tunegrid.data.restaurant_text import describe

GENERATOR_VERSION = 1
"""Goes up with any change to a place or a text, so that results of different texts are never compared."""

MOST_ROWS = 1_000_000
"""More takes minutes to make and says nothing new: the places are drawn from a few dozen words."""

_TRIES = 12


class Part(Enum):
    """A part of the data, with its share in tenths of all meaning representations."""

    validation = range(1)
    test = range(1, 2)
    train = range(2, 10)


@schema("data", "restaurants")
@dataclass(kw_only=True, slots=True)
class Restaurants(Data):
    """Generated places. A meaning representation is in one part only, whatever the sizes asked for."""

    fewest_references: int
    """Least texts of one place."""
    most_references: int
    """Most texts of one place."""

    def __post_init__(self) -> None:
        Data.__post_init__(self)
        for name in ("rows", "validation_rows", "test_rows"):
            rows = getattr(self, name)
            require(rows is not None, f"data.{name}", "be a number, as this data has no end", None)
            require(rows <= MOST_ROWS, f"data.{name}", f"be at most {MOST_ROWS} for generated data", rows)
        require(self.fewest_references >= 1, "data.fewest_references", "be at least 1", self.fewest_references)
        rule = f"be {self.fewest_references} (data.fewest_references) to 8"
        require(self.fewest_references <= self.most_references <= 8, "data.most_references", rule, self.most_references)

    def splits(self) -> Splits:
        """Make as many places as the rows asked for need; the first n rows are the same for every size ≥ n."""
        test = []
        for _, example in zip(range(self.test_rows or 0), self._examples(Part.test), strict=False):
            test.append(example)
        note = f"restaurants: generated, version {GENERATOR_VERSION}, seed {self.split_seed}; no meaning in two parts"
        train, validation = (
            self._rows(Part.train, self.rows or 0),
            self._rows(Part.validation, self.validation_rows or 0),
        )
        return Splits(train, validation, tuple(test), (note,))

    def fingerprint(self) -> str:
        """A hash of the generator's version, its seed and the number of texts per place."""
        return hash_parts(
            ("restaurants", GENERATOR_VERSION, self.split_seed, self.fewest_references, self.most_references)
        )

    def _rows(self, part: Part, rows: int) -> tuple[Example, ...]:
        """Examples with `rows` references in all; the last one loses those that are too many."""
        examples: list[Example] = []
        for example in self._examples(part):
            kept = example.references[:rows]
            examples.append(Example(example.key, example.fields, kept))
            rows -= len(kept)
            if rows == 0:
                break
        return tuple(examples)

    def _examples(self, part: Part) -> Iterator[Example]:
        """The endless sequence of one part. Which part a place belongs to is a function of the place alone."""
        draw = Draw(f"restaurants {GENERATOR_VERSION}:{self.split_seed}:{part.name}")
        seen: set[Place] = set()
        while True:
            place = draw_place(draw)
            if place in seen or _tenth(place) not in part.value:
                continue
            seen.add(place)
            yield self._example(f"{part.name}:{len(seen)}", place)

    def _example(self, key: str, place: Place) -> Example:
        draw = Draw(f"texts {GENERATOR_VERSION}:{self.split_seed}:{place.representation()}")
        wanted = self.fewest_references + draw.below(self.most_references - self.fewest_references + 1)
        texts: dict[str, None] = {}
        for _ in range(_TRIES * wanted):
            texts[describe(place, draw)] = None
            if len(texts) == wanted:
                break
        fields = dict.fromkeys(VALUES, "") | place.facts() | {"mr": place.representation()}
        return Example(key, fields, tuple(texts))


def _tenth(place: Place) -> int:
    return sha256(place.representation().encode()).digest()[0] % 10
