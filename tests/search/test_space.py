import pytest

from tunegrid.errors import ConfigError
from tunegrid.search.space import Choice, Range, Space, read_space
from tunegrid.sweep.grid import composed


def space(*arguments: str, **parameters: str) -> Space:
    with composed([]) as (loader, _):
        return read_space(loader, {key.replace("__", "."): text for key, text in parameters.items()}, arguments)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("interval(0,4)", Range(0.0, 4.0, False, False, None)),
        ("tag(log, interval(1e-4,1e-2))", Range(1e-4, 1e-2, False, True, None)),
        ("int(interval(1, 64))", Range(1, 64, True, False, None)),
        ("tag(log, int(interval(1, 64)))", Range(1, 64, True, True, None)),
        ("range(1,10,3)", Range(1, 7, True, False, 3.0)),
        ("range(3)", Range(0, 2, True, False, 1.0)),
        ("range(3,0,-1)", Range(1, 3, True, False, 1.0)),
        ("range(0,1,0.25)", Range(0.0, 0.75, False, False, 0.25)),
        ("choice(1,4,16)", Choice(("1", "4", "16"))),
        ("1,4,16", Choice(("1", "4", "16"))),
        ("[query],[query,value]", Choice(("[query]", "[query,value]"))),
    ],
)
def test_hydras_sweep_syntax_gives_a_dimension(text: str, expected: Range | Choice):
    assert space(method__rank=text).dimensions == {"method.rank": expected}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("8", "hydra.sweeper.params has no range to search; give one, for example objective.learning_rate"),
        ("interval(4,1)", r"method.rank: interval\(4,1\) is empty; give the lower end first"),
        ("tag(log, interval(0,1))", "method.rank: a log interval must begin above 0, got 0"),
        ("range(0,1)", r"method.rank: range\(0,1,1\) has no two values to choose from"),
        ("shuffle(1,2)", "method.rank: shuffle means nothing in a search; leave it out"),
        ("tag(log, choice(1,2))", "method.rank: a search knows one tag, log, of an interval"),
        ("tag(wide, interval(1,2))", "method.rank: a search knows one tag, log, of an interval"),
    ],
)
def test_what_cannot_be_searched_is_refused(text: str, message: str):
    with pytest.raises(ConfigError, match=message):
        space(method__rank=text)


def test_the_command_line_wins_and_what_does_not_vary_is_fixed():
    found = space("method.rank=4", "seed=1", "method.alpha=choice(8,16)", method__rank="choice(1,2)", method__alpha="8")
    assert found.fixed == ("method.rank=4", "seed=1") and list(found.dimensions) == ["method.alpha"]


def test_values_become_overrides_and_only_dotted_keys_are_set_late():
    found = space("model=tiny", "method=choice(lora,full)", "objective.steps=range(1,9)")
    overrides = found.overrides({"method": "full", "objective.steps": 3})
    assert overrides.fixed == ("model=tiny", "method=full") and overrides.values == ("objective.steps=3",)


def test_the_corners_reach_every_end_and_every_choice():
    found = space("objective.steps=range(1,9)", "method.rank=choice(1,4,16)")
    assert [tuple(corner.values()) for corner in found.corners()] == [(1, "1"), (8, "4"), (8, "16")]


def test_a_value_is_short_and_stays_inside():
    rates = Range(1.23412e-5, 1e-2, False, True, None)
    assert rates.rounded(3.1622776e-4) == 3.162e-4
    assert rates.rounded(1.23413e-5) == 1.23412e-5
    assert Range(0.9999, 0.99999, False, False, None).rounded(0.999956789) == 0.99995679
    assert Range(0.0, 100.0, False, False, 0.0625).rounded(12.0625) == 12.0625
    assert Range(0.0, 0.9, False, False, 0.1).rounded(0.30000000000000004) == 0.3
    assert Range(1, 64, True, True, None).rounded(7) == 7 and Choice(("1", "2")).rounded("2") == "2"


def test_ends_are_told_from_the_inside_of_a_range():
    rates = Range(1e-5, 1e-1, False, True, None)
    assert rates.end_at(1.1e-5) == "lower" and rates.end_at(9e-2) == "upper" and rates.end_at(1e-4) is None
    ranks = Range(1, 64, True, False, None)
    assert (ranks.end_at(1), ranks.end_at(2), ranks.end_at(64)) == ("lower", None, "upper")
    choice = Choice(("16", "1", "4"))
    assert (choice.end_at("1"), choice.end_at("4"), choice.end_at("16")) == ("lower", None, "upper")
    assert Choice(("lora", "full", "base")).end_at("lora") is None and Choice(("1", "2")).end_at("2") is None
