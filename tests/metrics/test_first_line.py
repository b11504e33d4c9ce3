from tunegrid.metrics import Score
from tunegrid.metrics.combine import corpus_value
from tunegrid.metrics.first_line import FirstLine


def test_only_the_first_line_counts():
    answers = ["(A)", " (B) \nQ: and so on\nA: (A)", "(C) or so", "\n\n(D)\n", ""]
    (score,) = FirstLine().score(answers, [["(A)"], ["(B)", "B"], ["(C)"], ["(D)"], ["(E)"]])
    assert isinstance(score, Score) and score.name == "exact_match"
    assert score.statistics[:, 0].tolist() == [1.0, 1.0, 0.0, 1.0, 0.0]
    assert corpus_value(score) == 0.6
