import pytest

from tunegrid.metrics import Score, Unavailable, meteor
from tunegrid.metrics.captions import Captions


def test_both_ciders_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meteor, "find_jar", lambda: None)
    meteor.close_shared_process()
    scores = Captions().score(["A cat.", "one two three four"], [["a cat"], ["one two three four five"]])
    assert [score.name for score in scores] == ["METEOR", "ROUGE_L", "CIDEr", "CIDEr_plain"]
    assert isinstance(scores[0], Unavailable)
    penalised, plain = (score.statistics[:, 0] for score in scores[2:] if isinstance(score, Score))
    assert penalised[0] == plain[0]  # as long as its reference
    assert 0 < penalised[1] < plain[1]
