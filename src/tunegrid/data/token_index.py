"""Finding tokenised data without a tokenizer: by the data, the prompt and the model's identity. Imports no torch."""

import json
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from tunegrid.atomic import write_atomically
from tunegrid.config import plain, without
from tunegrid.data import Data
from tunegrid.data.token_cache import FORMAT, default_folder, load
from tunegrid.data.token_rows import PreparedData
from tunegrid.prompt import Prompt


def remember(data: Data, prompt: Prompt, model_identity: str, prepared: PreparedData) -> None:
    """Note which entry of the cache holds these data as this model's tokenizer cut them."""
    with suppress(OSError):  # a cache that cannot be written only costs a forecast its precision
        write_atomically(_note(data, prompt, model_identity), prepared.fingerprint + "\n")


def find(data: Data, prompt: Prompt, model_identity: str) -> PreparedData | None:
    """The tokenised data, where an earlier run has left them in the cache."""
    try:
        fingerprint = _note(data, prompt, model_identity).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return load(default_folder(), fingerprint)


def _note(data: Data, prompt: Prompt, model_identity: str) -> Path:
    source = [type(data).__name__, data.identity(), without("path", plain(data))]
    asked = [type(prompt).__name__, without("path", plain(prompt)), prompt.fingerprint()]
    parts = [FORMAT, source, asked, model_identity]
    name = sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
    return default_folder() / "index" / name
