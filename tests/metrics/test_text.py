import pytest
from sacrebleu.metrics import BLEU

from tunegrid.metrics import exact_match, sacre_bleu
from tunegrid.metrics.combine import corpus_value
from tunegrid.metrics.none import NoMetrics
from tunegrid.metrics.text import Text

CORPORA = [
    (["The cat sat on the mat .", "A dog!"], [["the cat sat on a mat.", "The cat sat."], ["A dog!"]]),
    (["nothing alike at all here"], [["some other words, you see"]]),
    (["a b x y z"], [["a b c d e"]]),
    (["short"], [["short"]]),
    (["", "a b c d e"], [["x"], ["a b c d f"]]),
]


@pytest.mark.parametrize(("answers", "references"), CORPORA)
def test_sacrebleu_equals_the_library(answers: list[str], references: list[list[str]]) -> None:
    widest = max(map(len, references))
    columns = [[several[k] if k < len(several) else None for several in references] for k in range(widest)]
    ours = float(sacre_bleu.combine(sacre_bleu.statistics(answers, references).sum(axis=0)))
    assert ours == pytest.approx(BLEU().corpus_score(answers, columns).score, abs=1e-9)


def test_exact_match_ignores_white_space_at_the_ends() -> None:
    rows = exact_match.statistics([" 42\n", "42.", "x"], [["41", "42"], ["42"], ["x"]])
    assert rows[:, 0].tolist() == [1.0, 0.0, 1.0]


def test_the_option_gives_all_five() -> None:
    scores = {score.name: corpus_value(score) for score in Text().score(["a b c d"], [["a b c d"]])}
    assert scores == pytest.approx({"SacreBLEU": 100, "rouge1": 1, "rouge2": 1, "rougeL": 1, "exact_match": 1})


def test_none_gives_none() -> None:
    assert NoMetrics().score(["a"], [["b"]]) == []
