import math
import re

import pytest

from tunegrid.data.perturb import Perturbation, perturb

TEXT = "The Eagle isn't a big pub, they're near Café Rouge because of 3.5 stars."


def changed(kind: Perturbation, text: str = TEXT, percent: int = 100, seed: int = 0) -> str:
    return perturb(text, kind, seed=seed, percent=percent)


def test_case() -> None:
    assert changed(Perturbation.lower) == TEXT.lower()
    assert changed(Perturbation.upper) == TEXT.upper()


def test_contractions_there_and_back() -> None:
    long = "The Eagle is not a big pub, they are near Café Rouge because of 3.5 stars."
    assert changed(Perturbation.expand) == long
    assert changed(Perturbation.contract, long) == TEXT
    assert changed(Perturbation.contract, "It is so. There is one; I am.") == "It's so. There's one; I'm."
    assert changed(Perturbation.contract, "Whatever is notable") == "Whatever is notable"


def test_paraphrases_keep_their_capital() -> None:
    assert changed(Perturbation.paraphrase, "Because of a lot of big dogs") == "Since of many large dogs"


def test_only_spaces_are_widened() -> None:
    found = changed(Perturbation.spaces, " ".join(["a"] * 50))
    assert found.split() == ["a"] * 50
    assert {len(gap) for gap in re.findall(" +", found)} == {1, 2, 3}


def test_a_typo_is_one_slip_inside_a_word() -> None:
    word = "friendly"
    slips = {changed(Perturbation.typo, word, seed=seed) for seed in range(300)}
    assert word not in slips
    for slip in slips:
        assert slip[0] == "f"
        assert abs(len(slip) - len(word)) <= 1
        swapped = sorted(slip) == sorted(word)
        assert swapped or sum(a != b for a, b in zip(slip, word, strict=False)) == 1 or len(slip) != len(word)
    assert len(slips) > 15


def test_short_words_and_numbers_are_never_misspelt() -> None:
    assert changed(Perturbation.typo, "a cat sat on 12345 mats_1 £20") == "a cat sat on 12345 mats_1 £20"


def test_percent_is_the_share_of_words() -> None:
    words = [f"{'abcdefghij'[index % 10]}word" for index in range(4000)]
    found = changed(Perturbation.typo, " ".join(words), percent=10).split()
    share = sum(one != other for one, other in zip(words, found, strict=True)) / len(words)
    assert share == pytest.approx(0.1, abs=4 * math.sqrt(0.1 * 0.9 / len(words)))


@pytest.mark.parametrize("kind", list(Perturbation))
def test_the_same_arguments_give_the_same_text(kind: Perturbation) -> None:
    assert changed(kind, percent=40) == changed(kind, percent=40)


def test_seeds_differ() -> None:
    assert len({changed(Perturbation.typo, percent=50, seed=seed) for seed in range(10)}) > 5
