"""Prices: currency symbols and codes next to a number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from whence.earth.countries import countries, country
from whence.evidence.text.config import Config
from whence.evidence.text.likelihood import Signal, of_countries
from whence.evidence.text.lines import TextLine

_AMOUNT = r"(?:\d{1,3}(?:[.,'’ ]\d{3})+|\d{1,7})(?:[.,]\d{1,2}|,-|[.,]–|,--)?"
_SIGNS = {
    "€": ("EUR",), "£": ("GBP",), "¥": ("JPY", "CNY"), "￥": ("JPY", "CNY"), "円": ("JPY",), "元": ("CNY", "TWD"),
    "₩": ("KRW",), "원": ("KRW",), "₹": ("INR",), "₽": ("RUB",), "руб": ("RUB", "BYN"), "₴": ("UAH",),
    "грн": ("UAH",), "₸": ("KZT",), "₺": ("TRY",), "₪": ("ILS",), "₫": ("VND",), "฿": ("THB",), "บาท": ("THB",),
    "₦": ("NGN",), "₱": ("PHP",), "₲": ("PYG",), "₡": ("CRC",), "₾": ("GEL",), "₼": ("AZN",), "₵": ("GHS",),
    "៛": ("KHR",), "₭": ("LAK",), "₮": ("MNT",), "৳": ("BDT",), "zł": ("PLN",), "zl": ("PLN",), "kč": ("CZK",),
    "ft": ("HUF",), "лв": ("BGN",), "lei": ("RON", "MDL"), "kr": ("SEK", "NOK", "DKK", "ISK"),
    "kr.": ("DKK", "ISK", "NOK", "SEK"), "rsd": ("RSD",), "din": ("RSD",), "km": (), "r$": ("BRL",),
    "s/": ("PEN",), "s/.": ("PEN",), "rp": ("IDR",), "rm": ("MYR",), "nt$": ("TWD",), "hk$": ("HKD",),
    "a$": ("AUD",), "us$": ("USD",), "c$": ("CAD",), "nz$": ("NZD",), "s$": ("SGD",), "rs": ("INR", "PKR", "LKR"),
    "rs.": ("INR", "PKR", "LKR"), "ksh": ("KES",), "tsh": ("TZS",), "ush": ("UGX",), "tl": ("TRY",), "bs": ("BOB",),
    "q": (), "fr.": ("CHF",), "sfr": ("CHF",), "dh": ("MAD", "AED"), "fcfa": ("XOF", "XAF"), "cfa": ("XOF", "XAF"),
    "$": ("USD", "MXN", "CAD", "AUD", "ARS", "CLP", "COP", "NZD", "SGD", "HKD", "TWD", "UYU"),
}  # fmt: skip
_LETTERED = {sign for sign in _SIGNS if sign[0].isalpha()}
_AFTER_ONLY = {"kr", "kr.", "zł", "zl", "kč", "ft", "lei", "лв", "руб", "грн", "tl", "din", "bs", "円", "元", "원"}


@dataclass(frozen=True)
class Price:
    """An amount with its currency.

    Attributes:
        text: as read.
        line: index of the line.
        sign: the symbol or code, lower case.
        currencies: ISO 4217 codes that it stands for.
        sign_first: whether the symbol stands before the number.
    """

    text: str
    line: int
    sign: str
    currencies: tuple[str, ...]
    sign_first: bool


@lru_cache(maxsize=1)
def _codes() -> frozenset[str]:
    return frozenset(code for entry in countries().values() for code in entry.currencies)


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    signs = sorted((s for s, codes in _SIGNS.items() if codes), key=len, reverse=True)
    either = "|".join([re.escape(s) for s in signs] + sorted(_codes()))
    return re.compile(
        rf"(?i)(?<![^\W_])(?P<before>{either})\s?(?P<a>{_AMOUNT})(?!\w)|(?<![\w.,])(?P<b>{_AMOUNT})\s?(?P<after>{either})(?![^\W\d_])"
    )


def _meaning(sign: str, shown: str) -> tuple[str, ...]:
    if sign in _SIGNS:
        return _SIGNS[sign]
    return (shown,) if shown.isupper() and shown in _codes() else ()


def extract(lines: Sequence[TextLine], config: Config) -> list[Price]:
    """Find amounts of money, each symbol once."""
    del config
    found: dict[str, Price] = {}
    for number, line in enumerate(lines):
        for match in _pattern().finditer(line.text):
            shown = match.group("before") or match.group("after")
            sign = shown.casefold()
            first = match.group("before") is not None
            if sign in found or (first and sign in _AFTER_ONLY and sign not in {"kr", "kr."}):
                continue
            currencies = _meaning(sign, shown)
            if currencies and not (sign in {"ft", "tl", "bs", "dh", "din", "rm", "rp"} and shown.islower()):
                found[sign] = Price(match.group().strip(), number, sign, currencies, first)
    return list(found.values())


def likelihood(price: Price, config: Config) -> Signal:
    """Prices are in the currency of the country; of several with one symbol, all are possible."""
    weights = {}
    for code, entry in countries().items():
        shared = [currency for currency in entry.currencies if currency in price.currencies]
        if shared:
            main = entry.currencies[0] in price.currencies
            weights[code] = (1.0 if main else 0.2) * (0.6 if price.currencies.index(shared[0]) > 4 else 1.0)
            weights[code] *= _order_weight(price, code)
    named = sorted(weights, key=lambda c: -weights[c] * country(c).population)
    names = ", ".join(country(c).name for c in named[:4]) + (", …" if len(named) > 4 else "")
    return Signal(
        kind="currency",
        read=price.text,
        implies=f"prices are written so in {names}" if named else "a currency of no country",
        error_model=(
            f"{config.money_wrong:.0%} of currency symbols are misread or seen abroad and say nothing; fines and "
            "prices are otherwise in the currency of the country."
        ),
        likelihood=of_countries(weights, config.money_wrong),
        lines=(price.line,),
    )


_EURO_FIRST = {"IE", "NL", "MT", "AT", "CY", "LU", "BE"}


def _order_weight(price: Price, code: str) -> float:
    """Euro before the number is the custom of some countries only; both are seen everywhere."""
    if price.sign != "€":
        return 1.0
    return 1.0 if (code in _EURO_FIRST) == price.sign_first else 0.5
