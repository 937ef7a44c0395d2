"""Self-contained pages: one HTML file with its style and pictures in it, no script, light and dark."""

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import cv2

from components.core.errors import UnavailableError
from components.featurizer.frame import Image
from components.files import write_whole
from components.thumbnails import fit

PICTURE_SIDE = 220

_STYLE = Path(__file__).with_name("page.css")


class Html(str):
    """Text that is markup already; any other text is escaped where it enters a page."""

    __slots__ = ()


def page(title: str, subtitle: str, parts: Iterable[Html]) -> str:
    """A whole document."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>\n{_STYLE.read_text()}</style></head>\n<body><main>"
        f"<header><h1>{escape(title)}</h1><p>{escape(subtitle)}</p></header>\n"
        + "\n".join(parts)
        + "\n</main></body></html>\n"
    )


def write_page(path: Path, document: str) -> None:
    """Write it whole or not at all; raises UnavailableError."""
    try:
        write_whole(path, document.encode(errors="replace"))  # names of files may be no text
    except OSError as error:
        raise UnavailableError(f"{path} cannot be written ({error.strerror}): choose a folder of your own.") from error


def text(value: object) -> Html:
    """``value`` as markup: escaped, unless it is markup already."""
    return value if isinstance(value, Html) else Html(escape(str(value)))


def section(heading: object, says: str, *body: Html) -> Html:
    """A part of the page under a heading, with a sentence of what it shows."""
    said = f"<p>{escape(says)}</p>" if says else ""
    return Html(f"<section><h2>{text(heading)}</h2>{said}{''.join(body)}</section>")


def box(kind: str, parts: Iterable[Html]) -> Html:
    """Parts in a ``div`` of one of the style's classes: tiles, two, cards, card, side, chips."""
    return Html(f'<div class="{kind}">{"".join(parts)}</div>')


def tile(figure: str, name: str, more: str = "") -> Html:
    """One large figure."""
    return Html(
        f'<div class="tile"><strong>{escape(figure)}</strong><span>{escape(name)}</span>'
        f"<small>{escape(more)}</small></div>"
    )


def chips(texts: Sequence[str], most: int) -> Html:
    """Short texts in a row, the first ``most`` of them."""
    more = [f"and {len(texts) - most:,} more"] if len(texts) > most else []
    return box("chips", (Html(f"<span>{escape(one)}</span>") for one in [*texts[:most], *more]))


def table(header: Sequence[str], rows: Iterable[Sequence[object]], numbers: frozenset[int] = frozenset()) -> Html:
    """A table; the columns ``numbers`` stand to the right."""

    def cells(tag: str, values: Sequence[object]) -> str:
        marks = (' class="number"' if n in numbers else "" for n in range(len(values)))
        return "".join(f"<{tag}{mark}>{text(value)}</{tag}>" for value, mark in zip(values, marks, strict=True))

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return Html(f'<div class="scroll"><table><tr>{cells("th", header)}</tr>{body}</table></div>')


def picture(image: Image | None, name: str, more: str = "") -> Html:
    """A picture (BGR; None where there is none) with its name below."""
    shown = f'<img alt="{escape(name)}" src="{_data_uri(image)}">' if image is not None else '<div class="none"></div>'
    return Html(f"<figure>{shown}<figcaption><b>{escape(name)}</b>{escape(more)}</figcaption></figure>")


def _data_uri(image: Image) -> str:
    _, encoded = cv2.imencode(".webp", fit(image, PICTURE_SIDE), [cv2.IMWRITE_WEBP_QUALITY, 75])
    return "data:image/webp;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")
