"""A pack of ranks against the same ranks one by one and against TRL, alternating in one process.

python benchmarks/ranks.py [--steps 4] [--batch-size 8] [--ranks 1,2,4,8,16,32,64,128,256,512,1024]
"""

import argparse

import contenders
from models import smollm2
from report import check_losses, protocol, seconds

RANKS = "1,2,4,8,16,32,64,128,256,512,1024"


def main() -> None:
    """Print what the whole sweep costs in single runs and in TRL runs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--ranks", default=RANKS)
    chosen = parser.parse_args()
    ranks = [int(rank) for rank in chosen.ranks.split(",")]
    model, rows = smollm2(), contenders.generated_rows(64)
    settings = (rows, chosen.steps, chosen.batch_size)
    theirs, alone = {}, {}
    packed = []
    for rank in ranks:
        theirs[rank] = contenders.trl(model, rank, *settings)
        alone[rank] = contenders.tunegrid(model, [rank], *settings)
        if rank in (ranks[0], ranks[-1]):
            packed.append(contenders.tunegrid(model, ranks, *settings))
    check_losses(alone[ranks[0]], theirs[ranks[0]])
    print(protocol("generated rows of E2E's lengths", chosen.batch_size))
    sweep, reference = seconds(packed), seconds([theirs[8 if 8 in theirs else ranks[0]]])
    print(f"one step of the {len(ranks)} ranks together: {sweep:.2f} s")
    print(f"  of one TRL run (rank 8: {reference:.2f} s): {sweep / reference:.2f}")
    print(f"  of {len(ranks)} TRL runs: {sweep / sum(seconds([run]) for run in theirs.values()):.2f}")
    print(f"  of {len(ranks)} tunegrid runs: {sweep / sum(seconds([run]) for run in alone.values()):.2f}")


if __name__ == "__main__":
    main()
