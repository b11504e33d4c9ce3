"""The Perl script of the official E2E scorer, started as its `measure_scores.py` starts it."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

SCRIPT = Path("mteval", "mteval-v13a-sig.pl")
_PRINTED = re.compile(r"NIST score = ([0-9.]+) +BLEU score = ([0-9.]+)")


def perl_scores(checkout: Path, answers: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
    """BLEU and NIST as the script prints them, to four places.

    `checkout` is a copy of https://github.com/tuetschek/e2e-metrics. Instances of fewer references than others have
    empty ones in their place, as there.
    """
    widest = max(map(len, references))
    columns = [[several[place] if place < len(several) else "" for several in references] for place in range(widest)]
    sets = {"ref": columns, "tst": [answers], "src": [[""] * len(answers)]}
    with TemporaryDirectory() as folder:
        files = {kind: Path(folder, f"{kind}.sgm") for kind in sets}
        for kind, path in files.items():
            path.write_text("\n".join(_sgml(kind, sets[kind])), encoding="utf-8")
        options = [word for kind in sets for word in (f"-{kind[0]}", str(files[kind]))]
        command = ["perl", str(checkout / SCRIPT), *options, "-f", str(Path(folder, "log"))]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = _PRINTED.search(printed)
    if found is None:
        raise SystemExit(f"{checkout / SCRIPT} printed no scores: {printed[-200:]}")
    return {"BLEU": float(found[2]), "NIST": float(found[1])}


def _sgml(kind: str, systems: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f'<{kind}set setid="e2e" srclang="any" trglang="en">'
    for number, texts in enumerate(systems):
        yield f'<doc docid="test" genre="news" origlang="any" sysid="{kind}_{number}">'
        yield from (f'<seg id="{place}">{text}</seg>' for place, text in enumerate(texts, 1))
        yield "</doc>"
    yield f"</{kind}set>"
