"""`data=questions`: prompts that nobody has answered, for the test part of a mixture."""

from dataclasses import dataclass

from tunegrid.config import schema
from tunegrid.data import GROUP, Data, Example, Splits
from tunegrid.data.content_hash import hash_parts
from tunegrid.data.record import Problem
from tunegrid.data.record_file import read_records
from tunegrid.data.record_format import PROMPT
from tunegrid.data.shape import found
from tunegrid.data.source_files import place_of
from tunegrid.errors import DataError
from tunegrid.model.cache import file_sha256

READER_VERSION = 1
"""Goes up with any change to what is read from the same file."""


@schema("data", "questions")
@dataclass(kw_only=True, slots=True)
class Questions(Data):
    """A file of records with a prompt each. There is nothing to train on: a mixture's other parts have that.

    Answers are scored by metrics that need no reference, as diversity and toxicity do.
    """

    path: str
    """The file; below an installed package as `package:NAME/…`."""
    prompt: str
    """The column that asks, by its path; of several texts in a list the first."""
    group: str | None
    """The column that says what a question is about; null: none."""

    def splits(self) -> Splits:
        """All of them test. Raises `DataError` naming `file:line: key`."""
        place = place_of(self.path)
        test = []
        for record in read_records(place):
            if isinstance(record, Problem):
                raise DataError(f"{place}:{record.line}: {record.text}")
            wanted = {PROMPT: self.prompt} | ({GROUP: self.group} if self.group else {})
            texts = {name: next(found(record.columns, column), None) for name, column in wanted.items()}
            for name, text in texts.items():
                if not isinstance(text, str) or not text.strip():
                    raise DataError(f"{place}:{record.line}: {wanted[name]}: missing or no text; check data.{name}")
            fields = {name: str(text).strip() for name, text in texts.items()}
            test.append(Example(f"{place.name}:{record.line}", fields, ()))
        return Splits((), (), tuple(test), (f"{place.name}: {len(test)} questions without answers",))

    def fingerprint(self) -> str:
        """A hash of the file and of which columns are read."""
        return hash_parts(("questions", READER_VERSION, file_sha256(place_of(self.path)), self.prompt, self.group))
