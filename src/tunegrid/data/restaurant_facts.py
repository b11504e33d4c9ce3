"""Made-up places to eat: the attributes, their values, and how a place is drawn."""

from dataclasses import dataclass, fields

from tunegrid.data.draw import Draw

# A name is one of ADJECTIVES with one of NOUNS, so that a model has to copy it and cannot know it by heart.
ADJECTIVES = (
    "Amber", "Brass", "Clover", "Copper", "Crooked", "Dancing", "Emerald", "Foxglove", "Gentle", "Golden", "Hollow",
    "Hungry", "Ivory", "Jolly", "Lavender", "Little", "Marble", "Midnight", "Olive", "Paper", "Quiet", "Red", "Rusty",
    "Salty", "Silver", "Velvet", "Wandering", "Winter",
)  # fmt: skip
NOUNS = (
    "Anchor", "Apron", "Barrel", "Basket", "Bell", "Candle", "Compass", "Fig", "Fork", "Garden", "Goose", "Hearth",
    "Kettle", "Ladle", "Lantern", "Larder", "Magpie", "Mill", "Orchard", "Oven", "Pepper", "Plate", "Quince", "Spoon",
    "Swan", "Table", "Thistle", "Whisk",
)  # fmt: skip

KINDS = ("bistro", "café", "diner", "noodle bar", "tavern", "tea room", "wine bar")
CUISINES = (
    "Ethiopian",
    "Greek",
    "Korean",
    "Lebanese",
    "Mexican",
    "Moroccan",
    "Peruvian",
    "Thai",
    "vegan",
    "Vietnamese",
)
PRICES = ("cheap", "moderate", "high", "under 15 euros", "15 to 30 euros", "over 30 euros")
RATINGS = ("poor", "fair", "good", "excellent")
AREAS = ("harbour", "market square", "old town", "station quarter", "university district", "waterfront")
FAMILY = ("yes", "no")
LANDMARKS = (
    "Botanic Garden", "Castle Bridge", "City Library", "Elm Park", "Grand Theatre", "Kingsway Cinema",
    "Maritime Museum", "Northgate Station", "Rose Tower", "Town Hall",
)  # fmt: skip

VALUES = {
    "kind": KINDS,
    "cuisine": CUISINES,
    "price": PRICES,
    "rating": RATINGS,
    "area": AREAS,
    "family": FAMILY,
    "near": LANDMARKS,
}
# How often, of 100 places, an attribute is given: the shares differ, so that some combinations are rare.
SHARES = {"kind": 80, "cuisine": 75, "price": 55, "rating": 65, "area": 65, "family": 50, "near": 55}
FEWEST_FACTS = 2


@dataclass(frozen=True, slots=True)
class Place:
    """A meaning representation; an attribute that is not given is None."""

    name: str
    kind: str | None
    cuisine: str | None
    price: str | None
    rating: str | None
    area: str | None
    family: str | None
    near: str | None

    def facts(self) -> dict[str, str]:
        """The attributes that are given, in their fixed order; `name` is the first."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def representation(self) -> str:
        """The form a model reads, for example `name[Red Fig], kind[bistro], area[old town]`."""
        return ", ".join(f"{name}[{value}]" for name, value in self.facts().items())


def draw_place(draw: Draw) -> Place:
    """A place with a name and at least `FEWEST_FACTS` other attributes."""
    while True:
        name = f"{draw.pick(ADJECTIVES)} {draw.pick(NOUNS)}"
        given = {key: draw.pick(VALUES[key]) for key in VALUES if draw.chance(SHARES[key])}
        if len(given) >= FEWEST_FACTS:
            return Place(name, *(given.get(key) for key in VALUES))
