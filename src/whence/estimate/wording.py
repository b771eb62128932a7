"""How numbers are said: distances, shares, areas, bits and places, the same in every text, report and notebook."""

from __future__ import annotations

import math

from whence.estimate.types import Calibrated, Candidate, Estimate, LedgerEntry, RegionProbability, RegionSet

_LISTED = 12
_WIDE = 0.8
NOT_POSSIBLE = "ruled out"
NOT_MEASURED = "not measured"


def one_line(text: str, limit: int) -> str:
    """One line of visible characters: what is read in a picture may hold anything."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def distance(km: float) -> str:
    """A distance with a sensible unit and two significant digits or more: ``8 m``, ``3.4 km``, ``1,240 km``."""
    if km < 0.001:
        return "under 1 m" if km > 0.0 else "0 m"
    if km < 0.9995:
        return f"{_two(km * 1000.0)} m"
    return f"{_two(km)} km"


def _two(value: float) -> str:
    if value < 9.95:
        return f"{value:.1f}".removesuffix(".0")
    digits = 3 if value >= 100.0 else 2
    step = 10.0 ** (math.floor(math.log10(value)) - digits + 1)
    return f"{round(value / step) * step:,.0f}"


def area(km2: float) -> str:
    """An area: ``420 m²``, ``0.35 km²``, ``2.1 million km²``."""
    if km2 < 0.01:
        return f"{_two(max(km2 * 1e6, 0.0))} m²"
    if km2 < 1.0:
        return f"{km2:.2f} km²"
    return f"{_two(km2 / 1e6)} million km²" if km2 >= 1e6 else f"{_two(km2)} km²"


def percent(probability: float) -> str:
    """A share, never rounded to certainty: ``97 %``, ``< 1 %``, ``> 99 %``."""
    if 0.0 < probability < 0.01:
        return "< 1 %" if probability < 0.005 else "1 %"
    if 0.99 < probability < 1.0 - 1e-9:
        return "> 99 %" if probability > 0.995 else "99 %"
    return f"{100.0 * min(max(probability, 0.0), 1.0):.0f} %"


def bits(value: float) -> str:
    """Signed bits: ``+12.3``, ``−0.4``; what cannot be is ``ruled out``."""
    if not math.isfinite(value):
        return NOT_POSSIBLE
    rounded = round(value, 1)
    return f"{'−' if rounded < 0 else '+' if rounded > 0 else ''}{abs(rounded):.1f}"


def times(value_bits: float) -> str:
    """Bits as a factor: ``8 times``, ``1.2 million times``."""
    factor = 2.0 ** min(abs(value_bits), 300.0)
    for size, name in ((1e15, ""), (1e12, " trillion"), (1e9, " billion"), (1e6, " million")):
        if factor >= size:
            return "over a thousand trillion times" if not name else f"{_two(factor / size)}{name} times"
    return f"{_two(factor)} times"


def coordinates(lat_deg: float, lon_deg: float, error_km: float) -> str:
    """A point to about a tenth of its error: ``43.4686° N, 11.8769° E``."""
    decimals = 1 if error_km <= 0.0 else math.ceil(-math.log10(max(error_km, 1e-4) / 111.0 / 3.0))
    decimals = min(max(decimals, 1), 6)
    north, east = ("N" if lat_deg >= 0 else "S"), ("E" if lon_deg >= 0 else "W")
    return f"{abs(lat_deg):.{decimals}f}° {north}, {abs(lon_deg):.{decimals}f}° {east}"


def top_of(estimate: Estimate, level: str) -> tuple[RegionProbability, ...]:
    """The regions of one level, most probable first."""
    return tuple(region for region in estimate.regions if region.level == level)


def where(estimate: Estimate) -> str:
    """Name of the answer."""
    if estimate.candidates:
        return estimate.candidates[0].label
    return coordinates(estimate.point.lat_deg, estimate.point.lon_deg, estimate.error_km["p50"])


def certainty(estimate: Estimate) -> str:
    """How far the belief spreads, in a sentence."""
    p50, p90 = distance(estimate.error_km["p50"]), distance(estimate.error_km["p90"])
    wide = max(estimate.credible, key=lambda region: region.level, default=None)
    size = f" The {percent(wide.level)} region covers {area(wide.area_km2)}." if wide else ""
    return f"Half of the belief lies within {p50} of the answer, 90 % within {p90}.{size}"


def calibrated(item: Calibrated) -> str:
    """What an answer was calibrated on, what that guarantees, and whether it fits, in sentences."""
    what = "Calibrated" if item.unit or item.rule else f"{', '.join(item.sources)}: calibrated"
    groups = "" if not item.groups else " of 1 photographer" if item.groups == 1 else f" of {item.groups} photographers"
    said = [f"{what} on {item.pictures:,} pictures{groups}."]
    if item.unit:
        alike = "pictures of new photographers" if item.unit == "group" else "pictures"
        said.append(f"Regions hold the truth as often as they say for {alike} that are taken like those.")
    said += [told for one in item.sets if one.level == "country" and (told := _set(one))]
    if not item.fits:
        said.append("Those were located with other sources, settings, models or prior: here it may not hold.")
    return " ".join(said)


def _set(one: RegionSet) -> str:
    if one.codes is None or len(one.codes) > _LISTED:
        many = "any" if one.codes is None else f"one of {len(one.codes)}"
        return "" if one.coverage < _WIDE else f"With {percent(one.coverage)}, the country is {many}."
    names = [code or "none (at sea)" for code in one.codes]
    return (
        f"With {percent(one.coverage)}, the country is {names[0] if len(names) == 1 else 'one of ' + ', '.join(names)}."
    )


def runner_up(estimate: Estimate) -> Candidate | None:
    """The second candidate, at which the ledger's second column is read."""
    return estimate.ledger.runner_up


def removal(entry: LedgerEntry) -> str:
    """What happens without a source."""
    if entry.without is None:
        return ""
    moved = entry.without.shift_km
    stays = "the answer stays" if moved < 0.0005 else f"the answer moves {distance(moved)}"
    return f"without it {stays}, and its surroundings hold {percent(entry.without.probability)} instead of 50 %"
