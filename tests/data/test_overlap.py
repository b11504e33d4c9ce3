import random

import pytest

from tunegrid.data.overlap import NEAR, WORDS, duplicates, leaked


def shingles(text):
    words = text.split()
    return {tuple(words[i : i + WORDS]) for i in range(max(1, len(words) - WORDS + 1))}


def texts(count, seed):
    """Random texts, and after every third a copy of it with a few words changed."""
    draw = random.Random(seed)
    made = []
    while len(made) < count:
        words = [f"w{draw.randrange(400)}" for _ in range(draw.randrange(5, 120))]
        made.append(" ".join(words))
        if len(made) % 3 == 0:
            for place in draw.sample(range(len(words)), draw.randrange(4)):
                words[place] = f"v{draw.randrange(400)}"
            made.append(" ".join(words))
    return made


def test_near_copies_are_those_of_the_definition():
    given = texts(240, 1)
    by_definition = {}
    for i, text in enumerate(given):
        for j in range(i):
            one, other = shingles(text), shingles(given[j])
            if text != given[j] and len(one & other) / len(one | other) >= NEAR:
                by_definition.setdefault(i, j)
    found = dict(duplicates(given).near)
    assert len(by_definition) > 20
    assert set(found) <= set(by_definition) and len(found) >= 0.97 * len(by_definition)
    exact = {i for i, text in enumerate(given) if text in given[:i]}
    assert {copy for copy, _ in duplicates(given).exact} == exact and exact


def test_case_punctuation_and_spaces_make_no_difference():
    given = ["Alimentum is a family-friendly place.", "other words here", "alimentum IS a  family friendly place"]
    assert duplicates(given).exact == [(2, 0)] and duplicates(given).near == []


@pytest.mark.parametrize("short", ["Yes", "", "在美国"])
def test_short_texts_are_compared_whole(short):
    assert duplicates([short, "No", short]).exact == [(2, 0)]


def test_scripts_without_spaces_are_compared_sign_by_sign():
    one = "在美国，人们一般会靠哪侧行驶？请用一句话回答这个问题，谢谢您的帮助和时间"
    assert duplicates([one, "在中国" + one[3:]]).near == [(1, 0)]


def test_leaks_are_found_in_test_alone():
    training = ["a b c d e f g h i j k l m n o p q r s t", "x y z", "x y z"]
    test = ["x, Y z!", "a b c d e f g h i j k l m n o p q r s u", "nothing like it", "nothing like it"]
    found = leaked(training, test)
    assert found.exact == [(0, 1)] and found.near == [(1, 0)]
