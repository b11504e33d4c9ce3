"""From a made-up place to an English text that states every one of its facts: plan sentences, then word them."""

from dataclasses import dataclass

from tunegrid.data.draw import Draw
from tunegrid.data.restaurant_facts import Place

# Verb phrases whose subject is the place, by attribute; {} is the value.
PREDICATES = {
    "cuisine": ("serves {} food", "offers {} food", "has a menu of {} dishes", "specialises in {} cuisine"),
    "rating": (
        "has {} ratings from its guests",
        "gets {} reviews",
        "has {} customer ratings",
        "is rated {} by its customers",
    ),
    "area": ("can be found {}", "is {}", "is located {}"),
    "near": ("is near {}", "is close to {}", "stands near {}"),
}
PRICE_PREDICATES = {
    "cheap": ("is cheap", "has cheap prices", "offers cheap meals"),
    "moderate": ("is moderately priced", "has moderate prices", "keeps its prices moderate"),
    "high": ("has high prices", "is in the high price range", "charges high prices"),
}
AMOUNT_PREDICATES = ("has meals for {}", "charges {} for a meal", "serves dinner for {}")
FAMILY_PREDICATES = {
    "yes": ("is family-friendly", "welcomes families", "is a good choice for families", "welcomes children"),
    "no": ("is not family-friendly", "does not welcome children", "is not suited to families", "is not for children"),
}
PRICE_ADJECTIVES = {"cheap": "cheap", "moderate": "moderately priced", "high": "high-priced"}
AREA_PHRASES = {
    "harbour": "at the harbour",
    "market square": "on the market square",
    "old town": "in the old town",
    "station quarter": "in the station quarter",
    "university district": "in the university district",
    "waterfront": "on the waterfront",
}
# Landmarks that take no article, as names of parks, bridges and stations do.
BARE_LANDMARKS = ("Castle Bridge", "Elm Park", "Northgate Station")
UNWELCOME = {("rating", "poor"), ("family", "no"), ("price", "high"), ("price", "over 30 euros")}
WELCOME = {
    ("rating", "good"),
    ("rating", "excellent"),
    ("family", "yes"),
    ("price", "cheap"),
    ("price", "under 15 euros"),
}


@dataclass(frozen=True, slots=True)
class Clause:
    """A verb phrase that states one fact."""

    text: str
    tone: int
    """+1 praises, -1 warns, 0 neither: two clauses of opposite tone are joined by “but”."""


def describe(place: Place, draw: Draw) -> str:
    """One text of one to four sentences that states every fact of `place`, worded by the choices of `draw`."""
    facts = place.facts()
    premodified = _premodifiers(facts, draw)
    located = _located(facts, draw)
    used = {"name", "kind", *premodified, *located}
    clauses = [_clause(key, value, draw) for key, value in draw.shuffled(list(facts.items())) if key not in used]
    noun = _noun_phrase(facts, premodified)
    first, clauses = _opening(place.name, noun, [located[key] for key in located], clauses, draw)
    head = place.kind or "place"
    return " ".join([first, *_further_sentences(place.name, head, clauses, draw)])


def _premodifiers(facts: dict[str, str], draw: Draw) -> dict[str, str]:
    """The attributes that stand before the noun of the first sentence, in English adjective order."""
    options = {"price": PRICE_ADJECTIVES.get(facts.get("price", "")), "cuisine": facts.get("cuisine")}
    if facts.get("family") == "yes":
        options = {"family": "family-friendly", **options}
    return {key: word for key, word in options.items() if word is not None and draw.chance(50)}


def _located(facts: dict[str, str], draw: Draw) -> dict[str, str]:
    """The attributes of place that stand in the first sentence as prepositional phrases, in either order."""
    options: dict[str, str] = {}
    if "area" in facts and draw.chance(65):
        options["area"] = AREA_PHRASES[facts["area"]]
    if "near" in facts and draw.chance(65):
        options["near"] = f"{draw.pick(('near', 'close to'))} {landmark(facts['near'])}"
    keys = draw.shuffled(list(options))
    return {key: options[key] for key in keys}


def landmark(name: str) -> str:
    """A landmark with the article its name takes."""
    return name if name in BARE_LANDMARKS else f"the {name}"


def _noun_phrase(facts: dict[str, str], premodified: dict[str, str]) -> str:
    words = " ".join([*premodified.values(), facts.get("kind", "place")])
    return f"{article(words)} {words}"


def article(words: str) -> str:
    """`an` before a vowel letter: right for every word that can follow here (none begins like “university”)."""
    return "an" if words[0].lower() in "aeiou" else "a"


def _clause(key: str, value: str, draw: Draw) -> Clause:
    tone = ((key, value) in WELCOME) - ((key, value) in UNWELCOME)
    if key == "price":
        words = draw.pick(PRICE_PREDICATES.get(value, AMOUNT_PREDICATES)).format(value)
    elif key == "family":
        words = draw.pick(FAMILY_PREDICATES[value])
    else:
        shown = {"area": AREA_PHRASES.get(value, ""), "near": landmark(value)}.get(key, value)
        words = draw.pick(PREDICATES[key]).format(shown)
    return Clause(words, tone)


def _opening(name: str, noun: str, located: list[str], clauses: list[Clause], draw: Draw) -> tuple[str, list[Clause]]:
    """The first sentence, and the clauses it leaves for the others."""
    where = "".join(f" {phrase}" for phrase in located)
    forms = [f"{name} is {noun}{where}.", f"{name} is {noun}{where}.", f"There is {noun} called {name}{where}."]
    if located:
        fronted = ", ".join([" ".join(located)[0].upper() + " ".join(located)[1:], f"{name} is {noun}."])
        forms += [fronted, f"Located {' '.join(located)}, {name} is {noun}."]
    with_clause = []
    if clauses:
        with_clause.append(f"{name}, {noun}{where}, {clauses[0].text}.")
    if clauses and not located:  # after a landmark, “that” would speak of the landmark
        with_clause.append(f"{name} is {noun} that {clauses[0].text}.")
    choice = draw.pick([*forms, *with_clause])
    return choice, clauses[1:] if choice in with_clause else clauses


def _further_sentences(name: str, head: str, clauses: list[Clause], draw: Draw) -> list[str]:
    """The rest of the facts, one or two to a sentence."""
    sentences: list[str] = []
    subject = name
    while clauses:
        together = 2 if len(clauses) > 1 and draw.chance(65) else 1
        others = [words for words in ("It", "It", f"The {head}", f"This {head}", name) if words != subject]
        subject = draw.pick(others)
        sentences.append(f"{subject} {_joined(clauses[:together])}.")
        clauses = clauses[together:]
    return sentences


def _joined(clauses: list[Clause]) -> str:
    if len(clauses) == 1:
        return clauses[0].text
    first, second = clauses
    return f"{first.text} {'but' if first.tone * second.tone < 0 else 'and'} {second.text}"
