"""Takes an item out of its studio picture and puts it on a small stand."""

import cv2
import numpy as np
import numpy.typing as npt

from components.featurizer.frame import Image

Cutout = npt.NDArray[np.uint8]
"""Shape (height, width, 4), uint8, BGRA, colors multiplied by alpha."""

HEIGHT = 440
"""An item's longer side in pixels, about as large as a camera sees it."""
_CHROMA, _DARKEST, _WHITE, _STEEP = 13, 132, 243, 15.0


def cut_out(picture: Image) -> Cutout:
    """The item alone, or a card that shows the whole picture where nothing stands out from a white ground."""
    scale = HEIGHT / max(picture.shape[:2])
    size = (max(8, round(picture.shape[1] * scale)), max(8, round(picture.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(picture, size, interpolation=how), np.uint8)
    item = _item_mask(small)
    return _card(small) if item is None else _cropped(small, item)


def _item_mask(picture: Image) -> npt.NDArray[np.uint8] | None:
    """What is not the ground: the ground is white or softly shaded gray and runs in from the border."""
    low, high = picture.min(axis=2).astype(np.int16), picture.max(axis=2).astype(np.int16)
    gray = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), (3, 3), 0)
    steep = cv2.morphologyEx(gray, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > _STEEP
    neutral = (high - low) <= _CHROMA
    ground = (neutral & (low >= _DARKEST) & ~steep) | (neutral & (low >= _WHITE))
    edge = np.concatenate([ground[0], ground[-1], ground[:, 0], ground[:, -1]])
    if edge.mean() < 0.6:
        return None
    mask = _without(ground)
    share = float((mask > 0).mean())
    return mask if 0.04 < share < 0.93 else None


def _without(ground: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    _, parts = cv2.connectedComponents(ground.astype(np.uint8), connectivity=4)
    outer = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
    outside = np.isin(parts, outer[outer > 0])
    mask = cv2.morphologyEx((~outside).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(mask)
    large = [i for i in range(1, len(stats)) if stats[i, cv2.CC_STAT_AREA] > 0.01 * mask.size]
    return np.asarray(np.isin(pieces, large) * 255, np.uint8)


def _cropped(picture: Image, mask: npt.NDArray[np.uint8]) -> Cutout:
    # The outermost pixels carry the white of the ground: leave it out, then soften.
    inner = cv2.erode(mask, np.ones((5, 5), np.uint8))
    alpha = np.asarray(cv2.GaussianBlur(inner, (0, 0), 0.9), np.uint8)
    x, y, w, h = cv2.boundingRect(inner)
    y0, y1, x0, x1 = max(y - 2, 0), y + h + 2, max(x - 2, 0), x + w + 2
    return multiplied(picture[y0:y1, x0:x1], alpha[y0:y1, x0:x1])


def _card(picture: Image) -> Cutout:
    rim = max(6, round(0.03 * max(picture.shape[:2])))
    whole = cv2.copyMakeBorder(picture, rim, rim, rim, rim, cv2.BORDER_CONSTANT, value=(246, 248, 249))
    return multiplied(np.asarray(whole, np.uint8), np.full(whole.shape[:2], 255, np.uint8))


def multiplied(color: Image, alpha: npt.NDArray[np.uint8]) -> Cutout:
    """Color and alpha joined, the color multiplied by alpha."""
    three = cv2.merge([alpha, alpha, alpha])
    return np.dstack([cv2.multiply(color, three, scale=1 / 255), alpha])


def on_stand(item: Cutout) -> Cutout:
    """The item on a small wooden plate with a steel rod that goes down out of sight."""
    h, w = item.shape[:2]
    plate = max(60, round(w * 0.66))
    wide, rod_length = max(w, plate), round(1.3 * HEIGHT)
    canvas = np.zeros((h + rod_length, wide, 4), np.uint8)
    _draw_rod(canvas, wide // 2, h, rod_length)
    _draw_plate(canvas, wide // 2, h, plate // 2)
    left = (wide - w) // 2
    _over(canvas[:h, left : left + w], item)
    return canvas


def _draw_rod(canvas: Cutout, x: int, top: int, length: int) -> None:
    half = 9
    shade = np.interp(np.linspace(-1, 1, 2 * half), [-1, -0.5, 0, 0.6, 1], [45, 175, 110, 70, 38]).astype(np.uint8)
    canvas[top : top + length, x - half : x + half, :3] = shade[None, :, None]
    canvas[top : top + length, x - half : x + half, 3] = 255


def _draw_plate(canvas: Cutout, x: int, y: int, radius: int) -> None:
    thick, flat = 11, max(5, round(radius * 0.1))
    for drop in range(thick, -1, -1):
        tone = (92, 136, 178, 255) if drop == 0 else (58 - drop, 92 - drop, 128 - drop, 255)
        center = (x * 16, (y + drop - 9) * 16)
        cv2.ellipse(canvas, center, (radius * 16, flat * 16), 0, 0, 360, tone, -1, cv2.LINE_AA, 4)


def _over(target: Cutout, item: Cutout) -> None:
    left = 255 - item[..., 3]
    kept = cv2.multiply(target, cv2.merge([left, left, left, left]), scale=1 / 255)
    target[:] = cv2.add(kept, item)
