"""How long the commands that train nothing take to answer: median of several fresh processes.

python benchmarks/start.py [--rounds 5]
"""

import argparse
import subprocess
import sys
import time
from statistics import median

COMMANDS = {
    "--help": ["--help"],
    "a config error": ["method.rank=-1"],
    "plan": ["plan", "experiments=lora_rank_demo"],
    "list": ["list"],
    "table": ["table", "lora_rank_demo", "--format", "csv"],
}


def main() -> None:
    """Print a line for each command; `table` needs the results of `make sweep`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    for name, arguments in COMMANDS.items():
        taken = []
        for _ in range(rounds):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-m", "tunegrid", *arguments], capture_output=True, check=False)
            taken.append(time.perf_counter() - start)
        print(f"{name:<16} {median(taken):.2f} s")


if __name__ == "__main__":
    main()
