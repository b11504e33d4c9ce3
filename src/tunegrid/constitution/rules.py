"""A constitution: a list of rules in a YAML file. Imports no torch."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from tunegrid.data.record import RecordError
from tunegrid.data.record_format import encodable
from tunegrid.errors import DataError, unknown

SHIPPED = Path(__file__).with_name("rules.yaml")
_TEXT, _EMPTY = "tag:yaml.org,2002:str", "tag:yaml.org,2002:null"


@dataclass(frozen=True, slots=True)
class Rule:
    """What an answer is to be like, in the three forms in which a model is asked about it."""

    name: str
    critique: str
    """Asks what is wrong with the answer above."""
    revision: str
    """Asks for a better answer, after that critique."""
    principle: str
    """Asks which of two answers is the better one."""


KEYS = tuple(field.name for field in fields(Rule))
WAY = f"write each rule as `- name: …` with {', '.join(KEYS[1:])} beneath it"


class RuleError(ValueError):
    """What is wrong with a rule: its text is `[key:] problem; fix`."""

    def __init__(self, line: int, text: str):
        super().__init__(text)
        self.line = line


def read_rules(path: Path) -> tuple[Rule, ...]:
    """The rules of a file, in its order. Raises `DataError` naming `file:line: key` of the first mistake."""
    try:
        return tuple(_rules(_parsed(path)))
    except RuleError as error:
        raise DataError(f"{path}:{error.line}: {error}") from None


def _parsed(path: Path) -> yaml.Node | None:
    """The file as YAML nodes, which know their lines; no object is made of them."""
    try:
        return yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 at byte {error.start + 1}; save the file as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RuleError(line, f"not YAML: {error.problem}; quote a text that has `: ` or begins with a mark") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise DataError(f"{path}: not YAML: {str(error).splitlines()[0]}; write a list of rules") from None


def _rules(parsed: yaml.Node | None) -> Iterator[Rule]:
    lines: dict[str, int] = {}
    for entry in _entries(parsed):
        rule = _rule(entry)
        if rule.name in lines:
            problem = f"name: {rule.name} is also that of line {lines[rule.name]}; make names unique or remove one"
            raise RuleError(_line(entry), problem)
        lines[rule.name] = _line(entry)
        yield rule


def _entries(parsed: yaml.Node | None) -> Iterator[yaml.MappingNode]:
    """The mappings of the file's list."""
    if not isinstance(parsed, yaml.SequenceNode) or not parsed.value:
        raise RuleError(_line(parsed) if parsed else 1, f"no list of rules; {WAY}")
    for entry in parsed.value:
        if not isinstance(entry, yaml.MappingNode):
            raise RuleError(_line(entry), f"no rule; {WAY}")
        yield entry


def _rule(entry: yaml.MappingNode) -> Rule:
    texts: dict[str, str] = {}
    for key, value in entry.value:
        if key.value not in KEYS:
            name = key.value if isinstance(key, yaml.ScalarNode) else "no text"
            raise RuleError(_line(key), unknown("key of a rule", name, KEYS))
        if key.value in texts:
            raise RuleError(_line(key), f"{key.value}: given twice; keep one")
        texts[key.value] = _text(key.value, value)
    missing = [key for key in KEYS if key not in texts]
    if missing:
        raise RuleError(_line(entry), f"{missing[0]}: missing; add it, every rule needs {', '.join(KEYS)}")
    return Rule(**texts)


def _text(key: str, value: yaml.Node) -> str:
    text = value.value.strip() if isinstance(value, yaml.ScalarNode) else None
    if text is None or value.tag not in (_TEXT, _EMPTY):
        raise RuleError(_line(value), f"{key}: not a text; write it in quotes")
    if not text:
        raise RuleError(_line(value), f"{key}: empty; fill it in or remove the rule")
    if key == "name" and not text.replace("_", "a").isalnum():
        raise RuleError(_line(value), f"name: {text!r} is no name; use letters, digits and _ alone")
    try:
        return encodable(key, text)
    except RecordError as error:
        raise RuleError(_line(value), str(error)) from None


def _line(node: yaml.Node) -> int:
    line: int = node.start_mark.line
    return line + 1
