"""Judgements of a user with a fixed rule, on a model whose 9,331 responses can be counted out.

python benchmarks/judgements.py [--seeds 3]
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from feedback.simulated_user import Reached, taught

CASES: dict[str, dict[str, float]] = {
    "300 events": {},
    "10 % of them flipped": {"flipped": 0.1},
    "150 events": {"events": 150},
    "without the cell's rows": {"text_weight": 0.0},
    "without earlier events": {"replay": 0},
}


def measured(seed: int, changes: dict[str, float]) -> tuple[Reached, float]:
    """What was reached, and CPU seconds."""
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        found = taught(Path(folder), seed=seed, **changes)  # type: ignore[arg-type]
    return found, time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)
    print("share of the best policy's gain, mean worth, KL in nats, perplexity on other text ÷ before, CPU seconds")
    for name, changes in CASES.items():
        for seed in seeds:
            found, seconds = measured(seed, changes)
            exact = found.exact
            figures = f"{exact.score:.3f}  {exact.reward:+.3f}  {exact.kl:.2f}  {found.perplexity:.3f}  {seconds:.0f}"
            print(f"{name:<24} seed {seed}  {figures}  {found.session.refused} refused", flush=True)


if __name__ == "__main__":
    main()
