"""What a wheel holds: every package, and every file beside the code that the code reads."""

import tomllib
from glob import glob
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE, CONF, EXPERIMENTS = ROOT / "src" / "tunegrid", ROOT / "conf", ROOT / "experiments"
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


def test_every_package_is_in_the_wheel():
    folders = [path.parent for path in SOURCE.rglob("__init__.py")]
    named = {".".join(("tunegrid", *folder.relative_to(SOURCE).parts)) for folder in folders}
    assert {*named, "tunegrid.conf", "hydra_plugins.tunegrid"} == set(SETUPTOOLS["packages"])


def test_every_file_beside_the_code_is_in_the_wheel():
    packed = {path for name, globs in SETUPTOOLS["package-data"].items() for path in _matching(name, globs)}
    beside = {path.resolve() for folder in (SOURCE, CONF, EXPERIMENTS) for path in folder.rglob("*") if path.is_file()}
    missing = {path for path in beside - packed if path.suffix not in (".py", ".pyc")}
    assert not missing, sorted(map(str, missing))


def _matching(package: str, globs: list[str]) -> set[Path]:
    """As setuptools finds them, through links."""
    folder = CONF if package == "tunegrid.conf" else SOURCE.joinpath(*package.split(".")[1:])
    found = (name for pattern in globs for name in glob(pattern, root_dir=folder, recursive=True))  # noqa: PTH207
    return {(folder / name).resolve() for name in found}
