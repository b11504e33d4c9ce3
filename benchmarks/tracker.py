"""What a tracker costs: the process that mirrors by itself, then whole runs of a tiny model beside runs without one.

python benchmarks/tracker.py [--seconds 30] [--steps 600] [--rounds 3]
"""

import argparse
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Thread

from tunegrid.tracker import RunInfo, Tracker
from tunegrid.tracker.process import MirrorProcess
from tunegrid.tracker.wandb import Wandb, WandbMode

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
ROWS_PER_SECOND = 10


def main() -> None:
    """Print what a mirror takes, and the wall time of runs with each tracker as a ratio to the run without."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("--seconds", 30), ("--steps", 600), ("--rounds", 3)):
        parser.add_argument(name, type=int, default=value)
    chosen = parser.parse_args()
    with failing_server() as failing, hanging_server() as hanging:
        servers = {"refuses": "http://127.0.0.1:9", "answers 500": failing, "hangs": hanging}
        for cells in (1, 16):
            mirrors(servers, chosen.seconds, cells)
        whole_runs(servers, chosen.steps, chosen.rounds)


def mirrors(servers: Mapping[str, str], seconds: int, cells: int) -> None:
    """Mirror rows of cells that do not train: the processor time of it all, and the wait at the end."""
    offline = Wandb(mode=WandbMode.offline, project="benchmark", entity=None)
    online = Wandb(mode=WandbMode.online, project="benchmark", entity=None)
    print(f"{cells} cells, {ROWS_PER_SECOND} rows a second each, {seconds} s")
    for name, tracker, server in (("offline", offline, ""), *((n, online, s) for n, s in servers.items())):
        wait, cpu = mirrored(tracker, server, seconds, cells)
        print(f"  wandb, {name:<12} mirror's processor time {cpu:5.2f} s, wait at the end {wait:5.2f} s", flush=True)


def mirrored(tracker: Tracker, server: str, seconds: int, cells: int) -> tuple[float, float]:
    """The wait at the end and the processor time, in s."""
    with TemporaryDirectory() as scratch:
        os.environ.update(environment(scratch, server))
        infos = [RunInfo(id=f"{i}", name=f"{i}", group="g", folder=Path(scratch) / f"{i}") for i in range(cells)]
        for info in infos:
            info.folder.mkdir()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        mirror = MirrorProcess(tracker, infos)
        for step in range(seconds * ROWS_PER_SECOND):
            for info in infos:
                with (info.folder / "metrics.jsonl").open("a") as file:
                    file.write(f'{{"step": {step}, "loss": 1.0, "grad_norm": 1.0}}\n')
            mirror.start()
            time.sleep(1 / ROWS_PER_SECOND)
        end = time.perf_counter()
        mirror.close()
        wait = time.perf_counter() - end
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wait, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def whole_runs(servers: Mapping[str, str], steps: int, rounds: int) -> None:
    """Alternate the contenders; a ratio is to the run without a tracker in the same round."""
    contenders = {"offline": ("wandb", ""), **{name: ("wandb_online", server) for name, server in servers.items()}}
    base: list[float] = []
    ratios: dict[str, list[float]] = {name: [] for name in contenders}
    with TemporaryDirectory() as scratch:
        for _ in range(rounds):
            base.append(timed(scratch, steps, "none", ""))
            for name, (tracker, server) in contenders.items():
                ratios[name].append(timed(scratch, steps, tracker, server) / base[-1])
    print(f"{steps} steps of model=tiny on one thread, whole process: {median(base):.1f} s without a tracker")
    for name, found in ratios.items():
        print(f"  wandb, {name:<12} {median(found):.3f}  ({' '.join(f'{ratio:.3f}' for ratio in found)})")


def timed(scratch: str, steps: int, tracker: str, server: str) -> float:
    """Wall time of one run, in s."""
    command = [sys.executable, "-m", "tunegrid", *TRAINING, f"objective.steps={steps}", f"tracker={tracker}"]
    start = time.perf_counter()
    subprocess.run(
        command, cwd=scratch, env={**os.environ, **environment(scratch, server)}, capture_output=True, check=True
    )
    return time.perf_counter() - start


def environment(scratch: str, server: str) -> dict[str, str]:
    """Variables that keep everything in `scratch` and send W&B to `server`."""
    return {
        "HOME": scratch,
        "TUNEGRID_CACHE": f"{scratch}/cache",
        "WANDB_BASE_URL": server or "https://api.wandb.ai",
        "WANDB_API_KEY": KEY,
    }


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
