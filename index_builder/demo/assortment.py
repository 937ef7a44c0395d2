"""What the demo shop sells: the kinds of items and, for each, how its variants look."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from index_builder.demo import boxed, household, planted, soft, textiles, turned
from index_builder.demo.labels import Design
from index_builder.demo.studio import Stage

Draw = Callable[[Design, np.random.Generator], Stage]


@dataclass(frozen=True)
class Kind:
    """A kind of item; a row of ``variants`` is: subject, palette, motif, pattern, layout."""

    key: str
    draw: Draw
    category: str
    place: tuple[int, int]
    """Aisle, shelf."""
    price: tuple[float, float]
    """Euro, from and to."""
    note: str
    brands: tuple[str, ...]
    blurb: str
    variants: tuple[tuple[str, str, str, str, str], ...]


def _rows(text: str) -> tuple[tuple[str, str, str, str, str], ...]:
    rows = []
    for line in text.strip().splitlines():
        subject, palette, motif, pattern, layout = line.split()
        rows.append((subject, palette, motif, pattern, layout))
    return tuple(rows)


KINDS = (
    Kind(
        "can",
        turned.can,
        "Drinks",
        (1, 2),
        (0.9, 1.9),
        "330 ml",
        ("Solvane",),
        "Lightly sparkling, no added sugar.",
        _rows("""
orange coral orange dots panel
lime night lime ripples scene
raspberry berry raspberry dots rays
lemon lemon lemon leaves band
peach peach peach dots block
mango teal mango chevrons plate"""),
    ),
    Kind(
        "mug",
        household.mug,
        "Kitchen",
        (6, 1),
        (8.5, 14.0),
        "350 ml",
        ("Tarnholm",),
        "Glazed stoneware, safe in the dishwasher.",
        _rows("""
fox mint fox dots band
cat peach cat dots quiet
whale sky whale scallops band
rainbow sand rainbow dots quiet
bauhaus graphite bauhaus terrazzo badge
mountains brick mountains triangles badge"""),
    ),
    Kind(
        "cereal",
        boxed.cereal,
        "Breakfast",
        (2, 3),
        (2.9, 4.9),
        "450 g",
        ("Oatlark", "Brindle"),
        "Whole grain, baked crisp.",
        _rows("""
honey sun honey dots rays
strawberry rose strawberry stripes block
cocoa cocoa cocoa confetti panel
blueberry cobalt blueberry dots badge
banana_moon night rocket confetti scene
wheat forest wheat leaves plate"""),
    ),
    Kind(
        "shirt",
        textiles.shirt,
        "Clothing",
        (9, 2),
        (24.0, 45.0),
        "cotton",
        ("Wrenfold",),
        "Soft cotton, folded.",
        _rows("""
checks cobalt fox gingham band
tartan brick fox tartan band
stripes teal fox stripes band
dots night fox dots band
flowers rose fox flowers band
leaves olive fox leaves band"""),
    ),
    Kind(
        "jar",
        turned.jar,
        "Pantry",
        (3, 1),
        (2.8, 6.5),
        "320 g",
        ("Fenny & Oak", "Mirabelo"),
        "Cooked slowly in a copper kettle.",
        _rows("""
strawberry rose strawberry gingham band
blueberry cobalt blueberry dots quiet
honey sun honey gingham badge
cherry wine cherry diamonds panel
apricot peach peach dots panel
pesto olive olive leaves quiet"""),
    ),
    Kind(
        "book",
        boxed.book,
        "Books",
        (8, 1),
        (12.0, 24.0),
        "",
        ("Quillby Press",),
        "Hardback with a printed cover.",
        _rows("""
quiet_fox night fox dots panel
north ocean whale ripples band
thousand forest pines leaves panel
orbit plum planet triangles band
lamp brick lighthouse scallops badge
lemons teal lemon flowers band"""),
    ),
    Kind(
        "bottle",
        turned.bottle,
        "Drinks",
        (1, 3),
        (2.4, 3.9),
        "750 ml",
        ("Orchardine",),
        "Pressed from whole fruit.",
        _rows("""
apple forest apple leaves quiet
pear olive pear leaves band
grapefruit coral grapefruit dots panel
blackcurrant plum blackcurrant flowers plate
plum lilac plum dots badge
green_apple lime green_apple leaves block"""),
    ),
    Kind(
        "cushion",
        textiles.cushion,
        "Home",
        (7, 2),
        (16.0, 34.0),
        "45 x 45 cm",
        ("Larkmoor",),
        "Woven cover with a zip.",
        _rows("""
waves_cloth teal whale scallops band
triangles sun fox triangles band
bluebird sky bluebird plain badge
confetti peach fox confetti band
argyle wine fox argyle band
leaves forest fox leaves band"""),
    ),
    Kind(
        "pouch",
        soft.pouch,
        "Coffee & Tea",
        (2, 1),
        (6.9, 12.9),
        "500 g",
        ("Kettlewick",),
        "Roasted in small batches.",
        _rows("""
sunrise_blend clay sunrise dots scene
night_blend graphite coffee dots block
summit cobalt mountains triangles panel
harbor brick boat ripples rays
jungle forest bluebird leaves badge
desert sand cactus diamonds quiet"""),
    ),
    Kind(
        "tin",
        turned.tin,
        "Pantry",
        (3, 2),
        (1.4, 4.2),
        "400 g",
        ("Mirabelo",),
        "Ready to cook.",
        _rows("""
tomato cobalt tomato scallops badge
sardine sky sardine ripples block
chili brick chili diamonds rays
olive olive olive leaves quiet
pumpkin clay pumpkin gingham plate
salmon slate salmon chevrons panel"""),
    ),
    Kind(
        "plate",
        textiles.plate,
        "Kitchen",
        (6, 2),
        (7.0, 15.0),
        "27 cm",
        ("Tarnholm",),
        "Hand-painted, safe in the dishwasher.",
        _rows("""
lemon cobalt lemon leaves band
rose wine rose flowers band
robin forest robin dots band
boat sky boat ripples band
olive sand olive diamonds band
sunflower slate sunflower stripes band"""),
    ),
    Kind(
        "carton",
        boxed.carton,
        "Breakfast",
        (2, 4),
        (1.6, 2.8),
        "1 l",
        ("Oatlark",),
        "Shake well, keep cool.",
        _rows("""
oat sky wheat ripples band
coconut lemon daisy dots panel
almond cocoa cocoa diamonds quiet
strawberry berry strawberry dots rays
mango lime mango chevrons block
mint night moon triangles scene"""),
    ),
    Kind(
        "candle",
        household.candle,
        "Home",
        (7, 1),
        (9.0, 19.0),
        "200 g",
        ("Lumivere",),
        "Burns for forty hours.",
        _rows("""
pines olive pines leaves quiet
sunrise clay sunrise dots panel
waves teal waves ripples band
snowflake slate snowflake dots panel
lighthouse cobalt lighthouse chevrons plate
fig plum plum flowers quiet"""),
    ),
    Kind(
        "tote",
        soft.tote,
        "Clothing",
        (9, 1),
        (9.0, 18.0),
        "cotton canvas",
        ("Wrenfold",),
        "Carries the weekly shopping.",
        _rows("""
whale sand whale leaves quiet
cat coral cat dots badge
bauhaus slate bauhaus dots quiet
sunflower teal sunflower dots badge
balloon night balloon dots badge
cactus peach cactus dots quiet"""),
    ),
    Kind(
        "pump",
        turned.pump,
        "Care",
        (5, 1),
        (4.5, 8.9),
        "300 ml",
        ("Zephrine",),
        "Mild, with plant oils.",
        _rows("""
lavender lilac lavender flowers quiet
eucalyptus teal eucalyptus leaves band
citrus sun orange dots rays
rose rose rose flowers panel
waves ocean waves scallops plate
mint lime mint leaves block"""),
    ),
    Kind(
        "bag",
        soft.bag,
        "Snacks",
        (4, 2),
        (1.8, 3.2),
        "150 g",
        ("Crackleby",),
        "Cooked by hand in sunflower oil.",
        _rows("""
chili_lime lime chili chevrons block
paprika brick tomato diamonds rays
mushroom cocoa mushroom dots panel
sea sky waves ripples badge
honey_mustard lemon honey stripes band
rosemary graphite mint leaves scene"""),
    ),
    Kind(
        "pot",
        planted.pot,
        "Garden",
        (10, 1),
        (7.0, 16.0),
        "18 cm",
        ("Mossend",),
        "Likes light, little water.",
        _rows("""
fern clay tea diamonds band
snake_plant cobalt eucalyptus scallops band
pilea peach mint terrazzo band
cactus mint cactus triangles band
blossom slate sunflower stripes band
tulip sand rose chevrons band"""),
    ),
    Kind(
        "tea_box",
        boxed.tea_box,
        "Coffee & Tea",
        (2, 2),
        (2.4, 4.4),
        "20 bags",
        ("Kettlewick",),
        "Whole leaves in plain bags.",
        _rows("""
mint mint mint leaves panel
daisy lemon daisy flowers quiet
raspberry berry raspberry dots block
lemon cobalt lemon scallops plate
moon night moon triangles scene
apple brick apple gingham badge"""),
    ),
    Kind(
        "canister",
        turned.canister,
        "Coffee & Tea",
        (2, 1),
        (8.0, 15.0),
        "125 g",
        ("Kettlewick",),
        "Picked by hand, in a printed caddy.",
        _rows("""
alps teal alps scallops plate
tea forest tea leaves badge
rose wine rose flowers panel
moon night moon diamonds panel
balloon sand balloon argyle band
daisy lilac daisy dots badge"""),
    ),
    Kind(
        "chocolate",
        boxed.chocolate,
        "Snacks",
        (4, 1),
        (1.9, 4.5),
        "100 g",
        ("Aurevia",),
        "Stone-ground cocoa.",
        _rows("""
dark graphite cocoa squares plate
salted sky waves ripples band
raspberry berry raspberry dots panel
orange sun orange triangles badge
mint teal mint leaves quiet
almond plum daisy diamonds plate"""),
    ),
    Kind(
        "tube",
        soft.tube,
        "Care",
        (5, 2),
        (3.5, 7.5),
        "75 ml",
        ("Zephrine",),
        "Absorbs quickly.",
        _rows("""
eucalyptus forest eucalyptus leaves panel
rose rose rose flowers badge
lavender plum lavender dots block
lemon lemon lemon stripes band
sea ocean waves ripples rays
honey clay honey dots plate"""),
    ),
    Kind(
        "scarf",
        textiles.scarf,
        "Clothing",
        (9, 3),
        (18.0, 39.0),
        "180 x 30 cm",
        ("Wrenfold",),
        "Warm lambswool with fringes.",
        _rows("""
tartan wine fox tartan band
stripes sun fox bands band
houndstooth graphite fox houndstooth band
argyle teal fox argyle band"""),
    ),
    Kind(
        "towel",
        textiles.towel,
        "Home",
        (7, 3),
        (14.0, 29.0),
        "set of 3",
        ("Larkmoor",),
        "Thick and thirsty cotton.",
        _rows("""
chevron ocean fox chevrons band
flowers rose fox flowers band
leaves olive fox leaves band
squares slate fox squares band"""),
    ),
    Kind(
        "notebook",
        boxed.notebook,
        "Books",
        (8, 2),
        (5.5, 11.0),
        "A5, dotted",
        ("Quillby Press",),
        "Lies flat, with an elastic band.",
        _rows("""
compass brick compass tartan badge
meadow forest daisy flowers badge
planet night planet confetti badge
terrazzo coral rainbow terrazzo badge"""),
    ),
    Kind(
        "vase",
        household.vase,
        "Home",
        (7, 4),
        (15.0, 32.0),
        "28 cm",
        ("Tarnholm",),
        "Turned and glazed by hand.",
        _rows("""
scallop cobalt fox scallops band
ikat clay fox diamonds panel
meadow lilac fox flowers badge"""),
    ),
    Kind(
        "soap",
        boxed.soap,
        "Care",
        (5, 3),
        (2.9, 5.9),
        "120 g",
        ("Zephrine",),
        "Cold-pressed, in a paper band.",
        _rows("""
rose rose rose flowers quiet
citrus sun orange dots band
pines forest pines leaves panel"""),
    ),
)
"""Every kind, the most telling first."""

AUTHORS = ("Ada Merrow", "T. Lindqvarn", "Ines Okoro-Hale", "J. P. Wexcombe", "Mira Solenne", "R. Castellane")
"""Invented writers of the invented books."""
