import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tunegrid.metrics import Score, Unavailable, meteor, meteor_formula
from tunegrid.metrics.combine import corpus_value
from tunegrid.metrics.e2e import E2e, Mteval

SEGMENTS = [
    ("the cat sat on the mat", ["the cat sat on the mat", "a cat is there"]),
    ("fish and chips are served there", ["it serves fish", "fish is served there", "they serve fish , and chips"]),
    ("it is quite expensive", ["prices are high", "it is dear"]),
    ("", ["an inn by the river"]),
    ("zzz", ["an inn"]),
    ("the the the cat", ["the cat"]),
]


@pytest.fixture(scope="module")
def rows(jar_folder: Path) -> np.ndarray:
    answers = [answer.split() for answer, _ in SEGMENTS]
    references = [[reference.split() for reference in several] for _, several in SEGMENTS]
    return meteor.statistics(answers, references)


def test_aggregate_equals_the_jars_own(rows: np.ndarray, jar_folder: Path) -> None:
    process = meteor._shared_process()
    raw = [process.segment(answer.split(), [text.split() for text in several]) for answer, several in SEGMENTS]
    lines = " ||| ".join(["EVAL", *(" ".join(map(str, row)) for row in raw)])
    theirs = [float(process._ask(lines))]
    theirs += [float(process._process.stdout.readline()) for _ in SEGMENTS]  # each segment, then the whole

    assert meteor_formula.combine(rows) == pytest.approx(theirs[:-1], abs=1e-12)
    assert corpus_value(Score("METEOR", rows)) == pytest.approx(theirs[-1], abs=1e-12)


def test_perfect_and_hopeless_segments(rows: np.ndarray) -> None:
    values = meteor_formula.combine(rows)
    assert values[0] == 1.0
    assert values[3] == values[4] == 0.0
    assert np.isfinite(values).all()


@pytest.mark.slow
def test_one_process_serves_all_calls_and_is_replaced_when_it_dies(rows: np.ndarray) -> None:
    process = meteor._shared_process()
    assert meteor._shared_process() is process
    process._process.kill()
    process._process.wait()
    with pytest.raises(meteor.MeteorUnavailableError, match="Java process"):
        process.segment(["a"], [["a"]])
    again = meteor.statistics([["a", "cat"]], [[["a", "cat"]]])
    assert meteor._shared_process() is not process
    assert corpus_value(Score("METEOR", again)) == 1.0


def test_without_java_the_metric_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    meteor.close_shared_process()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    scores = E2e(mteval=Mteval.perl, meteor=True).score(["a"], [["a"]])
    assert Unavailable("METEOR", meteor.NO_JAVA) in scores


def test_without_the_jar_the_metric_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    meteor.close_shared_process()
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/java")
    monkeypatch.setattr(meteor, "find_jar", lambda: None)
    scores = E2e(mteval=Mteval.perl, meteor=True).score(["a"], [["a"]])
    assert Unavailable("METEOR", meteor.NO_JAR) in scores


def test_a_java_that_fails_makes_the_metric_unavailable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    meteor.close_shared_process()
    jar = tmp_path / "meteor" / "meteor-1.5.jar"
    jar.parent.mkdir()
    jar.touch()
    monkeypatch.setattr(meteor, "find_jar", lambda: jar)
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/false")
    (score,) = (s for s in E2e(mteval=Mteval.perl, meteor=True).score(["a"], [["a"]]) if s.name == "METEOR")
    assert isinstance(score, Unavailable)
    assert "METEOR's Java process" in score.reason
    meteor.close_shared_process()


def test_closing_ends_the_process(jar_folder: Path) -> None:
    process = meteor.MeteorProcess()
    process.close()
    assert not process.alive
    assert isinstance(process._process, subprocess.Popen)
