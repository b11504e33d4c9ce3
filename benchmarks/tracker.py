"""What a tracker costs: whole runs of a tiny model, alternating, against the same run without one.

python benchmarks/tracker.py [--steps 600] [--rounds 3]
"""

import argparse
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import median
from tempfile import TemporaryDirectory
from threading import Thread

TRAINING = (
    "model=tiny",
    "hardware=cpu",
    "hardware.precision=float32",
    "hardware.threads=1",
    "prompt.chat=never",
    "metrics=none",
    "data.test_rows=8",
    "sampler.max_new_tokens=8",
    "objective.validate_every=100",
    "force=true",
)
KEY = "a" * 40
"""Looks like one; no server here asks for more."""


def main() -> None:
    """Print the median wall time of each tracker and its ratio to none."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("--steps", 600), ("--rounds", 3)):
        parser.add_argument(name, type=int, default=value)
    chosen = parser.parse_args()
    with TemporaryDirectory() as scratch, failing_server() as failing, hanging_server() as hanging:
        contenders = {
            "none": ("none", ""),
            "wandb, offline": ("wandb", ""),
            "wandb, server refuses": ("wandb_online", "http://127.0.0.1:9"),
            "wandb, server answers 500": ("wandb_online", failing),
            "wandb, server hangs": ("wandb_online", hanging),
        }
        seconds: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(chosen.rounds):
            for name, (tracker, server) in contenders.items():
                seconds[name].append(timed(scratch, chosen.steps, tracker, server))
    base = median(seconds["none"])
    print(f"{chosen.steps} steps of model=tiny on one thread, whole process, median of {chosen.rounds}")
    for name, taken in seconds.items():
        print(f"{name:<26} {median(taken):6.1f} s  {median(taken) / base:.3f}  {' '.join(f'{s:.1f}' for s in taken)}")


def timed(scratch: str, steps: int, tracker: str, server: str) -> float:
    """Wall time of one run, in s."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    environment |= {"HOME": scratch, "TUNEGRID_CACHE": f"{scratch}/cache"}
    if server:
        environment |= {"WANDB_BASE_URL": server, "WANDB_API_KEY": KEY}
    command = [sys.executable, "-m", "tunegrid", *TRAINING, f"objective.steps={steps}", f"tracker={tracker}"]
    start = time.perf_counter()
    subprocess.run(command, cwd=scratch, env=environment, capture_output=True, check=True)
    return time.perf_counter() - start


@contextmanager
def failing_server() -> Iterator[str]:
    """The address of a server that answers everything with 500."""

    class Handler(BaseHTTPRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            self.wfile.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


@contextmanager
def hanging_server() -> Iterator[str]:
    """The address of a server that lets everyone connect and answers nobody."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


if __name__ == "__main__":
    main()
