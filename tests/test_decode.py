"""What people send becomes an upright BGR picture, or one sentence."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from components.core.errors import BadContentError
from components.featurizer.decode import decode_picture

RED, BLUE = (200, 60, 20), (20, 60, 200)


def painted():
    """60 x 40: the upper left quarter red, the rest blue."""
    rgb = np.zeros((40, 60, 3), np.uint8)
    rgb[:] = BLUE
    rgb[:20, :30] = RED
    return Image.fromarray(rgb)


def encoded(picture, kind, **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def is_close(pixel, rgb, tolerance=14):
    return np.abs(pixel[::-1].astype(int) - rgb).max() <= tolerance


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_pictures_come_out_as_bgr(kind):
    image = decode_picture(encoded(painted(), kind))
    assert image.shape == (40, 60, 3)
    assert image.dtype == np.uint8
    assert is_close(image[5, 5], RED)
    assert is_close(image[35, 55], BLUE)


def test_a_jpeg_is_turned_upright_by_its_exif_orientation():
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees, clockwise
    image = decode_picture(encoded(painted(), "JPEG", exif=exif))
    assert image.shape == (60, 40, 3)
    assert is_close(image[5, 35], RED)
    assert is_close(image[5, 5], BLUE)


def test_cmyk_is_converted():
    image = decode_picture(encoded(painted().convert("CMYK"), "JPEG"))
    assert is_close(image[5, 5], RED)


@pytest.mark.parametrize("mode", ["L", "1", "P"])
def test_gray_black_and_white_and_palettes_become_bgr(mode):
    image = decode_picture(encoded(painted().convert(mode), "PNG"))
    assert image.shape == (40, 60, 3)
    assert image.dtype == np.uint8


def test_sixteen_bits_become_eight():
    deep = np.full((40, 60, 3), (65535, 32768, 257), np.uint16)
    _, data = cv2.imencode(".png", deep)
    assert decode_picture(data.tobytes())[0, 0].tolist() == [255, 128, 1]


def test_sixteen_bits_with_transparency_become_eight_on_white():
    deep = np.full((40, 60, 4), (0, 0, 0, 32768), np.uint16)
    _, data = cv2.imencode(".png", deep)
    assert np.abs(decode_picture(data.tobytes()).astype(int) - 127).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize(("alpha", "expected"), [(0, (255, 255, 255)), (255, RED)])
def test_transparency_lies_on_white(kind, alpha, expected):
    picture = Image.new("RGBA", (60, 40), (*RED, alpha))
    picture.putpixel((59, 39), (*RED, 255 - alpha))  # so that no encoder leaves the alpha out
    image = decode_picture(encoded(picture, kind, lossless=True))
    assert is_close(image[5, 5], expected)


def test_gray_with_transparency_lies_on_white():
    image = decode_picture(encoded(Image.new("LA", (60, 40), (100, 0)), "PNG"))
    assert image.shape == (40, 60, 3)
    assert (image == 255).all()


def test_a_transparent_palette_lies_on_white():
    picture = Image.new("P", (60, 40), 0)
    picture.putpalette([*RED, *BLUE])
    assert (decode_picture(encoded(picture, "PNG", transparency=0)) == 255).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_cut_off_picture_is_refused(kind, share):
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    with pytest.raises(BadContentError):
        decode_picture(data[: int(share * len(data))])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_damaged_picture_is_an_image_or_a_sentence(kind):
    data = bytearray(encoded(painted(), kind))
    random = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(data)
        for at in random.integers(0, len(data), 4):
            damaged[at] = random.integers(0, 256)
        try:
            image = decode_picture(bytes(damaged), max_pixels=100_000)
        except BadContentError:
            continue
        assert image.ndim == 3
        assert image.dtype == np.uint8


def test_a_gif_is_refused_by_name():
    with pytest.raises(BadContentError, match="a GIF"):
        decode_picture(encoded(painted(), "GIF"))


def test_more_pixels_than_allowed_are_refused_before_decoding():
    with pytest.raises(BadContentError, match="60 x 40"):
        decode_picture(encoded(painted(), "PNG"), max_pixels=1000)


def test_one_pixel_is_a_picture():
    assert decode_picture(encoded(Image.new("RGB", (1, 1), RED), "PNG")).shape == (1, 1, 3)
