"""`prompt=worked`: solved examples that somebody has written, with their reasoning, in front (Wei et al. 2022)."""

from dataclasses import dataclass, replace
from pathlib import Path

from tunegrid.config import schema
from tunegrid.data import Example, Template, Turn
from tunegrid.data.content_hash import hash_parts
from tunegrid.data.mixture import TASK
from tunegrid.errors import DataError
from tunegrid.prompt import Prompt, asked, opened

HEADER_END = "-----\n"
"""Ends what a file says of itself, as in those of BIG-bench Hard; that is not shown."""


@schema("prompt", "worked")
@dataclass(kw_only=True, slots=True)
class Worked(Prompt):
    """The text of a file, a blank line, and then what is asked, in one turn."""

    path: str
    """A text file, or for a mixture a folder with TASK.txt for each of its tasks."""

    def turns(self, template: Template, example: Example) -> tuple[Turn, ...]:
        """The system message and what is asked, its last turn behind the solved examples of its task."""
        *before, last = asked(template, example)
        shown = f"{self._solved(example.fields.get(TASK))}\n\n{last.content}"
        return opened(self.system, (*before, replace(last, content=shown)))

    def fingerprint(self) -> str:
        """A hash of the file, or of all that the folder has."""
        place = self._place()
        files = sorted(place.glob("*.txt")) if place.is_dir() else [place]
        return hash_parts(("worked", *((file.stem, _text(file)) for file in files)))

    def _solved(self, task: str | None) -> str:
        place = self._place()
        if place.is_file():
            return _text(place)
        if task is None:
            raise DataError(f"{place}: a folder, and the data have no tasks; name one of its files by prompt.path")
        return _text(place / f"{task}.txt")

    def _place(self) -> Path:
        place = Path(self.path).expanduser()
        if not place.exists():
            raise DataError(f"{place}: no such file or folder; check prompt.path")
        return place


def _text(file: Path) -> str:
    try:
        whole = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{file}: can't be read ({error}); prompt.path needs UTF-8 text, in it solved examples"
        ) from None
    return whole.partition(HEADER_END)[2].strip() or whole.strip()
