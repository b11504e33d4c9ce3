import math

import numpy as np
import pytest
from sacrebleu.metrics import BLEU

from tunegrid.metrics import bleu
from tunegrid.metrics.tokenize_13a import tokenize

REFERENCE = "I am very happy to say that I am drinking a warm cup of tea."


def whole(answers: list[list[str]], references: list[list[list[str]]], smoothed: bool = True) -> float:
    return float(bleu.combine(bleu.statistics(answers, references, smoothed=smoothed).sum(axis=0)))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("I am very happy that I am drinking a cup of tea.", 0.495),
        ("I am very happy that I am drinking a warm cup of tea.", 0.730),
        ("I am very happy to say that I am drinking a warm tea.", 0.798),
        (REFERENCE, 1.0),
    ],
)
@pytest.mark.parametrize("smoothed", [True, False])
def test_published_sentences(answer: str, expected: float, smoothed: bool) -> None:
    assert whole([answer.split()], [[REFERENCE.split()]], smoothed) == pytest.approx(expected, abs=5e-4)


def test_matches_are_clipped() -> None:
    row = bleu.statistics([["cold"] * 4], [[["it", "is", "cold", "outside", "."]]], smoothed=True)[0]
    assert row[0] / row[4] == 0.25


def test_the_closest_reference_length_is_the_shorter_of_two_equally_close() -> None:
    row = bleu.statistics([["a"] * 7], [[["b"] * 11, ["b"] * 8, ["b"] * 6]], smoothed=True)[0]
    assert row[8] == 6


def test_smoothing_halves_for_each_length_without_a_match() -> None:
    # 1-gram 2/4, 2-gram 1/3, 3-gram (1/2)/2, 4-gram (1/4)/1
    expected = (2 / 4 * 1 / 3 * (1 / 2) / 2 * (1 / 4) / 1) ** (1 / 4)
    assert whole([list("abxy")], [[list("abcd")]]) == pytest.approx(expected, rel=1e-12)
    floored = (2 / 4 * 1 / 3 * 1e-15 / 2 * 1e-15 / 1) ** (1 / 4)
    assert whole([list("abxy")], [[list("abcd")]], smoothed=False) == pytest.approx(floored, rel=1e-9)


def test_short_answers_are_penalised() -> None:
    assert whole([list("abcde")], [[list("abcdefgh")]]) == pytest.approx(math.exp(1 - 8 / 5), rel=1e-12)


def test_equals_sacrebleu_on_random_corpora(random_corpus) -> None:
    for seed in range(1000):
        answers, references = random_corpus(seed, 1 + seed % 5)
        joined = [[" ".join(reference) for reference in several] for several in references]
        widest = max(map(len, joined))
        columns = [[several[k] if k < len(several) else None for several in joined] for k in range(widest)]
        scorer = BLEU(tokenize="none", force=True)
        theirs = scorer.corpus_score([" ".join(answer) for answer in answers], columns).score / 100
        ours = whole(answers, references)
        # without a single match sacrebleu says 0, mteval smooths; without a 4-gram sacrebleu says 0, mteval goes on
        assert ours == pytest.approx(theirs, abs=1e-12) or theirs == 0, seed


@pytest.mark.parametrize(
    "text",
    [
        "A £20-25 price, 3.5 stars; it's (very) good.",
        "AT&amp;T's 1,000-2,000 &quot;x&quot; <skipped>end.",
        "a-b 5-star ... 10.30pm",
    ],
)
def test_tokens_equal_sacrebleus_13a(text: str) -> None:
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    assert list(tokenize(text)) == Tokenizer13a()(text).lower().split()


def test_only_ascii_letters_are_lowered_as_in_perl() -> None:
    assert tokenize("ÉCLAIR Café") == ("Éclair", "café")


def test_combine_takes_leading_axes(random_corpus) -> None:
    answers, references = random_corpus(1)
    rows = bleu.statistics(answers, references, smoothed=True)
    many = bleu.combine(np.stack([rows[:10].sum(axis=0), rows.sum(axis=0)])[None])
    assert many.shape == (1, 2)
    assert many[0, 1] == pytest.approx(whole(answers, references))
