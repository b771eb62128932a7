"""Names typed into files."""

import numpy as np
import pytest

from whence.core.errors import OptionError
from whence.earth.regions import RegionLevel, regions
from whence.estimate.fuse import fuse
from whence.evidence.names import Config, Names, resolve
from whence.evidence.prior import prior_field
from whence.evidence.types import Evidence
from whence.samples.view import Metadata, PlaceName, Query, Tagged, View


def view(keywords=(), **names):
    tags = tuple(Tagged(PlaceName(level, text), "test") for level, text in names.items())
    metadata = Metadata(place_names=tags, keywords=tuple(Tagged(word, "test") for word in keywords))
    return View(np.zeros((8, 8, 3), np.uint8), (8, 8), "made", "", "PNG", metadata=metadata)


def belief(*views):
    return fuse(prior_field(), [Evidence("names", Names().read(Query(views)))])


def test_city_is_found_within_its_country_and_region():
    typed = resolve(view(city="Springfield", region="Illinois", country="United States"))
    assert typed.countries == ("US",)
    assert typed.divisions == ("US.IL",)
    assert [place.division for place in typed.places] == ["US.IL"]
    assert resolve(view(city="Paris", region="TX", country="USA")).places[0].division == "US.TX"


def test_belief_lies_around_the_city_typed():
    found = belief(view(city="Köln", country="Germany"))
    region = found.credible_region(0.5)
    assert region.contains(50.94, 6.96)
    assert region.area_km2 < 5_000
    assert regions(RegionLevel.COUNTRY).marginalise(found)["DE"] > 0.8


def test_unknown_city_falls_back_to_its_region():
    found = belief(view(city="Xyzzyville", region="California", country="United States"))
    assert regions(RegionLevel.REGION).marginalise(found)["US.CA"] > 0.6


def test_country_code_alone_is_understood():
    assert regions(RegionLevel.COUNTRY).marginalise(belief(view(country="HR")))["HR"] > 0.7


def test_sublocation_counts_only_near_its_city():
    typed = resolve(view(sublocation="Moabit", city="Berlin", country="Germany"))
    assert typed.finest in {"Moabit", "Berlin"}
    assert all(abs(place.lat_deg - 52.5) < 1.0 for place in typed.places[:1])
    far = resolve(view(sublocation="Munich", city="Berlin", country="Germany"))
    assert far.finest == "Berlin"
    assert resolve(view(sublocation="Grand Canyon")) is None


def test_names_typed_together_are_one_claim():
    claims = Names().read(Query((view(city="Moab", region="Utah", country="United States"),)))
    assert [claim.kind for claim in claims] == ["place name in the file"]
    assert claims[0].read == "Moab, Utah, United States"
    assert claims[0].implies == "around Moab, United States"


def test_wrong_names_can_be_outvoted():
    (claim,) = Names().read(Query((view(city="Köln", country="Germany"),)))
    floor = np.log(Config().wrong_share) + np.log(1.0 - Config().alien_share)
    assert claim.likelihood.values.min() > floor - 0.1
    assert np.isfinite(claim.likelihood.values).all()


def test_two_views_that_disagree_leave_both_open():
    found = belief(view(country="France"), view(country="Japan"))
    held = regions(RegionLevel.COUNTRY).marginalise(found)
    assert held["FR"] > 0.05
    assert held["JP"] > 0.05


def test_keywords_are_weak_and_common_words_none():
    claims = Names().read(Query((view(keywords=["lake", "boat", "Norway", "holiday", "Barcelona"]),)))
    assert [claim.read for claim in claims] == ["Norway", "Barcelona"]
    alone = Names().read(Query((view(keywords=["Norway"]),)))[0].likelihood
    assert alone.values.min() > np.log(0.25)


@pytest.mark.parametrize("text", ["", "   ", "???", "🏔️", "x" * 5000, "\u202eabc", "\ud800"])
def test_odd_names_give_no_claims(text):
    assert Names().read(Query((view(city=text, country=text, region=text, sublocation=text),))) == ()


def test_nothing_typed_gives_no_claims():
    assert Names().read(Query((view(),))) == ()
    assert Names().read(Query(())) == ()


def test_settings_out_of_range_are_refused():
    with pytest.raises(OptionError, match=r"names\.wrong_share"):
        Names(Config(wrong_share=0.0))
