import random

import pytest

from tunegrid.metrics.subsequence import common_places, longest_common_subsequence


def by_table(left: str, right: str) -> int:
    row = [0] * (len(right) + 1)
    for one in left:
        previous = row
        row = [0]
        for index, other in enumerate(right):
            row.append(previous[index] + 1 if one == other else max(previous[index + 1], row[index]))
    return row[-1]


@pytest.mark.parametrize("seed", range(20))
def test_common_subsequence_equals_the_table(seed: int) -> None:
    choose = random.Random(seed)
    left, right = ("".join(choose.choices("abcd", k=choose.randint(0, 90))) for _ in range(2))
    assert longest_common_subsequence(left, right) == by_table(left, right)


@pytest.mark.parametrize("seed", range(20))
def test_common_places_spell_a_longest_one(seed: int) -> None:
    choose = random.Random(seed)
    left, right = ("".join(choose.choices("abcd", k=choose.randint(0, 90))) for _ in range(2))
    spelt = [right[place] for place in sorted(common_places(left, right))]
    assert len(spelt) == by_table(left, right)
    rest = iter(left)
    assert all(token in rest for token in spelt)  # in the same order
