"""Whether the kernel has killed a process of ours for taking too much memory (Linux control groups)."""

import re
from pathlib import Path

EVENTS = (Path("/sys/fs/cgroup/memory.events"), Path("/sys/fs/cgroup/memory/memory.oom_control"))
"""Version 2 and version 1 of control groups."""


def kills() -> int:
    """How often it has done so in this control group; 0 where there is no such counter."""
    for path in EVENTS:
        try:
            found = re.search(r"^oom_kill (\d+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        except OSError:
            continue
        if found:
            return int(found[1])
    return 0
