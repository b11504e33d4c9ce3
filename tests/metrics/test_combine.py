"""What every metric's statistics have to keep: they add up, and the order of instances is nothing to them."""

import math

import numpy as np
import pytest

from tunegrid.errors import ConfigError
from tunegrid.metrics import Score, bleu, cider, nist, rouge_l
from tunegrid.metrics.combine import corpus_value, measure
from tunegrid.metrics.e2e import E2e, Mteval
from tunegrid.metrics.qa import Qa
from tunegrid.metrics.summarisation import Summarisation
from tunegrid.metrics.text import Text
from tunegrid.metrics.translation import Translation, Words

OPTIONS = [
    E2e(mteval=Mteval.perl, meteor=False),
    E2e(mteval=Mteval.python, meteor=False),
    Text(),
    Summarisation(stemmed=False, encoder=None, encoder_layer=None),
    Translation(words=Words.mteval, chrf_word_order=2),
    Qa(),
]


def scored(option, answers, references) -> dict[str, Score]:
    texts = [" ".join(answer) for answer in answers]
    several = [[" ".join(reference) for reference in one] for one in references]
    return {score.name: score for score in option.score(texts, several) if isinstance(score, Score)}


@pytest.mark.parametrize("option", OPTIONS)
def test_permuting_instances_permutes_rows_and_keeps_values(random_corpus, option) -> None:
    answers, references = random_corpus(11)
    order = np.random.default_rng(0).permutation(len(answers))
    before = scored(option, answers, references)
    after = scored(option, [answers[i] for i in order], [references[i] for i in order])
    for name, score in before.items():
        assert after[name].statistics == pytest.approx(score.statistics[order], abs=1e-12)
        assert corpus_value(after[name]) == pytest.approx(corpus_value(score), abs=1e-12)


@pytest.mark.parametrize("option", OPTIONS)
def test_the_order_of_references_is_nothing(random_corpus, option) -> None:
    answers, references = random_corpus(12)
    turned = scored(option, answers, [several[::-1] for several in references])
    for name, score in scored(option, answers, references).items():
        assert corpus_value(turned[name]) == pytest.approx(corpus_value(score), abs=1e-12)


@pytest.mark.parametrize("option", OPTIONS)
def test_weighted_sums_are_one_matrix_product(random_corpus, option) -> None:
    answers, references = random_corpus(13)
    weights = np.random.default_rng(1).integers(0, 3, size=(2, 5, len(answers)))
    for name, score in scored(option, answers, references).items():
        values = measure(name).values(weights, score.statistics)
        assert values.shape == (2, 5)
        repeated = np.repeat(score.statistics, weights[1, 3], axis=0)
        assert values[1, 3] == pytest.approx(corpus_value(Score(name, repeated)), abs=1e-12)


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (bleu.statistics([], [], smoothed=True), 10),
        (nist.statistics([], [], pool_references=True), 13),
        (rouge_l.statistics([], []), 2),
        (cider.statistics([], [], penalised=True), 2),
    ],
)
def test_no_instances_keep_the_shape(rows: np.ndarray, columns: int) -> None:
    assert rows.shape == (0, columns)


def test_likelihood_weighs_tokens_not_rows() -> None:
    rows = np.array([[2.0, 1.0], [4.0, 5.0]])
    assert corpus_value(Score("val_loss", rows)) == pytest.approx(1.0)
    assert corpus_value(Score("perplexity", rows)) == pytest.approx(math.e)


def test_lower_losses_and_higher_scores_are_better() -> None:
    assert not measure("val_loss").higher_is_better
    assert not measure("perplexity").higher_is_better
    assert measure("BLEU").higher_is_better


def test_an_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown metric 'METOR'; did you mean METEOR"):
        measure("METOR")
