"""Reading a point from what people write: decimal degrees, DMS, ``geo:`` URIs, addresses of web maps."""

from __future__ import annotations

import re
from urllib.parse import unquote

from whence.core.errors import CoordinateError
from whence.earth.coordinates import Point, point

_EXAMPLES = "48.8584, 2.2945 or 48°51'30\"N 2°17'40\"E or geo:48.8584,2.2945 or the address of a web map"
_DECIMAL = r"[-+−]?\d+(?:\.\d+)?"
_COMMA = r"[-+−]?\d+,\d+"


def _pair(number: str, separator: str) -> re.Pattern[str]:
    half = r"(?P<pre{0}>[NSEW])?\s*(?P<value{0}>" + number + r")\s*°?\s*(?P<post{0}>[NSEW])?"
    return re.compile(rf"\s*{half.format(1)}{separator}{half.format(2)}\s*", re.IGNORECASE)


_DECIMAL_PAIRS = (_pair(_DECIMAL, r"\s*[,;\s]\s*"), _pair(_COMMA, r"\s*(?:;|,?\s)\s*"))
_DMS_HALF = (
    r"(?P<pre{0}>[NSEW])?\s*(?P<sign{0}>[-+−])?(?P<d{0}>\d+)\s*[°ºd:\s]\s*"
    r"(?P<m{0}>\d+(?:[.,]\d+)?)\s*['′’m:]?\s*"
    r"(?:(?P<s{0}>\d+(?:[.,]\d+)?)\s*(?:\"|″|”|''|s(?![a-z]))?)?\s*(?P<post{0}>[NSEW])?"
)
_DMS_PAIR = re.compile(rf"\s*{_DMS_HALF.format(1)}\s*[,;\s]\s*{_DMS_HALF.format(2)}\s*", re.IGNORECASE)
_LETTERED_DMS_PAIR = re.compile(rf"\s*{_DMS_HALF.format(1)}(?<=[NSEWnsew])\s*{_DMS_HALF.format(2)}\s*", re.IGNORECASE)
_GEO_URI = re.compile(
    rf"geo:({_DECIMAL}),({_DECIMAL})(?:,{_DECIMAL})?(?:[;?].*)?", re.IGNORECASE
)  # RFC 5870, and the ?z= that phones add
_URL_PATTERNS = tuple(
    re.compile(pattern.replace("NUM", r"(-?\d+(?:\.\d+)?)"))
    for pattern in (
        "!3dNUM!4dNUM",
        r"[?&](?:q|query|ll|sll|daddr|center|cp|destination)=(?:loc:)?NUM[,~]\s*NUM",
        "[?&]mlat=NUM&(?:amp;)?mlon=NUM",
        "[?&]lat=NUM&(?:amp;)?(?:lon|lng)=NUM",
        "@NUM,NUM",
        r"#(?:map=)?\d+(?:\.\d+)?/NUM/NUM",
    )
)
_PLUS_CODE = re.compile(r"\b[2-9CFGHJMPQRVWX]{4,8}\+[2-9CFGHJMPQRVWX]{2,3}\b")


def parse_point(text: str) -> Point:
    """Read a point from text, latitude first unless letters say otherwise.

    Understands decimal degrees (``48.8584, 2.2945``; ``48.86N 2.29E``; decimal commas when a space or
    semicolon separates the numbers), degrees and minutes with or without seconds, ``geo:`` URIs (RFC 5870)
    and the addresses of common web maps. Plus codes are not coordinates and are refused with a hint.

    Raises:
        CoordinateError: the text is none of these, or the values are out of range.
    """
    text = unquote(text.strip())
    if match := _GEO_URI.fullmatch(text):
        lat, lon = _number(match[1]), _number(match[2])
        return point(lat, 0.0 if abs(lat) == 90.0 else lon)
    if "://" in text:
        for pattern in _URL_PATTERNS:
            if match := pattern.search(text):
                return point(float(match[1]), float(match[2]))
        raise CoordinateError(f"No coordinates were found in the address {text!r}. Give them as {_EXAMPLES}.")
    if _PLUS_CODE.search(text):
        raise CoordinateError(f"{text!r} is a plus code, which is not read here. Give {_EXAMPLES}.")
    for pattern in _DECIMAL_PAIRS:
        if match := pattern.fullmatch(text):
            values = [_number(match["value1"]), _number(match["value2"])]
            return _combine(values, [_letter(match, 1), _letter(match, 2)], text)
    match = _DMS_PAIR.fullmatch(text) or _LETTERED_DMS_PAIR.fullmatch(text)
    if match is None:
        raise CoordinateError(f"{text!r} is not a location that can be read. Write it as {_EXAMPLES}.")
    return _combine([_dms(match, 1, text), _dms(match, 2, text)], [_letter(match, 1), _letter(match, 2)], text)


def _number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", "."))


def _letter(match: re.Match[str], half: int) -> str:
    return (match[f"pre{half}"] or match[f"post{half}"] or "").upper()


def _dms(match: re.Match[str], half: int, text: str) -> float:
    degrees, minutes, seconds = (float(_number(match[f"{unit}{half}"] or "0")) for unit in "dms")
    if minutes >= 60.0 or seconds >= 60.0:
        raise CoordinateError(f"{text!r}: minutes and seconds must be below 60.")
    value = degrees + minutes / 60.0 + seconds / 3600.0
    return -value if match[f"sign{half}"] in {"-", "−"} else value


def _combine(values: list[float], letters: list[str], text: str) -> Point:
    """Put two halves in order and give them their signs."""
    if letters[0] in {"E", "W"} or letters[1] in {"N", "S"}:
        letters, values = letters[::-1], values[::-1]
    if letters[0] in {"E", "W"} or letters[1] in {"N", "S"}:
        raise CoordinateError(f"{text!r} names two latitudes or two longitudes. Write it as {_EXAMPLES}.")
    for i, negative in enumerate("SW"):
        if letters[i] and values[i] < 0:
            raise CoordinateError(f"{text!r} has both a minus sign and the letter {letters[i]}: use one.")
        if letters[i] == negative:
            values[i] = -values[i]
    return point(values[0], values[1])
