import math

import numpy as np
import pytest

from tunegrid.errors import DataError
from tunegrid.metrics import Score, Unavailable, bleu, correlation, ter
from tunegrid.metrics.combine import corpus_value
from tunegrid.metrics.robustness import mean_case, worst_case


def value(score: Score | Unavailable) -> float:
    assert isinstance(score, Score)
    return corpus_value(score)


def test_worst_and_mean_by_hand() -> None:
    versions = [Score("accuracy", np.array([[hit, 1.0] for hit in hits])) for hits in ((1, 1, 0), (1, 0, 1))]
    assert value(worst_case(versions)) == pytest.approx(1 / 3)
    assert value(mean_case(versions)) == pytest.approx(4 / 6)


def test_a_corpus_metric_takes_each_instances_worst_version() -> None:
    references = [[list("abcdefgh")], [list("ijklmnop")]]
    good, bad = [list("abcdefgh"), list("ijklmnop")], [list("abcdxyzw"), list("ijklmnop")]
    versions = [Score("BLEU", bleu.statistics(texts, references, smoothed=True)) for texts in (good, bad)]
    assert value(worst_case(versions)) == corpus_value(versions[1])
    assert value(worst_case(versions[::-1])) == corpus_value(versions[1])


def test_where_lower_is_better_the_worst_is_the_highest() -> None:
    versions = [Score("TER", ter.statistics([answer], [["a b c"]])) for answer in ("a b c", "a x y")]
    assert value(worst_case(versions)) == pytest.approx(200 / 3)


def test_ranks_have_no_value_of_one_instance() -> None:
    version = Score("spearman", correlation.statistics(np.arange(4.0), np.arange(4.0)))
    for case in (worst_case, mean_case):
        found = case([version, version])
        assert isinstance(found, Unavailable)
        assert "compares instances" in found.reason


def test_a_version_without_a_value_is_not_the_worst() -> None:
    versions = [Score("distinct2", np.array([row])) for row in ([0.0, 0.0], [0.5, 1.0])]
    assert not math.isnan(value(worst_case(versions)))


def test_versions_must_match() -> None:
    versions = [Score("accuracy", np.ones((count, 2))) for count in (2, 3)]
    with pytest.raises(DataError, match="versions must have one metric on the same instances"):
        worst_case(versions)
