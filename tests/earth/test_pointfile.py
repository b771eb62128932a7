"""Tables of places are read whatever separates their columns; rows that are none are named."""

from __future__ import annotations

import pytest

from whence.core.errors import InputError
from whence.earth.pointfile import read_points


@pytest.mark.parametrize(
    "content",
    [
        "lat,lon\n1.5,2\n-3,179.5\n",
        "name;Longitude;LATITUDE\na;2;1.5\nb;179.5;-3\n",
        "\ufefflat_deg\tlng\n1.5\t2\n\n-3\t179.5",
        '"id","lat","lon_deg"\n"x, y",1.5,2\r\n"z", -3 ,179.5\r\n',
    ],
)
def test_tables_are_read(tmp_path, content):
    file = tmp_path / "places.csv"
    file.write_bytes(content.encode())
    found = read_points(file)
    assert found.lat_deg.tolist() == [1.5, -3]
    assert found.lon_deg.tolist() == [2, 179.5]
    assert found.lines.tolist() == ([2, 4] if "\n\n" in content else [2, 3])
    assert found.bad == ()


def test_bad_rows_are_named(tmp_path):
    file = tmp_path / "places.csv"
    file.write_text("lat,lon\n91,0\n1,2\nx,3\n4\n5,nan\n5,-361\n")
    found = read_points(file)
    assert found.lat_deg.tolist() == [1]
    assert found.bad == (
        (2, "the latitude must lie within ±90 degrees, received 91"),
        (4, "the latitude is no number: 'x'"),
        (5, "the row has 1 columns, 2 are needed"),
        (6, "the longitude must lie within ±360 degrees, received nan"),
        (7, "the longitude must lie within ±360 degrees, received -361"),
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "names nothing"),
        (b"a,lon\n1,2\n", "has no column of the latitude: its first line names a, lon"),
        (b"lat,latitude,lon\n", "more than one column of the latitude"),
        (b"lat,lon\n\xff\xfe,1\n", "UTF-8"),
    ],
)
def test_tables_that_are_none_are_refused(tmp_path, content, message):
    file = tmp_path / "places.csv"
    file.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_points(file)
    with pytest.raises(InputError, match="cannot be read as CSV"):
        read_points(tmp_path)


def test_an_empty_table_is_empty(tmp_path):
    file = tmp_path / "places.csv"
    file.write_text("lat,lon\n")
    assert read_points(file).lat_deg.shape == (0,)
