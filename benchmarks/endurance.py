"""Sweeps that are killed, signalled, run twice at once, and run for long; a stand-in trains, except where it says real.

python benchmarks/endurance.py kills [--times 50]     kill -9 of sweep, pack or both at random moments, and in writes
python benchmarks/endurance.py signals [--times 20]   SIGTERM, SIGINT, SIGUSR1 at random moments of real training
python benchmarks/endurance.py pairs [--times 20]     two sweeps at once on one folder
python benchmarks/endurance.py soak [--times 500]     one sweep of so many cells, and what it leaves of the machine
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from command_line import REAL, SMALL, finish, run, start

CELLS = ("-m", *SMALL, "method.rank=range(1,13)", "seed=0,1", "sweep.max_pack=4", "sweep.retry=all", "name=grid")
TRAINING = ("-m", "model=tiny", "tracker=none", "data.rows=200", "data.validation_rows=8", "data.test_rows=4",
            "method.rank=2,4", "method.dropout=0.1", "objective.steps=300", "objective.validate_every=100",
            "metrics=none", "hardware.threads=1", "name=grid")  # fmt: skip
PAUSE = "0.2"
"""Seconds that the stand-in takes for a cell."""
WRITES = 40


def main() -> None:
    """Run one of the trials and print its figures."""
    trials = {"kills": (kills, 50), "signals": (signals, 20), "pairs": (pairs, 20), "soak": (soak, 500)}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trial", choices=trials)
    parser.add_argument("--times", type=int)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    trial, times = trials[chosen.trial]
    random.seed(chosen.seed)
    with tempfile.TemporaryDirectory() as folder:
        trial(Path(folder), chosen.times or times)


def kills(folder: Path, times: int) -> None:
    """Kill a sweep of 24 cells until it has happened so often; then once more in each of its first writes."""
    table, tally, done = whole(folder / "whole"), Counter[str](), 0
    place = fresh(folder / "killed")
    while done < times:
        process = start(place, *CELLS, STAND_IN_SECONDS=PAUSE)
        time.sleep(random.uniform(0.2, 6.0))
        if process.poll() is not None:
            finish(process)
            tally += judged(place, table)
            place = fresh(folder / "killed")
            continue
        finished = results(place)
        kill(process.pid, random.choice(("sweep", "pack", "both")))
        done += 1
        finish(process)
        tally["again"] += changed(place, finished)
    tally += judged(place, table)
    for number in range(WRITES):
        place = fresh(folder / "write")
        run(place, *CELLS, "sweep.max_pack=24", STAND_IN_KILL_AT=str(1 + 4 * number))
        finished = results(place)
        tally += judged(place, table)
        tally["again"] += changed(place, finished)
    print(f"24 cells; {done} kills at random moments and {WRITES} in a write:")
    print(f"{tally['again']} finished cells run again, {tally['lost']} lost, {tally['damaged']} damaged files, "
          f"{tally['different']} tables different from the uninterrupted one")  # fmt: skip


def judged(place: Path, table: bytes) -> Counter[str]:
    """Run the sweep to its end, and count what is not as it should be."""
    run(place, *CELLS, "sweep.max_pack=24")
    done = sum(status == "done" for status in statuses(place).values())
    bad = run(place, "verify").returncode != 0
    return Counter(
        lost=24 - done,
        different=(place / "work/outputs/grid/table.csv").read_bytes() != table,
        damaged=bad + len(list((place / "work").rglob("*.part"))),
    )


def changed(place: Path, finished: dict[str, bytes]) -> int:
    """Finished cells whose result is another one now."""
    return sum(results(place).get(name) != content for name, content in finished.items())


def whole(place: Path) -> bytes:
    """The table of a sweep that nothing happens to."""
    ended = run(fresh(place), *CELLS)
    assert ended.returncode == 0, ended.stderr
    return (place / "work/outputs/grid/table.csv").read_bytes()


def signals(folder: Path, times: int) -> None:
    """Stop real training at random steps; count checkpoints, and compare what the resumed sweep gives."""
    reference = fresh(folder / "whole")
    assert train(reference) == 0
    wanted = losses(reference)
    place, stopped, saved, slowest, equal, sweeps = fresh(folder / "cut"), 0, 0, 0.0, 0, 0
    while stopped < times:
        process = start(place, *TRAINING, **REAL)
        before = newest_step(place)
        while process.poll() is None and newest_step(place) <= before:
            time.sleep(0.02)
        time.sleep(random.uniform(0, 1.5))
        if process.poll() is None:
            number = random.choice((signal.SIGTERM, signal.SIGINT, signal.SIGUSR1))
            sent = time.monotonic()
            process.send_signal(number)
            finish(process, 600)
            slowest = max(slowest, time.monotonic() - sent)
            stopped += 1
            saved += int(process.returncode == (130 if number == signal.SIGINT else 143) and all_saved(place))
        else:
            finish(process, 600)
            sweeps, equal = sweeps + 1, equal + int(losses(place) == wanted)
            place = fresh(folder / "cut")
    train(place)
    sweeps, equal = sweeps + 1, equal + int(losses(place) == wanted)
    print(f"{stopped} signals in real training: {saved} times a checkpoint of the last step and the right exit code,")
    print(f"{slowest:.1f} s at most from signal to exit; {equal} of {sweeps} resumed sweeps equal to the bit")


def train(place: Path) -> int:
    """Run or resume the real training to its end; its exit code."""
    process = start(place, *TRAINING, **REAL)
    finish(process, 600)
    return process.returncode


def pairs(folder: Path, times: int) -> None:
    """Start the same sweep twice at once, some time apart."""
    table, tally, twice, bad = whole(folder / "whole"), Counter[str](), 0, 0
    for _ in range(times):
        place = fresh(folder / "pair")
        both = []
        for _ in range(2):
            both.append(start(place, *CELLS, STAND_IN_SECONDS="0.02"))
            time.sleep(random.uniform(0, 1.5))
        for process in both:
            finish(process)
        titles = (place / "log.txt").read_text().split()
        twice += len(titles) - len(set(titles))
        tally += judged(place, table)
        bad += sum(process.returncode != 0 for process in both)
    print(f"{times} pairs of sweeps of 24 cells on one folder: {twice} cells run twice, {tally['lost']} results lost,")
    print(f"{tally['different']} tables different, {bad} sweeps that did not end with 0")


def soak(folder: Path, times: int) -> None:
    """Run one long sweep and watch its own process."""
    place = fresh(folder / "soak")
    command = ("-m", *SMALL, "method.rank=range(1,11)", f"seed=range(0,{times // 10})", "sweep.max_pack=2")
    process = start(place, *command)
    memory, zombies, ended = [], 0, set[int]()
    while process.poll() is None:
        if len(results(place)) > 4:
            memory.append(resident(process.pid))
        before, ended = ended, {child for child in children(process.pid) if state(child) == "Z"}
        zombies = max(zombies, len(before & ended))  # one that has just ended is collected within half a second
        time.sleep(0.5)
    _, err = finish(process, 600)
    assert process.returncode == 0, err
    middle = memory[: max(1, len(memory) // 10)], memory[-max(1, len(memory) // 10) :]
    first, last = (sum(part) / len(part) for part in middle)
    parts = len(list(place.rglob("*.part")))
    print(f"{len(results(place))} cells: the sweep's own memory went from {first / 1e6:.1f} to {last / 1e6:.1f} MB")
    print(f"({100 * (last / first - 1):+.1f} %), {zombies} zombies seen, {parts} temporary files left")


def fresh(folder: Path) -> Path:
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def results(place: Path) -> dict[str, bytes]:
    """result.json of every cell that is done."""
    found = {path.parent.name: path.read_bytes() for path in (place / "work/outputs/cells").glob("*/result.json")}
    return {name: content for name, content in found.items() if json.loads(content)["status"] == "done"}


def statuses(place: Path) -> dict[str, str]:
    """How every cell with a result ended."""
    found = (place / "work/outputs/cells").glob("*/result.json")
    return {path.parent.name: json.loads(path.read_text())["status"] for path in found}


def losses(place: Path) -> dict[str, tuple[object, ...]]:
    """What training a sweep came to, cell by cell."""
    found = {}
    for path in (place / "work/outputs/cells").glob("*/result.json"):
        rows = [json.loads(line) for line in path.with_name("metrics.jsonl").read_text().splitlines()]
        found[path.parent.name] = (json.loads(path.read_text())["status"], *(row.get("loss") for row in rows))
    return found


def newest_step(place: Path) -> int:
    """The last step that any cell has recorded."""
    steps = [0]
    for path in (place / "work/outputs/cells").glob("*/metrics.jsonl"):
        rows = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
        steps += [json.loads(row)["step"] for row in rows[-1:]]
    return max(steps)


def all_saved(place: Path) -> bool:
    """Whether every cell's checkpoint is that of its last recorded step."""
    from safetensors import safe_open

    folders = [path.parent for path in (place / "work/outputs/cells").glob("*/metrics.jsonl")]
    for folder in folders:
        path = folder / "checkpoint" / "state.safetensors"
        if not path.exists():
            return False
        with safe_open(path, framework="np") as file:
            step = json.loads(file.metadata()["counters"])["step"]
        if step != json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])["step"]:
            return False
    return bool(folders)


def kill(process: int, whom: str) -> None:
    """Kill a sweep, its pack, or both."""
    packs = children(process)
    for number in {"sweep": [process], "pack": packs, "both": [process, *packs]}[whom]:
        try:
            os.kill(number, signal.SIGKILL)
        except ProcessLookupError:
            continue


def children(process: int) -> list[int]:
    """Child processes of a process."""
    answer = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True, check=False)
    return [int(number) for number in answer.stdout.split()]


def state(process: int) -> str:
    """`Z` for a zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def resident(process: int) -> int:
    """Bytes of memory of a process."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


if __name__ == "__main__":
    main()
