"""Render the project's own example pictures, and fetch two real ones from scikit-learn if it is installed.

    python examples/make_pictures.py OUT [--seed 0]

Writes into OUT, the same bytes for the same seed:

- ``pizzeria_chile.jpg``: a shop sign with a phone number. The word "pizzeria" is the trap, the number the clue.
- ``road_sign_wales.jpg``: a bilingual road sign, Welsh and English.
- ``postcard_gps.jpg``: a harbour with a lighthouse, with GPS, direction and local time in its EXIF.
- ``beach_null_island.jpg``: a beach with a sign, whose EXIF position is 0, 0 (a receiver without a fix).
- ``china.jpg``, ``flower.jpg``: photographs without a position, CC BY 2.0 (see ``CREDITS.txt``, also written).

Shops, numbers and people are made up; the text is set in the font that Pillow brings along.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIZE = (1600, 1200)
Colour = tuple[int, int, int]
Corner = tuple[float, float]

CREDITS = """\
china.jpg and flower.jpg are the sample photographs of scikit-learn (sklearn/datasets/images), unchanged.
china.jpg: by danielbuechele, CC BY 2.0, https://www.flickr.com/photos/danielbuechele/6061409035/
flower.jpg: by vultilion, CC BY 2.0, https://www.flickr.com/photos/vultilion/6056698931/
Licence: https://creativecommons.org/licenses/by/2.0/
All other pictures here are rendered by this project.
"""


def font(size: float) -> ImageFont.FreeTypeFont:
    """The font that Pillow carries (Aileron, basic Latin only)."""
    found = ImageFont.load_default(size=size)
    if not isinstance(found, ImageFont.FreeTypeFont):
        sys.exit("This Pillow is built without FreeType, which drawing text needs. Install it with pip.")
    return found


def smooth_noise(size: tuple[int, int], grain_px: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of one grain size in −1..1, ``height × width``: the stuff of clouds, stucco and leaves."""
    small = (max(2, round(size[0] / grain_px)), max(2, round(size[1] / grain_px)))
    values = Image.fromarray(rng.normal(0, 0.5, small[::-1]).astype(np.float32))
    return np.clip(np.asarray(values.resize(size, Image.Resampling.BICUBIC)), -1, 1)


def textured(
    size: tuple[int, int], top: Colour, bottom: Colour, grains: dict[float, float], rng: np.random.Generator
) -> Image.Image:
    """A vertical gradient with noise: ``grains`` maps a grain in pixels to its strength in grey levels."""
    ramp = np.linspace(0, 1, size[1])[:, None, None]
    pixels = np.array(top) * (1 - ramp) + np.array(bottom) * ramp + np.zeros((size[1], size[0], 1))
    for grain, strength in grains.items():
        pixels += smooth_noise(size, grain, rng)[..., None] * strength
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def board(
    size: tuple[int, int], ground: Colour, lines: Sequence[tuple[str, float, Colour]], rim: Colour | None = None
) -> Image.Image:
    """A sign seen from the front: centred lines of (text, size in pixels, colour)."""
    image = Image.new("RGBA", size, (*ground, 255))
    draw = ImageDraw.Draw(image)
    if rim is not None:
        draw.rounded_rectangle((8, 8, size[0] - 9, size[1] - 9), 14, outline=rim, width=7)
    height = sum(points * 1.3 for _, points, _ in lines)
    y = (size[1] - height) / 2
    for text, points, colour in lines:
        face = font(points)
        draw.text((size[0] / 2, y + points * 0.65), text, colour, face, anchor="mm", stroke_width=points / 40,
                  stroke_fill=colour)  # fmt: skip
        y += points * 1.3
    return image


def place(scene: Image.Image, sign: Image.Image, corners: Sequence[Corner]) -> None:
    """Put a sign into a scene in perspective; corners: top left, top right, bottom right, bottom left."""
    width, height = sign.size
    sources = ((0, 0), (width, 0), (width, height), (0, height))
    rows, values = [], []
    for (x, y), (u, v) in zip(corners, sources, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    coefficients = np.linalg.solve(np.array(rows, float), np.array(values, float))
    laid = sign.transform(scene.size, Image.Transform.PERSPECTIVE, tuple(coefficients), Image.Resampling.BICUBIC)
    scene.paste(laid, (0, 0), laid)


def photographed(scene: Image.Image, rng: np.random.Generator) -> Image.Image:
    """What a lens and sensor do: slight blur, darker corners, noise."""
    pixels = np.asarray(scene.convert("RGB").filter(ImageFilter.GaussianBlur(0.8))).astype(np.float32)
    y, x = np.mgrid[-1 : 1 : pixels.shape[0] * 1j, -1 : 1 : pixels.shape[1] * 1j]
    pixels *= (1.0 - 0.16 * (x**2 + y**2))[..., None]
    pixels += rng.normal(0, 4.0, pixels.shape) + rng.normal(0, 3.0, (*pixels.shape[:2], 1))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def pizzeria(rng: np.random.Generator) -> Image.Image:
    """A shop front on a street in Santiago."""
    scene = textured(SIZE, (214, 178, 128), (190, 150, 106), {2: 14, 25: 10, 300: 14}, rng)
    draw = ImageDraw.Draw(scene)
    scene.paste(textured((1600, 220), (120, 118, 116), (92, 90, 88), {2: 16, 60: 8}, rng), (0, 980))
    for x in range(-200, 1700, 180):
        draw.line((x, 1200, 500 + x * 0.4, 980), fill=(80, 78, 76), width=3)
    draw.rectangle((120, 530, 720, 930), fill=(70, 46, 34))
    scene.paste(textured((560, 360), (104, 124, 138), (46, 52, 56), {40: 14, 160: 24}, rng), (140, 550))
    draw.line((420, 550, 420, 910), fill=(70, 46, 34), width=14)
    draw.rectangle((960, 500, 1240, 985), fill=(64, 84, 62))
    draw.rectangle((990, 540, 1210, 760), fill=(86, 100, 96))
    draw.ellipse((1198, 790, 1222, 814), fill=(206, 180, 90))
    for x in range(100, 1540, 80):
        tint = (186, 40, 36) if (x // 80) % 2 else (238, 232, 220)
        draw.polygon(((x + 20, 430), (x + 100, 430), (x + 88, 510), (x + 6, 510)), fill=tint)
    cream, red, ink = (246, 238, 214), (168, 26, 24), (40, 30, 26)
    name = board((1400, 300), cream, [("PIZZERIA DON LUCHO", 112, red), ("Empanadas  -  Churrascos", 56, ink)], red)
    place(scene, name, ((120, 96), (1500, 140), (1500, 420), (120, 424)))
    call = board((520, 200), red, [("Fono", 46, cream), ("+56 2 2555 0123", 60, cream)], cream)
    place(scene, call, ((160, 640), (690, 646), (690, 846), (160, 852)))
    menu = board((240, 250), ink, [("MENU", 44, cream), ("DEL DIA", 44, cream), ("$ 5.990", 50, (250, 220, 120))])
    place(scene, menu, ((1290, 720), (1520, 724), (1516, 980), (1286, 976)))
    street = board((330, 90), (24, 60, 120), [("PROVIDENCIA", 40, (255, 255, 255))])
    place(scene, street, ((1270, 560), (1560, 566), (1560, 646), (1270, 642)))
    return photographed(scene, rng)


def road_sign(rng: np.random.Generator) -> Image.Image:
    """A Welsh main road with a direction sign, and a word painted on the tarmac."""
    scene = textured(SIZE, (150, 172, 196), (214, 220, 222), {90: 16, 300: 22}, rng)
    for base, tint, wave in ((640, (118, 142, 118), 90), (720, (86, 124, 70), 50)):
        rise = smooth_noise((1600, 2), 500, rng)[0] * wave
        hill = Image.new("L", SIZE, 0)
        outline = [(x, base - 40 + float(rise[min(x, 1599)])) for x in range(0, 1601, 8)]
        ImageDraw.Draw(hill).polygon([(0, 1200), *outline, (1600, 1200)], fill=255)
        scene.paste(textured(SIZE, tint, (58, 96, 44), {3: 18, 12: 14, 60: 12}, rng), (0, 0), hill)
    road = Image.new("L", SIZE, 0)
    ImageDraw.Draw(road).polygon(((560, 720), (680, 720), (1240, 1200), (-260, 1200)), fill=255)
    scene.paste(textured(SIZE, (104, 106, 110), (84, 86, 90), {2: 18, 30: 6}, rng), (0, 0), road)
    white = (236, 236, 230)
    painted = board((600, 700), (0, 0, 0), [("ARAF", 190, white), ("SLOW", 190, white)])
    painted.putalpha(painted.convert("L").point(lambda v: 225 if v > 110 else 0))
    place(scene, painted, ((500, 830), (790, 830), (960, 1190), (120, 1190)))
    draw = ImageDraw.Draw(scene)
    for x in (960, 1400):
        draw.rectangle((x, 330, x + 22, 960), fill=(120, 122, 124))
    green, yellow = (0, 100, 62), (250, 214, 60)
    lines = [("Caerdydd", 74, white), ("Cardiff  12 miles", 74, white), ("Abertawe", 74, white),
             ("Swansea  30 miles", 74, white), ("A 48", 66, yellow)]  # fmt: skip
    place(scene, board((820, 560), green, lines, white), ((850, 190), (1530, 160), (1530, 660), (850, 640)))
    return photographed(scene, rng)


def postcard(rng: np.random.Generator) -> Image.Image:
    """A harbour with a lighthouse in the evening."""
    scene = textured(SIZE, (92, 132, 186), (246, 196, 142), {160: 10, 420: 18}, rng)
    sea = textured((1600, 480), (92, 112, 136), (38, 66, 92), {6: 12, 30: 14}, rng)
    scene.paste(sea.resize((1600, 480)), (0, 720))
    draw = ImageDraw.Draw(scene, "RGBA")
    draw.ellipse((1120, 560, 1260, 700), fill=(255, 236, 190, 255))
    for y in range(726, 1190, 9):
        half = 30 + (y - 720) * 0.3 + float(rng.normal(0, 18))
        draw.line((1190 - half, y, 1190 + half, y), fill=(255, 226, 170, 120), width=4)
    hill = [(x, 640 - 150 * np.exp(-(((x - 150) / 420) ** 2)) + 10 * np.sin(x / 37)) for x in range(0, 900, 10)]
    draw.polygon([(0, 800), *hill, (900, 730), (760, 800)], fill=(74, 78, 70, 255))
    for _ in range(130):
        x = float(rng.uniform(10, 620))
        y = float(rng.uniform(560 + x * 0.08, 740))
        tint = [(206, 96, 70), (226, 186, 84), (104, 156, 170), (232, 226, 208), (150, 88, 120)][rng.integers(5)]
        draw.rectangle((x, y, x + 30, y + 24), fill=(*tint, 255))
        draw.polygon(((x - 3, y), (x + 15, y - 13), (x + 33, y)), fill=(120, 62, 50, 255))
        draw.rectangle((x + 10, y + 8, x + 18, y + 16), fill=(50, 56, 64, 255))
    draw.polygon(((700, 860), (760, 400), (850, 400), (910, 860)), fill=(238, 234, 226, 255))
    for low, high in ((480, 560), (640, 720)):
        slope = 60 / 460
        left, right = [(760 - (y - 400) * slope, 850 + (y - 400) * slope) for y in (low, high)]
        draw.polygon(((left[0], low), (left[1], low), (right[1], high), (right[0], high)), fill=(190, 44, 40, 255))
    draw.rectangle((770, 330, 840, 400), fill=(60, 66, 74, 255))
    draw.ellipse((786, 346, 824, 384), fill=(255, 240, 170, 255))
    draw.polygon(((756, 330), (805, 284), (854, 330)), fill=(170, 40, 38, 255))
    draw.polygon(((560, 960), (700, 850), (930, 850), (1060, 960)), fill=(66, 62, 58, 255))
    return photographed(scene, rng)


def beach(rng: np.random.Generator) -> Image.Image:
    """A beach with a warning sign in Portuguese."""
    scene = textured(SIZE, (96, 158, 216), (206, 226, 236), {120: 10, 360: 24}, rng)
    scene.paste(textured((1600, 260), (44, 116, 150), (96, 176, 180), {5: 14, 26: 16}, rng), (0, 560))
    sand = Image.new("L", SIZE, 0)
    shore = [(x, 790 + 24 * np.sin(x / 170) + 8 * np.sin(x / 31)) for x in range(0, 1601, 8)]
    ImageDraw.Draw(sand).polygon([(0, 1200), *shore, (1600, 1200)], fill=255)
    scene.paste(textured(SIZE, (238, 214, 168), (222, 188, 134), {2: 16, 40: 10}, rng), (0, 0), sand)
    draw = ImageDraw.Draw(scene)
    draw.line(shore, fill=(246, 250, 248), width=14)
    for x in (470, 880):
        draw.rectangle((x, 640, x + 26, 1110), fill=(104, 78, 54))
    red, white, ink = (196, 30, 28), (250, 248, 240), (30, 30, 30)
    lines = [
        ("PERIGO", 120, red),
        ("Correnteza forte", 66, ink),
        ("Proibido nadar", 66, ink),
        ("Bombeiros 193", 56, red),
    ]
    place(scene, board((800, 470), white, lines, red), ((330, 380), (1060, 352), (1066, 790), (334, 800)))
    return photographed(scene, rng)


def exif_with(lat: float, lon: float, taken: str, offset: str, heading_deg: float | None) -> Image.Exif:
    """EXIF as a telephone writes it, with a position in degrees, minutes and seconds."""

    def sexagesimal(value: float) -> tuple[float, float, float]:
        degrees, rest = divmod(abs(value), 1.0)
        minutes, rest = divmod(rest * 60.0, 1.0)
        return degrees, minutes, round(rest * 60.0, 3)

    exif = Image.Exif()
    exif[271], exif[272], exif[274] = "Example", "Rendered 1", 1
    photo, gps = exif.get_ifd(0x8769), exif.get_ifd(0x8825)
    photo[36867], photo[36881] = taken, offset
    gps[1], gps[2] = "N" if lat >= 0 else "S", sexagesimal(lat)
    gps[3], gps[4] = "E" if lon >= 0 else "W", sexagesimal(lon)
    if heading_deg is not None:
        gps[16], gps[17], gps[31] = "T", heading_deg, 6.0
    return exif


def sample_photographs(out: Path) -> list[Path]:
    """Copy scikit-learn's two sample photographs, with their credits; nothing if it is not installed."""
    spec = find_spec("sklearn")
    if spec is None or spec.origin is None:
        return []
    folder = Path(spec.origin).parent / "datasets" / "images"
    copied = [Path(shutil.copyfile(folder / name, out / name)) for name in ("china.jpg", "flower.jpg")]
    (out / "CREDITS.txt").write_text(CREDITS, encoding="utf-8")
    return copied


def make_pictures(out: Path, seed: int = 0) -> list[Path]:
    """Write all pictures into a folder (made if absent) and return their paths."""
    out.mkdir(parents=True, exist_ok=True)
    valparaiso = exif_with(-33.02069, -71.64463, "2019:03:21 19:24:05", "-03:00", 280.0)
    nowhere = exif_with(0.0, 0.0, "2018:01:14 11:02:40", "-02:00", None)
    recipes = (
        ("pizzeria_chile.jpg", pizzeria, None),
        ("road_sign_wales.jpg", road_sign, None),
        ("postcard_gps.jpg", postcard, valparaiso),
        ("beach_null_island.jpg", beach, nowhere),
    )
    written = []
    for index, (name, recipe, exif) in enumerate(recipes):
        image = recipe(np.random.default_rng([seed, index]))
        image.save(out / name, "JPEG", quality=86, **({"exif": exif} if exif is not None else {}))
        written.append(out / name)
    return written + sample_photographs(out)


def main() -> None:
    """Parse the command line and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    for path in make_pictures(args.out, args.seed):
        print(path)


if __name__ == "__main__":
    main()
