"""The reader on pictures drawn here."""

import logging
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from whence.evidence.text import tesseract
from whence.evidence.text.config import Config
from whence.evidence.text.lines import TextLine, clean, script_of, typed_lines
from whence.evidence.text.ocr import read_text as read_text_with
from whence.evidence.text.source import Text
from whence.evidence.types import Box
from whence.samples.view import Query, View, ViewKind

FAST = Config(detect_px=640, enlarge_px=320)  # one reader for all tests


def read_text(view):
    return read_text_with(view, FAST)


def picture(*texts, size=(640, 320), at=None, kind=ViewKind.GROUND, letters_px=40):
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(letters_px)
    for row, text in enumerate(texts):
        draw.text(at or (32, 24 + row * 80), text, "black", font=font)
    return View(np.asarray(image), size, "drawn", "0" * 64, "PNG", kind)


def test_reads_lines_from_top_to_bottom_with_boxes():
    lines = read_text(picture("Zimmer frei", "Hunde verboten"))
    assert [line.text for line in lines] == ["Zimmer frei", "Hunde verboten"]
    for line, top in zip(lines, (24, 104), strict=True):
        assert line.confidence > 0.9
        assert line.script == "Latn"
        assert 0.02 < line.box.left < 0.08
        assert abs(line.box.top * 320 - top) < 30
        assert line.box.left < line.box.right <= 1.0
        assert line.box.top < line.box.bottom <= 1.0


def test_reading_repeats_exactly():
    view = picture("Calle Mayor 7", "28013 Madrid")
    assert read_text(view) == read_text(view)


def test_small_pictures_are_enlarged():
    found = read_text(picture("Bitte nicht", size=(160, 60), at=(6, 18), letters_px=18))
    assert [line.text for line in found] == ["Bitte nicht"]
    assert found[0].box.right <= 1.0


def test_nothing_to_read_gives_nothing():
    assert read_text(picture()) == ()
    assert read_text(picture("-", ".")) == ()
    assert read_text(View(np.zeros((4, 4, 3), np.uint8), (4, 4), "tiny", "", "PNG")) == ()
    assert Text(FAST).read(Query((picture(),))) == ()


def test_panorama_is_read_in_crops_without_doubles():
    view = picture("Apotheke", size=(2000, 1000), at=(900, 480), kind=ViewKind.PANORAMA)
    lines = read_text(view)
    assert [line.text for line in lines] == ["Apotheke"]
    assert 0.44 < lines[0].box.left < 0.46


def test_threads_share_one_reader():
    view = picture("Vietato fumare")
    found = [None] * 3
    work = [threading.Thread(target=lambda n=n: found.__setitem__(n, read_text(view))) for n in range(3)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert found[0] == found[1] == found[2]
    assert found[0][0].text == "Vietato fumare"


def test_reader_writes_nothing_to_the_console(capfd):
    read_text(picture("Ausfahrt"))
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")
    assert logging.getLogger().level == logging.WARNING


def test_reader_never_opens_a_connection(monkeypatch):
    import socket

    from whence.evidence.text.ocr import _Reader

    def refuse(*args, **kwargs):
        raise AssertionError("the reader asked for a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    reader = _Reader(640, 1)
    assert [text for text, _, _ in reader(picture("Hotel").pixels)] == ["Hotel"]


def test_claims_carry_the_box_of_the_line():
    claims = Text(FAST).read(Query((picture(size=(300, 200)), picture("Hunde bitte anleinen"))))
    language = next(claim for claim in claims if claim.kind == "language")
    assert language.view == 1
    assert language.read == "Hunde bitte anleinen"
    assert language.box is not None
    assert 0.05 < language.box.top < 0.2


def test_free_text_goes_the_same_way_without_a_box():
    claims = Text(FAST).read(Query((), "Tel. +34 91 123 45 67"))
    assert [claim.kind for claim in claims] == ["phone number"]
    assert claims[0].box is None


def test_availability_is_none_where_the_reader_is_installed():
    assert Text().availability() is None


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Straße", "Latn"),
        ("Вход", "Cyrl"),
        ("ラーメン", "Kana"),
        ("銀行", "Hani"),
        ("은행", "Hang"),
        ("مخبز", "Arab"),
        ("ธนาคาร", "Thai"),
        ("12:30", "Zyyy"),
        ("", "Zyyy"),
    ],
)
def test_scripts(text, script):
    assert script_of(text) == script


def test_typed_text_is_cleaned_and_limited():
    assert clean("a\u0000 \t b\u200bc\u0301") == "a bć"
    lines = typed_lines("one\n\n two \x07\nthree\nfour", 3)
    assert [line.text for line in lines] == ["one", "two", "three"]
    assert len(typed_lines("x" * 5000, 5)[0].text) == 500


def test_tesseract_table_is_read_and_known_scripts_are_left_to_the_main_reader():
    line = TextLine("BXOA", 0.4, Box(0, 0, 1, 1))
    header = "level\tconf\ttext\n"
    second = tesseract._parsed(header + "5\t90\tВход\n5\t70\tзапрещён\n4\t-1\t\n", line)
    assert second.text == "Вход запрещён"
    assert second.confidence == pytest.approx(0.8)
    assert second.box == line.box
    assert tesseract._parsed(header + "5\t95\tEingang\n", line) is None
    assert tesseract._parsed("no table at all", line) is None


def test_tesseract_is_optional():
    assert tesseract.read_box(np.zeros((20, 20, 3), np.uint8), TextLine("x")) is None
    assert set(tesseract.extra_languages()) <= set(tesseract.installed_languages())


def test_settings_out_of_range_are_refused():
    from whence.core.errors import OptionError

    with pytest.raises(OptionError, match=r"text\.alien_share must lie between 0 and 1, received 1\.5"):
        Config(alien_share=1.5)
    with pytest.raises(OptionError, match="max_lines"):
        Config(max_lines=-1)
    with pytest.raises(OptionError, match="detect_px"):
        Config(detect_px=10)


CYRILLIC_FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")


@pytest.mark.skipif("Cyrillic" not in str(tesseract.extra_languages()), reason="needs tesseract-ocr-script-cyrl")
@pytest.mark.skipif(not CYRILLIC_FONT.exists(), reason="needs a font with Cyrillic letters: fonts-dejavu-core")
def test_scripts_that_the_main_reader_does_not_know_are_read_by_tesseract():
    image = Image.new("RGB", (900, 320), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.truetype(str(CYRILLIC_FONT), 60)
    for row, text in enumerate(("Продукты", "Вулиця Хрещатик 15", "Київ")):
        draw.text((40, 20 + row * 96), text, "black", font=font)
    lines = read_text(View(np.asarray(image), image.size, "drawn", "0" * 64, "PNG"))
    assert [line.text for line in lines] == ["Продукты", "Вулиця Хрещатик 15", "Київ"]
    assert {line.script for line in lines} == {"Cyrl"}


def test_greek_words_read_with_latin_letters_are_greek():
    assert script_of(clean("ΦAPMAKEIO")) == "Grek"
    assert clean("Athens Αθήνα OK") == "Athens Αθήνα OK"


_MEASURED = """
import resource
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from whence.evidence.text import tesseract
from whence.evidence.text.ocr import read_text
from whence.samples.view import View, ViewKind

tesseract.extra_languages = lambda: ()

def peak_mb():  # of this program; getrusage would count the peak of the process that started it as well
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024.0

def held_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20

def picture(width, height, rows):
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    for row in range(rows):
        place = (20, 10 + row * height // rows)
        draw.text(place, "Bitte keine Fahrräder an die Hauswand lehnen " * 2, "black", ImageFont.load_default(34))
    kind = ViewKind.PANORAMA if width > 4 * height else ViewKind.GROUND
    return View(np.asarray(image), image.size, "drawn", "0" * 64, "PNG", kind)

read_text(picture(640, 100, 1))
start, found = held_mb(), []
for size in ((1600, 1200, 14), (2048, 205, 2), (205, 2048, 8), (8000, 800, 6), (2048, 2048, 20)):
    found.append(len(read_text(picture(*size))))
print(*found, peak_mb() - start, held_mb() - start)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="measures memory as Linux tells it")
def test_memory_is_bounded_and_given_back_whatever_the_shape():
    done = subprocess.run([sys.executable, "-c", _MEASURED], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    *found, peak_mb, held_mb = map(float, done.stdout.split())
    assert found[0] >= 14
    assert found[4] >= 20
    assert peak_mb < 550.0
    assert held_mb < 150.0
