"""Penn Treebank tokens as the COCO caption scorer makes them: lower case, most punctuation dropped.

The official E2E scorer runs Stanford's PTBTokenizer 3.4.1 (`-preserveLines -lowerCase`) before ROUGE_L, CIDEr and
METEOR, and drops the tokens listed in `DROPPED`. This module gives the same tokens for plain English without Java. What
it leaves out are that lexer's rarer entities (phone numbers, file names) and the few rules that look past a space.
"""

import re
from functools import lru_cache

DROPPED = frozenset(["''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"])
"""The scorer lists `-LRB-`, `-RRB-`, `-LCB-` and `-RCB-` too, but in capitals and after lower-casing: brackets stay."""

_TITLES = "mr mrs ms messrs dr prof rev gen lt col sgt capt cpt maj adm gov sen rep st mt ft mme mlle jr sr esq bros"
_DATES = "jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri"
_OTHER = "vs inc co corp ltd cos pty plc etc al cf eg ie ed eds vol assn dept univ est nos pp hon bldg ave blvd rd"
_ABBREVIATION = "|".join(f"{_TITLES} {_DATES} {_OTHER}".split())

_LETTER = r"[^\W\d_]"
_SIGN = r"(?:[^\W_]|[\u0300-\u036f\u0900-\u0dff\u0e00-\u0eff])"  # a letter, a digit, or a mark on one
_END = rf"(?!{_SIGN})"
_QUOTE = "['’]"
_CLITIC = rf"{_QUOTE}(?:s|m|d|re|ve|ll){_END}"

_LEXEMES = re.compile(
    rf"""
    (?:https?://|www\.)[^\s<>"|()]*[^\s<>"|.!?(){{}},-]
  | [\w.+-]+@(?:[\w-]+\.)+[a-z]+
  | [@\#][a-z_]+
  | </?[a-z!][^<>]*>
  | &(?:amp|lt|gt|quot|apos|nbsp);
  | [<>]?[:;=][-o*']?[()dpo|\\]{_END}                                   # emoticons
  | (?P<one>can(?=not)|gon(?=na)|got(?=ta)|lem(?=me)|gim(?=me)|wan(?=na))(?P<two>not|na|ta|me){_END}
  | (?P<stem>{_SIGN}+?)(?P<negation>n{_QUOTE}t){_END}
  | {_CLITIC}
  | {_QUOTE}n{_END}
  | (?:ma{_QUOTE}am|c{_QUOTE}mon){_END}
  | y{_QUOTE}(?=all{_END})
  | (?-i:[A-Z]+(?:&[A-Z]+)+)                                            # AT&T, but not fish&chips
  | {_LETTER}(?:\.{_LETTER})*\.{_END}                                   # initials: U.S., p.m., B.
  | (?:{_ABBREVIATION})\.{_END}
  | {_LETTER}+\.(?=[,;:])                                               # the lexer takes these for abbreviations
  | \d++[-/]?{_LETTER}\w*(?:[-/]\w+)*                                   # 5-star, 1st, 20gbp
  | [+-]?(?>\d+/\d+(?:/\d+)?|\d+(?:-\d+)+|\d+(?:[.,:]\d+)*|[.,:]\d+(?:[.,:]\d+)*)(?!\d)
  | (?:[dlo]{_QUOTE})?{_SIGN}+(?:(?!{_CLITIC})(?:[-/_]|\.(?={_LETTER}))(?:[dlo]{_QUOTE})?{_SIGN}+)*
  | \.{{3,}} | … | -{{2,}} | [–—] | [?!]+ | \*+ | \#{{2,}} | << | >> | -_-
  | \S
    """,
    re.VERBOSE | re.IGNORECASE,
)

_NORMAL = {
    "£": "#",
    "€": "$",
    "¢": "cents",
    "“": "``",
    "”": "''",
    '"': "''",
    "’": "'",
    "‘": "`",
    "–": "--",
    "—": "--",
    "---": "--",
    "…": "...",
    "½": "1/2",
    "¼": "1/4",
    "¾": "3/4",
    "&amp;": "&",
    "&lt;": "<",
    "&gt;": ">",
    "&quot;": "''",
    "&apos;": "'",
}
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}


@lru_cache(maxsize=1 << 17)
def tokenize(text: str) -> tuple[str, ...]:
    """Return the tokens of one caption, lower-cased, without those in `DROPPED`; may be empty."""
    return tuple(token for chunk in text.split() for token in _chunk(chunk))


@lru_cache(maxsize=1 << 17)
def _chunk(chunk: str) -> tuple[str, ...]:
    """Return the tokens of text without white space."""
    if chunk.isascii() and chunk.islower() and chunk.isalpha() and chunk not in _ASSIMILATED:
        return (chunk,)
    tokens = [token for match in _LEXEMES.finditer(chunk) for token in _pieces(match)]
    return tuple(token for token in tokens if token and token not in DROPPED)


_ASSIMILATED = frozenset(["cannot", "gonna", "gotta", "lemme", "gimme", "wanna"])


def _pieces(match: re.Match[str]) -> tuple[str, ...]:
    if match["one"]:
        return match["one"].lower(), match["two"].lower()
    if match["negation"]:
        return match["stem"].lower(), match["negation"].lower().replace("’", "'")
    return (_normal(match.group().lower()),)


def _normal(token: str) -> str:
    """Return PTB's spelling of a token; empty for signs the lexer throws away (emoji)."""
    if token in _NORMAL:
        return _NORMAL[token]
    if set(token) == {"."}:
        return "..."
    if len(token) == 1 and (ord(token) > 0xFFFF or token in "\ufe0f\ufe0e\u200d"):
        return ""
    for bracket, name in _BRACKETS.items():
        token = token.replace(bracket, name)
    return token.replace("’", "'")
