"""Which of the known formats a file of records has."""

from collections.abc import Mapping
from typing import Any

from tunegrid.data.message_tree import MessageTree
from tunegrid.data.preference_format import PREFERENCES
from tunegrid.data.record import RecordError
from tunegrid.data.record_format import FORMATS, RecordFormat

KNOWN: tuple[RecordFormat, ...] = (*PREFERENCES, MessageTree(), *FORMATS)
"""The first that fits counts: preference records have the columns of others, too."""


def detect(columns: Mapping[str, Any]) -> RecordFormat:
    """The format of a file, by its first record. Raises `RecordError` listing the known ones."""
    for form in KNOWN:
        if form.fits(columns):
            return form
    known = ", ".join(form.name for form in KNOWN)
    found = ", ".join(columns) or "none"
    raise RecordError(f"columns {found} are of no known format; set data.shape, or rename them to one of: {known}")
