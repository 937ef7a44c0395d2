"""Colors of the demo catalog: a few sets that go well together."""

from dataclasses import dataclass

RGB = tuple[int, int, int]


def rgb(text: str) -> RGB:
    """The color written as six hex digits."""
    return int(text[0:2], 16), int(text[2:4], 16), int(text[4:6], 16)


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """``a`` with ``share`` (0 to 1) of ``b``."""
    r, g, bl = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return r, g, bl


def lighten(color: RGB, share: float) -> RGB:
    """``color`` mixed with white."""
    return mix(color, (255, 255, 255), share)


def darken(color: RGB, share: float) -> RGB:
    """``color`` mixed with black."""
    return mix(color, (0, 0, 0), share)


def luminance(color: RGB) -> float:
    """How bright a color looks, 0 to 1."""
    return (0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]) / 255


@dataclass(frozen=True)
class Palette:
    """Five colors for one item: its ground, a deep and a bright partner, light paper, dark ink."""

    base: RGB
    deep: RGB
    accent: RGB
    paper: RGB
    ink: RGB

    def on(self, ground: RGB) -> RGB:
        """Paper or ink, whichever reads better on ``ground``."""
        return self.ink if luminance(ground) > 0.58 else self.paper


_SETS = {
    "coral": "ee6352 9e2a2b ffc145 fff1e0 3d1413",
    "ocean": "1f7a8c 0b3c5d f4a259 eaf4f4 08202f",
    "forest": "386641 1b3a26 f2b134 f3f1dc 12261a",
    "plum": "6d3b72 3a1d45 f2a65a f9ecf3 250f2d",
    "sun": "f6ae2d c26a09 d7263d fff6dc 4a2404",
    "mint": "7cc6a4 23725a f26b5e f2fbf5 0e3b30",
    "sky": "6fb1dc 24557f ffd166 f1f8fd 112c45",
    "rose": "e59aae a63d5f 7a9e7e fff1f3 4b1529",
    "clay": "c5714c 7b3a22 efd09e fbf0e2 3b1a0d",
    "sand": "dcc39a 9a7846 2f6f73 fbf5e8 3c2c14",
    "night": "22304f 0f1830 f0b64c f2efe4 0a1122",
    "slate": "5c6b79 2f3b46 f28f4b eef1f3 1b242c",
    "wine": "7b1e3a 46101f e0a458 f8ebe0 2c0812",
    "olive": "8a8b3d 50531f e4572e f8f4dc 2a2c0d",
    "lilac": "b39ddb 5e4a96 ffb35c f7f2fd 2b1f4d",
    "teal": "149a8f 0b5b5f ffb997 ecf8f5 06302f",
    "cocoa": "6b4430 3a2216 e9a96b f7ebdc 22120a",
    "lemon": "f4d84b c39a10 2c7a5b fffbe0 3f340a",
    "brick": "b5402f 6f1f17 f0c987 faeee0 33100b",
    "cobalt": "2b4fbf 16286e ff8a5b eef2ff 0d1740",
    "peach": "f7b38b c9663e 5b8e7d fff3ea 50250f",
    "graphite": "33363b 17191c d9a441 f0ede6 0e0f11",
    "lime": "a7c957 4f772d ee6055 f9fbe7 233613",
    "berry": "c2185b 6a0d38 ffcf56 ffeef5 38041c",
}

PALETTES = {name: Palette(*(rgb(part) for part in text.split())) for name, text in _SETS.items()}
