import pytest

from tunegrid.data import Example
from tunegrid.data.check import check
from tunegrid.data.draw import order
from tunegrid.data.selection import select
from tunegrid.errors import ConfigError, DataError


@pytest.fixture
def many(make_data, tmp_path):
    lines = "".join(f'{{"input": "q{i % 60}", "output": "a{i}"}}\n' for i in range(120))
    for part in ("train", "validation", "test"):
        (tmp_path / f"{part}.jsonl").write_text(lines.replace("q", part[0] + "q"))
    return lambda *overrides: make_data("jsonl", f"data.path={tmp_path}", *overrides)


def rows(data):
    return [(example.key, reference) for example, reference in select(data, data.splits()).train]


def test_all_rows_are_pairs_of_example_and_reference(many):
    assert len(rows(many())) == 120 and len(set(rows(many()))) == 120
    assert len(select(many(), many().splits()).test) == 60


def test_smaller_choices_are_part_of_larger_ones_in_the_order_of_the_source(many):
    everything, forty, ten = rows(many()), rows(many("data.rows=40")), rows(many("data.rows=10"))
    assert set(ten) < set(forty) < set(everything)
    assert forty == [row for row in everything if row in set(forty)]
    assert rows(many("data.rows=40", "data.split_seed=1")) != forty


def test_more_than_there_is_is_refused(many):
    with pytest.raises(
        ConfigError, match=r"data\.test_rows must be at most 60, all that the data has, got 61; null takes all"
    ):
        check(many("data.test_rows=61"))


def test_orders_are_permutations_that_depend_on_the_name():
    assert sorted(order(1000, "a")) == list(range(1000))
    assert order(1000, "a") == order(1000, "a") != order(1000, "b")
    # Each of the 24 orders of 4 things about equally often: chi-square of 23 degrees, 49.7 at p = 0.001.
    counts: dict[tuple[int, ...], int] = {}
    for i in range(4800):
        key = tuple(order(4, str(i)))
        counts[key] = counts.get(key, 0) + 1
    assert len(counts) == 24 and sum((n - 200) ** 2 / 200 for n in counts.values()) < 49.7


def test_checking_names_an_unknown_column_and_an_empty_answer(many):
    with pytest.raises(
        ConfigError, match=r"data\.template\.target: unknown column 'answer'; .*known: input, prompt, reference"
    ):
        check(many("data.template.target='{{ answer }}'"))
    with pytest.raises(DataError, match=r"train\.jsonl:1: data\.template\.target gives an empty answer"):
        check(many("data.template.target=' '"))
    with pytest.raises(DataError, match=r"train\.jsonl:1: data\.template\.input gives an empty prompt"):
        check(many("data.template.input=' '"))


def test_examples_are_not_copied(many):
    chosen = select(many(), many().splits())
    assert isinstance(chosen.test[0], Example)
    assert len({id(example) for example, _ in chosen.train}) == 60
