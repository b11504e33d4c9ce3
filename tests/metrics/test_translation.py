"""Against sacrebleu's corpus scores, on random texts and on real outputs."""

import random
from pathlib import Path

import pytest
from sacrebleu.metrics import BLEU, CHRF, TER

from tunegrid.errors import ConfigError
from tunegrid.metrics import Score
from tunegrid.metrics.combine import corpus_value
from tunegrid.metrics.files import read_predictions, read_references
from tunegrid.metrics.translation import Translation, Words

PIECES = ["the", "The", "cat's", "mat,", "mat", "3.5", "(so)", "naïve", "是的", "a-b", "x", "!", "very-long-word"]


def values(answers: list[str], references: list[list[str]], words: Words, word_order: int) -> dict[str, float]:
    scores = Translation(words=words, chrf_word_order=word_order).score(answers, references)
    return {score.name: corpus_value(score) for score in scores if isinstance(score, Score)}


def sacrebleus(answers: list[str], references: list[list[str]], words: Words, word_order: int) -> dict[str, float]:
    widest = max(map(len, references))
    columns = [[several[k] if k < len(several) else None for several in references] for k in range(widest)]
    name, chrf = ("chrF++" if word_order else "chrF"), CHRF(word_order=word_order)
    scorers = {"SacreBLEU": BLEU(tokenize=words.value, force=True), name: chrf, "TER": TER()}
    return {name: scorer.corpus_score(answers, columns).score for name, scorer in scorers.items()}


@pytest.mark.parametrize("words", list(Words))
def test_equals_sacrebleu(words: Words) -> None:
    choose = random.Random(0)

    def text(fewest: int) -> str:
        return " ".join(choose.choices(PIECES, k=choose.randint(fewest, 7)))

    for case in range(250):
        count = choose.randint(1, 3)
        answers = [text(0) for _ in range(count)]
        references = [[text(1) for _ in range(choose.randint(1, 3))] for _ in range(count)]
        order = 2 * (case % 2)
        expected = sacrebleus(answers, references, words, order)
        assert values(answers, references, words, order) == pytest.approx(expected, abs=1e-9), (answers, references)


def test_equals_sacrebleu_on_real_outputs(e2e_data: Path) -> None:
    answers = read_predictions(e2e_data / "systems" / "tgen.50.txt")
    references = read_references(e2e_data / "test_public50.multi-ref.txt", len(answers))
    answers, references = answers[:12], references[:12]  # TER takes a second for each ten
    expected = sacrebleus(answers, references, Words.mteval, 0)
    assert values(answers, references, Words.mteval, 0) == pytest.approx(expected, abs=1e-9)


def test_words_where_none_should_be_are_all_wrong() -> None:
    for answer, expected in (("a b", 100.0), ("", 0.0)):
        assert (
            values([answer], [[""]], Words.mteval, 0)["TER"] == expected == TER().corpus_score([answer], [[""]]).score
        )


def test_words_between_spaces_give_the_published_sentences() -> None:
    reference = "I am very happy to say that I am drinking a warm cup of tea."
    answer = "I am very happy that I am drinking a cup of tea."
    assert values([answer], [[reference]], Words.whitespace, 0)["SacreBLEU"] == pytest.approx(49.5, abs=0.05)


def test_only_chrf_and_chrf_plus_plus_are_defined() -> None:
    with pytest.raises(ConfigError, match=r"metrics\.chrf_word_order must be 0 or 2, got 1"):
        Translation(words=Words.mteval, chrf_word_order=1)
