"""Lists of countries with relative rates, as the tables write them: ``DE AT CH:0.1 *:0.5``."""

from __future__ import annotations

from functools import lru_cache

from whence.earth.countries import countries, country


@lru_cache(maxsize=512)
def _parsed(text: str) -> tuple[tuple[str, float], ...]:
    rates: dict[str, float] = {}
    rest = 0.0
    for item in text.split():
        code, _, rate = item.partition(":")
        if code == "*":
            rest = float(rate or 1.0)
        else:
            rates[code] = float(rate or 1.0)
    if rest > 0.0:
        rates = {**dict.fromkeys(countries(), rest), **rates}
    return tuple(rates.items())


def country_rates(text: str) -> dict[str, float]:
    """Return the rate of each country; a country without a number has 1, ``*`` stands for all others."""
    return dict(_parsed(text))


def in_words(rates: dict[str, float], limit: int = 4) -> str:
    """Name the countries of the highest rates, the most populous first."""
    top = max(rates.values())
    named = [code for code, rate in rates.items() if rate >= 0.3 * top]
    if len(named) > 60:
        return "most countries"
    named.sort(key=lambda code: -rates[code] * country(code).population)
    return ", ".join(country(code).name for code in named[:limit]) + (", …" if len(named) > limit else "")
