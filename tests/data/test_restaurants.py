import re
import subprocess
import sys
from hashlib import sha256

import pytest

from tunegrid.data.draw import Draw
from tunegrid.data.restaurant_facts import VALUES, draw_place
from tunegrid.data.restaurant_text import describe
from tunegrid.errors import ConfigError

# How a reader would recognise each fact, written apart from the generator's own phrases.
PRICE = {
    "cheap": r"\bcheap\b",
    "moderate": r"\bmoderate(ly priced)?\b",
    "high": r"high prices|high price range|high-priced",
}
RATING = r"{} (customer )?(ratings|reviews)|rated {}\b"
FAMILY = {
    "yes": r"(?<!not )family-friendly|welcomes (families|children)|good choice for families",
    "no": r"not family-friendly|not welcome children|not suited to families|not for children",
}


def states(text: str, key: str, value: str) -> bool:
    patterns = {"price": PRICE.get(value), "rating": RATING.format(value, value), "family": FAMILY.get(value)}
    return re.search(patterns.get(key) or re.escape(value), text) is not None


def facts_of(representation: str) -> dict[str, str]:
    return dict(re.findall(r"(\w+)\[([^\]]*)\]", representation))


def small(make_data, *overrides):
    return make_data("restaurants", "data.rows=600", "data.validation_rows=60", "data.test_rows=40", *overrides)


def test_sizes_are_exactly_those_asked_for(make_data):
    splits = make_data("restaurants").splits()
    assert sum(len(e.references) for e in splits.train) == 2000
    assert sum(len(e.references) for e in splits.validation) == 200
    assert len(splits.test) == 100
    assert all(3 <= len(e.references) <= 5 for e in splits.test)


def test_no_meaning_is_in_two_parts_whatever_the_sizes(make_data):
    splits = make_data("restaurants", "data.rows=12000", "data.test_rows=900", "data.validation_rows=900").splits()
    parts = [{e.fields["mr"] for e in part} for part in (splits.train, splits.validation, splits.test)]
    assert [len(part) for part in parts] == [len(splits.train), len(splits.validation), len(splits.test)]
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]
    # Equal places are rare in samples of this size, so look at the rule: a part is a function of the place.
    tenths = [{sha256(mr.encode()).digest()[0] % 10 for mr in part} for part in parts]
    assert tenths == [set(range(2, 10)), {0}, {1}]


def test_a_smaller_set_is_the_beginning_of_a_larger_one(make_data):
    small_set, large = small(make_data).splits(), small(make_data, "data.rows=900").splits()
    rows = [[(e.fields["mr"], r) for e in part.train for r in e.references] for part in (small_set, large)]
    assert rows[1][:600] == rows[0]
    assert large.test == small_set.test and large.validation == small_set.validation


def test_every_text_states_every_fact_and_no_other(make_data):
    splits = small(make_data).splits()
    for example in (*splits.train, *splits.test):
        facts = facts_of(example.fields["mr"])
        assert list(facts.items()) == [(k, example.fields[k]) for k in ("name", *VALUES) if example.fields[k]]
        for text in example.references:
            missing = [key for key, value in facts.items() if not states(text, key, value)]
            assert not missing, f"{example.fields['mr']}: {missing} not in {text!r}"
            others = [(k, v) for k, values in VALUES.items() for v in values if v != facts.get(k) and k != "kind"]
            extra = [(k, v) for k, v in others if states(text.replace(facts["name"], ""), k, v)]
            assert not extra, f"{example.fields['mr']}: {extra} in {text!r}"


def test_texts_are_grammatical_by_rule(make_data):
    texts = [text for example in small(make_data).splits().train for text in example.references]
    for text in texts:
        assert not re.search(r"\b[Aa] [aeiouAEIOU]|\b[Aa]n [^aeiouAEIOU]|\s\s|\{|\}|\.\.|,,| \.", text), text
        assert text[0].isupper() and text.endswith(".")
        assert all(sentence[0].isupper() for sentence in text.split(". ")), text
    assert any(re.search(r"\ban \w", text) for text in texts)


def test_texts_of_one_place_differ_and_openings_vary(make_data):
    examples = small(make_data).splits().train
    assert all(len(set(e.references)) == len(e.references) for e in examples)
    named = [(e.fields["name"], text) for e in examples for text in e.references]
    shapes = {text.replace(name, "@").split()[0] for name, text in named}
    assert len(shapes) >= 6
    # Apart from name and values, a phrase book of this size hardly repeats a whole text.
    assert len({text for _, text in named}) > 0.98 * len(named)


def test_the_same_seed_gives_the_same_text_in_another_process_and_another_seed_does_not(make_data):
    source = (
        "from tunegrid.data.draw import Draw\n"
        "from tunegrid.data.restaurant_facts import draw_place\n"
        "from tunegrid.data.restaurant_text import describe\n"
        "draw = Draw('a test'); print(describe(draw_place(draw), draw))"
    )
    child = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", source], capture_output=True, encoding="utf-8", check=True
    )
    draw = Draw("a test")
    assert child.stdout.strip() == describe(draw_place(draw), draw)
    first, second = small(make_data), small(make_data, "data.split_seed=1")
    assert first.splits().test != second.splits().test
    assert first.fingerprint() == small(make_data).fingerprint() != second.fingerprint()


def test_the_stream_of_draws_is_pinned():
    """SHA-256 of "x:0", in 64-bit pieces from the end: computed with `printf x:0 | sha256sum`."""
    digest = "bb9a93e2157a1467892c8fac6f6eedd0d77915c9fedbb8f1cc605a423fdd3c60"
    draw = Draw("x")
    assert [draw.below(1 << 32) for _ in range(4)] == [int(digest[i : i + 16], 16) % (1 << 32) for i in (48, 32, 16, 0)]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.rows=0", r"data\.rows must be at least 1, or null for all, got 0"),
        ("data.rows=null", r"data\.rows must be a number, as this data has no end, got None"),
        ("data.most_references=2", r"data\.most_references must be 3 \(data\.fewest_references\) to 8, got 2"),
        ("data.fewest_references=0", r"data\.fewest_references must be at least 1, got 0"),
        ("data.max_length=1", r"data\.max_length must be at least 2 tokens, got 1"),
    ],
)
def test_bad_values_are_refused(make_data, override, message):
    with pytest.raises(ConfigError, match=message):
        make_data("restaurants", override)
