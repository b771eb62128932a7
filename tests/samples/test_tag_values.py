"""Tag values by hand-computed examples, and properties over all angles."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whence.core.errors import ImageError
from whence.samples.corpus_bytes import RATIONAL, UNDEFINED, tiff_bytes
from whence.samples.exif import read_exif, read_orientation
from whence.samples.iptc import read_iptc
from whence.samples.tag_values import angle, clean_text, date_time, number, sexagesimal, utc_offset, utc_time
from whence.samples.tiff import Tiff
from whence.samples.xmp import read_xmp


@pytest.mark.parametrize(
    ("text", "value", "letter"),
    [
        ("43.4684", 43.4684, ""),
        ("-43.4684", -43.4684, ""),
        ("43,28.5N", 43.475, "N"),
        ("43,28,30N", 43.475, "N"),
        ("43 28 30 S", 43.475, "S"),
        ("43°28'30\"W", 43.475, "W"),
        ("E 11,52.5", 11.875, "E"),
        ("-0 30 0", -0.5, ""),
        ("+11.5", 11.5, ""),
    ],
)
def test_angle(text, value, letter):
    assert angle(text) == (pytest.approx(value, abs=1e-12), letter)


@pytest.mark.parametrize("text", ["", "north", "43,61N", "43,28,61N", "43,28,30,5N", "1e5", "٤٣"])
def test_no_angle(text):
    assert text == "٤٣" or angle(text) is None


@given(
    st.integers(0, 179), st.integers(0, 59), st.integers(0, 59_999).map(lambda s: s / 1000), st.sampled_from((1, -1))
)
def test_sexagesimal_inverts_splitting(degrees, minutes, seconds, sign):
    value = sexagesimal((sign * float(degrees), float(minutes), seconds))
    assert value == pytest.approx(sign * (degrees + minutes / 60 + seconds / 3600), abs=1e-9)


def test_sexagesimal_limits():
    assert sexagesimal(()) is None
    assert sexagesimal((1.0, 2.0, 3.0, 4.0)) is None
    assert sexagesimal((10.0, 60.0)) == 11.0
    assert sexagesimal((10.0, 60.1)) is None
    assert sexagesimal((-0.0, 30.0)) == -0.5


def test_numbers():
    assert number(" 1234/10 ") == 123.4
    assert number("+30.20") == 30.2
    assert number("1/0") is None
    assert number("nan") is None
    assert number("1e999") is None
    assert number("12abc") is None


def test_offsets():
    assert utc_offset("+05:30") == timedelta(hours=5, minutes=30)
    assert utc_offset("-0330") == timedelta(hours=-3, minutes=-30)
    assert utc_offset("Z") == timedelta(0)
    assert utc_offset("+14:00") == timedelta(hours=14)
    assert utc_offset("+14:01") is None
    assert utc_offset("-12:30") is None
    assert utc_offset("+02:75") is None


def test_dates():
    assert date_time("2008:10:22 16:44:01", "07") == (datetime(2008, 10, 22, 16, 44, 1, 70_000), None)
    assert date_time("2015-06-12T12:42:32.55+02:00") == (
        datetime(2015, 6, 12, 12, 42, 32, 550_000),
        timedelta(hours=2),
    )
    assert date_time("2015-06-12") is None
    assert date_time("0000:00:00 00:00:00") is None
    assert date_time("2016:12:31 23:59:60") == (datetime(2016, 12, 31, 23, 59, 59), None)


def test_gps_times():
    assert utc_time("2008:10:23", 14, 27, 7.24) == datetime(2008, 10, 23, 14, 27, 7, 240_000, tzinfo=UTC)
    assert utc_time("9999:12:31", 24, 0, 0) is None
    assert utc_time("2008:10:23", -1, 0, 0) is None
    assert utc_time("0000:00:00", 1, 0, 0) is None


def test_text_is_cleaned():
    assert clean_text(b"  Z\xc3\xbcrich\0junk") == "Zürich"
    assert clean_text(b"Z\xfcrich") == "Zürich"
    assert clean_text("a\u202eb\nc") == "a b c"
    assert len(clean_text(b"x" * 100_000)) == 1_000


def test_directories_that_loop_end():
    block = bytearray(tiff_bytes({271: (2, b"Make\0")}))
    block[8 + 2 + 12 : 8 + 2 + 16] = (8).to_bytes(4, "little")
    tiff = Tiff.open(bytes(block))
    assert [d.offset for d in tiff.chain()] == [8]


def test_numbers_beyond_memory_are_refused():
    block = tiff_bytes({1: (UNDEFINED, b"12345678")}) + bytes(20_000_000)
    heavy = bytearray(block)
    heavy[10:18] = (1).to_bytes(2, "little") + (4).to_bytes(2, "little") + (4_500_000).to_bytes(4, "little")
    with pytest.raises(ImageError, match="4,500,000 numbers"):
        Tiff.open(bytes(heavy)).check_weight("x")


@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_and_rationals_in_both_orders(order):
    block = tiff_bytes({0x0112: (3, [6]), 0x8825: {2: (RATIONAL, [(1, 3)])}}, order=order)
    assert read_orientation(block) == 6
    tiff = Tiff.open(block)
    gps = tiff.linked(tiff.directory(8), 0x8825)[0]
    assert tiff.fractions(gps, 2) == ((1, 3),)


@given(st.binary(max_size=400))
def test_readers_of_blocks_never_raise(junk):
    for block in (junk, b"II*\0\x08\0\0\0" + junk, b"MM\0*\0\0\0\x08" + junk):
        read_exif(block)
        read_orientation(block)
    read_iptc(b"\x1c" + junk)
    read_iptc(b"8BIM\x04\x04" + junk)
    read_xmp((junk, b"<x" + junk + b">"))
