"""Any mistake in what the user gave us, in one line: the key, the problem, the way out."""

import re
from collections.abc import Iterator, Sequence
from traceback import walk_tb

from hydra.errors import CompactHydraException, MissingConfigException, OverrideParseException, SearchPathException
from omegaconf.errors import ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException, ValidationError
from yaml import MarkedYAMLError, YAMLError

from tunegrid.atomic import DiskFullError
from tunegrid.config import GROUPS, options
from tunegrid.errors import UserError
from tunegrid.known_names import nearest_key, unknown_option

KINDS = {
    "Integer": "an integer",
    "Float": "a number",
    "Boolean": "true or false",
    "String": "a text",
}
"""How OmegaConf names a type, and how we do."""

ENGINES = {"joblib": "joblib", "submitit_local": "submitit", "submitit_slurm": "submitit", "ray": "ray"}
"""Launchers that come in packages of their own, and our extra that brings each."""


def is_mistake(error: BaseException) -> bool:
    """Whether an exception is the user's mistake rather than ours: then it is one line and no traceback."""
    known = isinstance(error, CompactHydraException | OmegaConfBaseException | YAMLError | DiskFullError)
    return known or (isinstance(error, ValueError | TypeError) and _raised_by_hydra(error))


def _raised_by_hydra(error: BaseException) -> bool:
    """Hydra answers some overrides (`method=null`) with a plain ValueError."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    return bool(frames) and str(frames[-1].f_globals.get("__name__")).partition(".")[0] in ("hydra", "omegaconf")


def explain(error: BaseException, overrides: Sequence[str] = ()) -> str:
    """What is wrong, in one line. `overrides` are those the config was composed from: they tell the known names."""
    ours = next((seen for seen in _chain(error) if isinstance(seen, UserError | DiskFullError)), None)
    if ours is not None:  # Hydra wraps what a plugin raises while it is made
        return one_line(str(ours))
    if isinstance(error, MissingConfigException):
        return one_line(_missing_config(error))
    if isinstance(error, OverrideParseException):
        return one_line(_unreadable_override(error))
    if isinstance(error, YAMLError):
        return one_line(_bad_yaml(error))
    if isinstance(error, SearchPathException):
        return one_line(f"{error}; correct --config-dir")
    return one_line(_composition(error, overrides))


def one_line(text: str) -> str:
    """Join lines and runs of blanks."""
    return " ".join(text.split())


def _missing_config(error: MissingConfigException) -> str:
    group, _, option = (error.missing_cfg_file or "").rpartition("/")
    if group == "hydra/launcher" and option in ENGINES:
        return f"hydra/launcher={option} is not installed; pip install 'tunegrid[{ENGINES[option]}]', or leave it out"
    if error.options:
        return unknown_option(group, option, error.options)
    if not error.missing_cfg_file:
        return f"{str(error).splitlines()[0]}; see --config-path and --config-name"
    if group in (*GROUPS, "experiments"):
        return unknown_option(group, option, options(group))
    return f"no config {error.missing_cfg_file}.yaml on the search path; see tunegrid --info searchpath"


def _unreadable_override(error: OverrideParseException) -> str:
    reason = str(error).splitlines()[0]
    way_out = "write key=value, and put values with commas, brackets or blanks in quotes"
    if "=" not in error.override:
        return f"{error.override!r} is neither a command nor an override; {way_out}, or see tunegrid --help"
    return f"{error.override!r} cannot be read ({reason}); {way_out}"


def _bad_yaml(error: YAMLError) -> str:
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{mark.name}:{mark.line + 1}: {error.problem or 'not YAML'}; correct the YAML there"
    return f"{error}; correct the YAML"


def _composition(error: BaseException, overrides: Sequence[str]) -> str:
    """Hydra's and OmegaConf's errors: the first of the explanations below that applies."""
    text = str(error)
    inner = _omegaconf_error(error)
    detail = text if inner is None else str(inner)
    explained = (
        _no_schema(text)
        or _unknown_key(text, inner, overrides)
        or _not_in_a_sweep(text)
        or _missing_value(inner, detail)
        or _bad_value(inner, text)
        or _not_possible(detail)
    )
    if explained:
        return explained
    key = _field("full_key", detail)
    return f"{key + ': ' if key else ''}{_without_details(detail)}; see --cfg job"


def _no_schema(text: str) -> str | None:
    """A YAML of the user's that was merged into its group's base class, not into a schema of its own."""
    match = re.search(r"In '(\w+)/(\w+)'.*object_type=(\w+)", text, re.DOTALL)
    if match is None or match[3].lower() != match[1]:
        return None
    group, option = match[1], match[2]
    return f"{group}/{option}.yaml has no schema; begin it with defaults: [/schema/{group}/NAME@_here_, _self_]"


def _unknown_key(text: str, inner: OmegaConfBaseException | None, overrides: Sequence[str]) -> str | None:
    match = re.search(r"Could not (?:override|delete from config\.) '([^']+)'", text)
    key = match[1] if match else None
    if key is None and (isinstance(inner, ConfigKeyError) or "Key '" in text):
        key = _field("full_key", str(inner)) or _field("full_key", text)
    return nearest_key(key.lstrip("+~"), overrides) if key else None


def _not_in_a_sweep(text: str) -> str | None:
    if match := re.search(r"(?:Ambiguous value for argument|Sweep parameters) '([^']+)'", text):
        return f"{match[1]} gives several values to one run; put -m before it for a grid, or quote a text with commas"
    if match := re.search(r"Sweeping over Hydra's configuration is not supported : '([^']+)'", text):
        return f"{match[1]}: a hydra key has one value in a sweep; give one"
    return None


def _missing_value(inner: OmegaConfBaseException | None, detail: str) -> str | None:
    match = re.search(r"Missing mandatory value: (\S+)", detail)
    key = match[1] if match else None
    if key is None and isinstance(inner, MissingMandatoryValue):
        key = inner.full_key or re.findall(r"[\w.]+", detail.splitlines()[0])[-1]
    return f"{key} has no value yet; give {key}=VALUE" if key else None


def _bad_value(inner: OmegaConfBaseException | None, text: str) -> str | None:
    if not isinstance(inner, ValidationError) and "ValidationError" not in text:
        return None
    message = str(inner) if isinstance(inner, ValidationError) else text
    key = _field("full_key", message) or "a value"
    return f"{key} {_wanted(message) or 'cannot take this value: ' + _without_details(message) + '; see --cfg job'}"


def _wanted(message: str) -> str | None:
    """What a key must be, from OmegaConf's words on what it is not."""
    if match := re.search(r"Value '(.*?)' of type '\w+' could not be converted to (\w+)", message, re.DOTALL):
        return f"must be {KINDS.get(match[2], match[2])}, got {match[1] or 'nothing'}"
    if match := re.search(r"Invalid value '(.*?)', expected one of \[(.*?)\]", message, re.DOTALL):
        hint = '; YAML reads a bare off as false, write "off"' if match[1] == "False" else ""
        return f"must be one of {match[2]}, got {match[1]}{hint}"
    if match := re.search(r"Value '(.*?)' is not a valid (\w+)", message, re.DOTALL):
        return f"must be {KINDS.get(match[2], match[2])}, got {match[1]}"
    if match := re.search(r"Invalid value assigned: (\w+) is not a ListConfig", message):
        return f"must be a list such as [a,b], got one {match[1]}"
    if "is not Optional" in message or "non-Optional" in message:
        return "must have a value, got null"
    return None


def _not_possible(detail: str) -> str | None:
    if "does not support deletion" in detail:
        return f"{_field('full_key', detail)} cannot be taken out; give it another value"
    if "Config group override must be" in detail:
        return f"{detail}; name an option of the group, see tunegrid list"
    return None


def _without_details(message: str) -> str:
    """OmegaConf's message without the lines on keys and types it appends, and Hydra's on where it was composing."""
    lines = [
        line for line in message.splitlines() if not re.match(r"\s+(full_key|reference_type|object_type)[:=]", line)
    ]
    return " ".join(line for line in lines if "raised while composing config" not in line) or "is not valid"


def _field(name: str, message: str) -> str | None:
    match = re.search(rf"{name}: (\S+)", message)
    return match[1] if match else None


def _omegaconf_error(error: BaseException) -> OmegaConfBaseException | None:
    """The OmegaConf error behind Hydra's: the one that knows its key, which is the outermost of them."""
    found: OmegaConfBaseException | None = None
    for seen in _chain(error):
        if isinstance(seen, OmegaConfBaseException) and (found is None or not found.full_key):
            found = seen
    return found


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those behind it."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
