import math
from collections import Counter

import pytest

from tunegrid.metrics import nist


def whole(answers: list[list[str]], references: list[list[list[str]]], pool: bool = True) -> float:
    return float(nist.combine(nist.statistics(answers, references, pool_references=pool).sum(axis=0)))


def test_a_case_worked_by_hand() -> None:
    # References: "a b" and "a c"; counts a 2, b 1, c 1, "a b" 1, "a c" 1 of 4 words.
    # Information: a log2(4/2) = 1, b = c = 2, "a b" = "a c" = log2(2/1) = 1.
    # Answer "a b c": unigrams (1 + 2 + 2)/3, bigrams "a b" 1/2, trigrams 0/1; longer than the references: no penalty.
    assert whole([list("abc")], [[list("ab"), list("ac")]]) == pytest.approx(5 / 3 + 1 / 2, rel=1e-12)


def test_the_penalty_is_one_half_at_two_thirds_of_the_length() -> None:
    assert whole([list("ab")], [[list("abc")]]) == pytest.approx(0.5 * math.log2(3), rel=1e-12)


def test_the_two_means_of_reference_length() -> None:
    # Lengths 2 and 6, 6, 6: over references 5 each, over instances (2 + 6)/2 = 4 each; the answers have 8 words in all.
    answers = [list("ab"), list("cdefgh")]
    references = [[list("ab")], [list("cdefgh")] * 3]
    assert whole(answers, references, pool=False) > whole(answers, references, pool=True)
    beta = -math.log(0.5) / math.log(1.5) ** 2
    ratio = whole(answers, references, pool=True) / whole(answers, references, pool=False)
    assert ratio == pytest.approx(math.exp(-beta * math.log(8 / 10) ** 2), rel=1e-12)


def test_equal_numbers_of_references_make_both_agree(random_corpus) -> None:
    answers, references = random_corpus(3)
    answers = [answer + ["w0"] * 5 for answer in answers]  # an answer below five tokens counts otherwise with -p
    references = [several[:1] for several in references]
    assert whole(answers, references, pool=True) == pytest.approx(whole(answers, references, pool=False), rel=1e-12)


def test_information_comes_from_all_references() -> None:
    answers, references = [list("ab"), list("ab")], [[list("ab")], [list("xyz")]]
    alone = nist.statistics(answers[:1], references[:1], pool_references=True)
    both = nist.statistics(answers, references, pool_references=True)
    assert both[0, 0] > alone[0, 0]


def ngrams(text: list[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(text[start : start + n]) for start in range(len(text) - n + 1)]


def defined(answers: list[list[str]], references: list[list[list[str]]]) -> float:
    """Doddington's equation 3, counted one n-gram at a time."""
    everywhere = Counter(g for several in references for text in several for n in range(1, 6) for g in ngrams(text, n))
    words = sum(count for ngram, count in everywhere.items() if len(ngram) == 1)
    score = 0.0
    for n in range(1, 6):
        information, total = 0.0, 0
        for answer, several in zip(answers, references, strict=True):
            for ngram, count in Counter(ngrams(answer, n)).items():
                matched = min(count, max(ngrams(text, n).count(ngram) for text in several))
                information += matched * math.log2((everywhere[ngram[:-1]] or words) / (everywhere[ngram] or 1))
                total += count
        score += information / total if total else 0.0
    lengths = [len(text) for several in references for text in several]
    ratio = min(sum(map(len, answers)) / (sum(lengths) / len(lengths) * len(answers)), 1.0)
    return score * math.exp(math.log(0.5) / math.log(1.5) ** 2 * math.log(ratio) ** 2)


def test_equals_the_definition(random_corpus) -> None:
    for seed in range(1000):
        answers, references = random_corpus(seed, 1 + seed % 2)
        assert whole(answers, references) == pytest.approx(defined(answers, references), rel=1e-9), seed
