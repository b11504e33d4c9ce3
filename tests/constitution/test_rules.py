"""Files of rules: those that ship, those of a user's, and what is said of those that cannot be used."""

from pathlib import Path

import pytest

from tunegrid.constitution.rules import KEYS, SHIPPED, Rule, read_rules
from tunegrid.errors import DataError

GOOD = "- name: kind\n  critique: What is unkind?\n  revision: Be kind.\n  principle: Which is kinder?\n"
MALFORMED = {
    "empty": ("", 1, "no list of rules; write each rule as `- name: …`"),
    "comments alone": ("# later\n", 1, "no list of rules"),
    "an empty list": ("\n[]\n", 2, "no list of rules"),
    "a mapping": ("name: kind\ncritique: What?\n", 1, "no list of rules"),
    "a text": ("Be kind.\n", 1, "no list of rules"),
    "a list of texts": (f"{GOOD}- Be kind.\n", 5, "no rule; write each rule as"),
    "a list in the list": (f"{GOOD}- [a, b]\n", 5, "no rule"),
    "a list in itself": ("- &a [*a]\n", 1, "no rule"),
    "no name": (GOOD.replace("name: kind", "critique: a", 1).replace("  critique: What is unkind?\n", ""), 1, "name: "),
    "no revision": (GOOD.replace("  revision: Be kind.\n", ""), 1, "revision: missing; add it, every rule needs"),
    "nothing behind a key": (GOOD.replace("Be kind.", ""), 3, "revision: empty; fill it in or remove the rule"),
    "blanks behind a key": (GOOD.replace("Be kind.", "'  '"), 3, "revision: empty"),
    "an unknown key": (f"{GOOD}  weight: 2\n", 5, "unknown key of a rule 'weight'"),
    "a misspelt key": (GOOD.replace("principle", "principal"), 4, "did you mean principle"),
    "a key that is a list": (f"{GOOD}  ? [a]\n  : b\n", 5, "unknown key of a rule 'no text'"),
    "a key twice": (f"{GOOD}  revision: Be kinder.\n", 5, "revision: given twice; keep one"),
    "a number": (GOOD.replace("Be kind.", "7"), 3, "revision: not a text; write it in quotes"),
    "a truth": (GOOD.replace("kind\n", "yes\n", 1), 1, "name: not a text"),
    "a list for a text": (GOOD.replace("Be kind.", "[a, b]"), 3, "revision: not a text"),
    "an object": (GOOD.replace("Be kind.", "!!python/name:os.system ''"), 3, "revision: not a text"),
    "a name twice": (f"{GOOD}\n{GOOD}", 6, "name: kind is also that of line 1; make names unique or remove one"),
    "a name that is none": (GOOD.replace("kind\n", "../kind\n", 1), 1, "name: '../kind' is no name; use letters"),
    "an unquoted colon": (GOOD.replace("Be kind.", "say: this"), 3, "not YAML: mapping values are not allowed here"),
    "an open quote": (GOOD.replace("Be kind.", "'Be kind."), 5, "not YAML: found unexpected end of stream"),
    "a tab": (GOOD.replace("  revision", "\trevision"), 3, "not YAML: found character"),
    "two documents": (f"{GOOD}---\n{GOOD}", 5, "not YAML: but found another document"),
    "an alias of nothing": (GOOD.replace("Be kind.", "*kind"), 3, "not YAML: found undefined alias"),
    "half a character": (GOOD.replace("Be kind.", '"\\ud83d"'), 3, "revision: half of a surrogate pair"),
}
OF_THE_WHOLE = {
    "not UTF-8": (GOOD.replace("kinder", "gütig").encode("latin-1"), "not UTF-8 at byte 86; save the file as UTF-8"),
    "a control character": (GOOD.replace("Be", "\x00").encode(), "not YAML: unacceptable character"),
    "too deep": (b"- " * 3000, "not YAML: maximum recursion depth exceeded"),
}


def written(folder: Path, content: bytes) -> Path:
    path = folder / "rules.yaml"
    path.write_bytes(content)
    return path


def test_the_rules_that_ship_are_complete_and_differ() -> None:
    rules = read_rules(SHIPPED)
    assert len(rules) >= 5
    for key in KEYS:
        assert len({getattr(rule, key) for rule in rules}) == len(rules)


def test_a_file_of_rules_is_read_in_its_order(tmp_path: Path) -> None:
    more = GOOD.replace("kind\n", "kind_2\n", 1).replace("Be kind.", "|\n    Be kind.\n    Be brief: always.")
    first, second = read_rules(written(tmp_path, f"\ufeff# mine\n{GOOD}{more}".encode()))
    assert first == Rule("kind", "What is unkind?", "Be kind.", "Which is kinder?")
    assert (second.name, second.revision) == ("kind_2", "Be kind.\nBe brief: always.")


@pytest.mark.parametrize(("content", "line", "message"), MALFORMED.values(), ids=MALFORMED)
def test_a_mistake_is_one_line_that_names_file_and_line(content: str, line: int, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, content.encode())
    with pytest.raises(DataError) as caught:
        read_rules(path)
    assert str(caught.value).startswith(f"{path}:{line}: ") and message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("content", "message"), OF_THE_WHOLE.values(), ids=OF_THE_WHOLE)
def test_a_file_that_is_no_text_is_one_line_too(content: bytes, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, content)
    with pytest.raises(DataError) as caught:
        read_rules(path)
    assert str(caught.value).startswith(f"{path}: {message}") and "\n" not in str(caught.value)
