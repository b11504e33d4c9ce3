"""One optimiser step of SFT: tunegrid against TRL's SFTTrainer, alternating in one process.

python benchmarks/step.py [--steps 6] [--rounds 3] [--batch-size 8] [--rank 8]
"""

import argparse

import contenders
from models import smollm2
from report import check_losses, protocol, seconds


def main() -> None:
    """Print the ratio of median steps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("--steps", 6), ("--rounds", 3), ("--batch-size", 8), ("--rank", 8)):
        parser.add_argument(name, type=int, default=value)
    chosen = parser.parse_args()
    model, rows = smollm2(), contenders.generated_rows(64)
    ours, theirs = [], []
    for _ in range(chosen.rounds):
        theirs.append(contenders.trl(model, chosen.rank, rows, chosen.steps, chosen.batch_size))
        ours.append(contenders.tunegrid(model, [chosen.rank], rows, chosen.steps, chosen.batch_size))
    check_losses(ours[0], theirs[0])
    print(protocol("generated rows of E2E's lengths", chosen.batch_size))
    slow, fast = seconds(theirs), seconds(ours)
    print(f"TRL {slow:.2f} s a step, tunegrid {fast:.2f} s: {slow / fast:.2f} times")


if __name__ == "__main__":
    main()
