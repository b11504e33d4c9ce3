"""Before a cell runs: what its process finds, what it goes on from, and what of an earlier attempt has to go."""

from omegaconf import OmegaConf

from tunegrid.atomic import remove, remove_parts
from tunegrid.cell.cell import CHECKPOINT, STOP, Cell, lock
from tunegrid.cell.integrity import ADAPTER, ANSWERS, CONFIG, METRICS, RESULT, SAMPLES, damage, record_files


def offer(cell: Cell) -> None:
    """Have config.yaml there for a job that is given the cell's id; a good one stays as the result names it."""
    with lock([cell], wait=False) as held:
        if held and not _has_config(cell):
            cell.write_config()


def _has_config(cell: Cell) -> bool:
    try:
        stored = OmegaConf.to_container(OmegaConf.load(cell.path(CONFIG)))
    except Exception:  # whatever is wrong with it, it is written again
        return False
    own = {**cell.config, "hardware": None}  # `Cell.load` takes that from its caller
    return isinstance(stored, dict) and {**stored, "hardware": None} == own


def begin(cell: Cell) -> None:
    """Keep what the cell can go on from, remove the rest, write config.yaml; its lock is held."""
    for folder in (cell.folder, cell.path(CHECKPOINT)):
        remove_parts(folder)
    if not _can_go_on(cell):
        cell.clear()
    left = [cell.path(name) for name in (RESULT, ANSWERS, SAMPLES, ADAPTER, STOP)]
    for path in (*left, *record_files(cell.folder)):
        remove(path)
    cell.write_config()


def _can_go_on(cell: Cell) -> bool:
    """Whether there are a checkpoint, which is checked when it is read, and all the metrics before it."""
    try:
        cell.metrics()
    except ValueError:
        return False
    return cell.path(CHECKPOINT).exists() and METRICS not in damage(cell.folder)
