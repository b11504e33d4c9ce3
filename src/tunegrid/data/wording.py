"""Jinja files with the two sides of a row: `conf/templates/<task>/<name>.jinja`, or files of the user's."""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from tunegrid.errors import ConfigError, unknown

ENDING = ".jinja"
_BLOCK = re.compile(r"{%-?\s*block\s+(input|target)\s*-?%}(.*?){%-?\s*endblock\s*-?%}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to put a task."""

    name: str
    input: str
    """Jinja of the prompt side."""
    target: str
    """Jinja of the completion side."""


@cache
def read_wording(name: str) -> Wording:
    """A shipped wording, or where `name` ends in `.jinja` a file. Raises `ConfigError` where it has not both blocks."""
    blocks = {side: text.strip("\n") for side, text in _BLOCK.findall(_source(name))}
    missing = [side for side in ("input", "target") if not blocks.get(side)]
    if missing:
        block = f"{{% block {missing[0]} %}}…{{% endblock %}}"
        raise ConfigError(f"data.template.others: {name} has no block {missing[0]}; add {block}")
    return Wording(name, blocks["input"], blocks["target"])


def shipped_wordings() -> list[str]:
    """The names of all shipped wordings, `task/name`."""
    tasks = files("tunegrid.conf").joinpath("templates").iterdir()
    return sorted(f"{task.name}/{entry.name.removesuffix(ENDING)}" for task in tasks for entry in task.iterdir())


def _source(name: str) -> str:
    if name.endswith(ENDING):
        try:
            return Path(name).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"data.template.others: {name}: {error}; name a file in UTF-8") from None
    if name not in shipped_wordings():
        raise ConfigError(f"data.template.others: {unknown('wording', name, shipped_wordings())}")
    return files("tunegrid.conf").joinpath("templates", f"{name}{ENDING}").read_text(encoding="utf-8")
