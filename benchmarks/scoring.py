"""How fast the E2E metrics, ROUGE and BLEU are beside the programs that define them: a ratio for each.

python benchmarks/scoring.py PREDICTIONS REFERENCES [--instances 630] [--rounds 3] [--official FOLDER]

The official scorer's ROUGE_L and CIDEr, with the Java tokenizer they need, come from PyPI. Its BLEU and NIST are a Perl
script that does not: `--official` names a copy of https://github.com/tuetschek/e2e-metrics, and without one their time
is missing on that side and the ratio is a lower bound. METEOR is left out on both: it is the same Java program. Scores
of both sides are compared before times are.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from mteval import perl_scores
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU

from tunegrid.metrics import Score, ptb, rouge, sacre_bleu, tokenize_13a
from tunegrid.metrics.combine import corpus_value
from tunegrid.metrics.e2e import E2e, Mteval
from tunegrid.metrics.files import read_predictions, read_references
from tunegrid.metrics.meteor import find_jar

Values = dict[str, float]
TOLERANCE = 1e-4


def main() -> None:
    """Print both sides' times and their ratio for each comparison that this machine can make."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("predictions", type=Path)
    parser.add_argument("references", type=Path)
    parser.add_argument("--instances", type=int, default=630, help="of E2E's test set; fewer are repeated")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--official", type=Path, help="a copy of e2e-metrics, for its Perl script")
    given = parser.parse_args()
    answers = read_predictions(given.predictions)
    references = read_references(given.references, len(answers))
    answers, references = repeated(answers, references, given.instances)
    print(f"{len(answers)} outputs, {sum(map(len, references))} references; median of {given.rounds} rounds")

    def compare(name: str, ours: Callable[[], Values], theirs: Callable[[], Values]) -> None:
        report(name, ours, theirs, given.rounds)

    compare(
        "rouge1, rouge2, rougeL beside rouge-score",
        lambda: our_rouge(answers, references),
        lambda: rouge_scores(answers, references),
    )
    compare(
        "SacreBLEU beside sacrebleu",
        lambda: {"SacreBLEU": corpus_value(Score("SacreBLEU", sacre_bleu.statistics(answers, references)))},
        lambda: {"SacreBLEU": BLEU().corpus_score(answers, columns(references)).score},
    )
    if find_jar() is None or shutil.which("java") is None:
        print("the official ROUGE_L and CIDEr need Java and pip install 'tunegrid[meteor]'")
        return
    theirs = "the official ROUGE_L and CIDEr" if given.official is None else "the official scorer's"
    compare(
        f"BLEU, NIST, ROUGE_L, CIDEr beside {theirs}",
        lambda: our_e2e(answers, references),
        lambda: official_e2e(answers, references, given.official),
    )


def repeated(
    answers: Sequence[str], references: Sequence[Sequence[str]], instances: int
) -> tuple[list[str], list[list[str]]]:
    """`instances` of them; a repetition is told apart by a word in front, so that no cache makes it cheap."""
    if len(answers) < instances:
        print(f"{len(answers)} outputs are repeated to {instances}, with the word again in front")
    places = [divmod(index, len(answers)) for index in range(instances)]
    marks = ["again " * turn for turn, _ in places]
    return (
        [mark + answers[place] for mark, (_, place) in zip(marks, places, strict=True)],
        [[mark + text for text in references[place]] for mark, (_, place) in zip(marks, places, strict=True)],
    )


def report(name: str, ours: Callable[[], Values], theirs: Callable[[], Values], rounds: int) -> None:
    """Check that the values agree, and print the median processor seconds of each side, taken in turn."""
    taken: dict[Callable[[], Values], list[float]] = {ours: [], theirs: []}
    found: dict[Callable[[], Values], Values] = {}
    for _ in range(rounds):
        for side in (ours, theirs):
            for cache in (ptb.tokenize, ptb._chunk, tokenize_13a.tokenize):
                cache.cache_clear()
            start = processor_seconds()
            found[side] = side()
            taken[side].append(processor_seconds() - start)
    for metric, value in found[theirs].items():
        if abs(found[ours][metric] - value) > TOLERANCE:
            sys.exit(f"not the same metric: {metric} {found[ours][metric]:.6f} and {value:.6f}")
    one, other = median(taken[ours]), median(taken[theirs])
    print(f"{name}: ours {one:.2f} s of processor time, theirs {other:.2f} s: {other / one:.1f} times faster")


def processor_seconds() -> float:
    """Of this process and of those it has started and waited for: what another program on the machine can't stretch."""
    return sum(os.times()[:4])


def our_rouge(answers: Sequence[str], references: Sequence[Sequence[str]]) -> Values:
    overlaps = rouge.statistics(answers, references, ("rouge1", "rouge2", "rougeL"))
    return {name: corpus_value(Score(name, statistics)) for name, statistics in overlaps.items()}


def rouge_scores(answers: Sequence[str], references: Sequence[Sequence[str]]) -> Values:
    names = ("rouge1", "rouge2", "rougeL")
    scorer = RougeScorer(names)
    found = [scorer.score_multi(several, answer) for answer, several in zip(answers, references, strict=True)]
    return {name: sum(one[name].fmeasure for one in found) / len(found) for name in names}


def columns(references: Sequence[Sequence[str]]) -> list[list[str | None]]:
    """One list for each place of a reference, as sacrebleu wants them."""
    widest = max(map(len, references))
    return [[several[k] if k < len(several) else None for several in references] for k in range(widest)]


def our_e2e(answers: Sequence[str], references: Sequence[Sequence[str]]) -> Values:
    scores = E2e(mteval=Mteval.perl, meteor=False).score(answers, references)
    return {score.name: corpus_value(score) for score in scores if isinstance(score, Score)}


def official_e2e(answers: Sequence[str], references: Sequence[Sequence[str]], checkout: Path | None) -> Values:
    """What `measure_scores.py` runs, less METEOR and COCO's own BLEU; without its Perl script, less that, too."""
    scores = official_captions(answers, references)
    return scores if checkout is None else scores | perl_scores(checkout, answers, references)


def official_captions(answers: Sequence[str], references: Sequence[Sequence[str]]) -> Values:
    """The COCO caption scorer's own Java and Python."""
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    tokenizer = PTBTokenizer()
    own = tokenizer.tokenize({key: [{"caption": text}] for key, text in enumerate(answers)})
    wanted = tokenizer.tokenize(
        {key: [{"caption": text} for text in several] for key, several in enumerate(references)}
    )
    return {
        "ROUGE_L": float(Rouge().compute_score(wanted, own)[0]),
        "CIDEr": float(Cider().compute_score(wanted, own)[0]),
    }


if __name__ == "__main__":
    main()
