"""Every constant of reading text and of the cues' error models, in one place.

The error models' constants were set beforehand from general reasoning on signs and names, not fitted to pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from whence.core.errors import OptionError


@dataclass(frozen=True)
class Config:
    """How text is read and how far each cue is trusted. Shares are probabilities, bounds are bits."""

    detect_px: int = 1280
    """Longer side of the picture in which text is looked for; recognition uses the view's full size."""

    enlarge_px: int = 736
    """A picture whose shorter side is below this is enlarged to it for detection, up to ``detect_px``."""

    min_confidence: float = 0.6
    """Lines that the reader is less sure of are dropped, 0..1."""

    unsure_confidence: float = 0.85
    """Below this a line is also given to tesseract, for scripts that the main reader does not know, 0..1."""

    max_second_readings: int = 6
    """At most this many lines a view are read a second time, the largest first."""

    panorama_crops: int = 4
    """A panorama is read in this many overlapping crops of its middle band."""

    threads: int = 0
    """Threads of the reader; 0 takes what OMP_NUM_THREADS says, else one a core, four at most."""

    alien_share: float = 0.03
    """Share of pictures all of whose text belongs elsewhere: packaging, tourist shops, a lorry, a film set."""

    max_claims: int = 12
    """At most this many claims a query, the most informative first."""

    min_gain_bits: float = 0.03
    """A cue that tells less than this, averaged over where people live, is not claimed."""

    max_lines: int = 400
    """Only this many lines are looked at for cues."""

    language_bound_bits: float = 10.0
    """A language never speaks more than this against any place, relative to the best one."""

    language_foreign_share: float = 0.02
    """Share of signs in a language foreign to the country, spread over languages by their speakers."""

    language_english_share: float = 0.08
    """Share of signs in English where it is not a language of the country: shops, tourism."""

    language_unofficial_weight: float = 0.06
    """Weight on signs of a language that people know but that is not official, against an official one."""

    language_regional_weight: float = 0.5
    """The same for a language that is official in a part of the country only."""

    language_min_letters: int = 5
    """Fewer letters than this, international words left out, say nothing of the language."""

    language_word_nats: float = 2.5
    """How much a common word of a language speaks for it against languages without it; reading errors allowed for."""

    language_letter_nats: float = 1.2
    """The same for a letter that only some languages write; once a letter, because readers confuse accents."""

    language_name_share: float = 0.4
    """Share of very short texts without a frequent word that are names and tell no language; less for longer ones."""

    language_second_nats: float = 14.0
    """A second language is assumed on a sign when it explains the letters' statistics better by this much."""

    language_translation_power: float = 0.3
    """Exponent on the likelihood of English lines beside another language, or Latin ones beside another script."""

    name_rate: float = 0.01
    """How often a line of text on the spot is the name of a given town there."""

    name_elsewhere: float = 0.15
    """References to a place from far away (dishes, clubs, brands, streets) over those from around it."""

    name_fame_exponent: float = 0.25
    """A place is named on its own signs as its population (over 10,000) to this power."""

    name_far_share: float = 0.3
    """Share of a name's references from the wider area (road signs, shops) rather than the place itself."""

    name_alternate_weight: float = 0.5
    """How often a place is named by one of its other names (foreign, historical), against its main name."""

    name_common_countries: int = 5
    """A name borne by places in more countries than this is taken for a common word or personal name."""

    country_name_wrong: float = 0.6
    """Share of country names and demonyms in pictures that stand for another place than the one around."""

    phone_wrong: float = 0.06
    """Share of international numbers that are of another country than where the picture was taken."""

    phone_area_share: float = 0.7
    """Share of geographic numbers shown within the area of their code rather than anywhere in the country."""

    phone_national_wrong: float = 0.25
    """Share of numbers without country code that were misread or are no phone numbers at all."""

    phone_national_bound_bits: float = 5.0
    """A number without country code never speaks more than this against any place."""

    domain_wrong: float = 0.08
    """Share of national domains seen outside their country."""

    domain_generic_wrong: float = 0.8
    """The same for national domains that are sold worldwide (.tv, .io, .me)."""

    money_wrong: float = 0.12
    """Share of currency symbols seen outside the currency's area, misread ones included."""

    postcode_wrong: float = 0.15
    """Share of texts in a distinctive postcode format that are none, or are of elsewhere."""

    postcode_weak_wrong: float = 0.6
    """The same for a format that many countries share or that other numbers imitate."""

    plate_wrong: float = 0.5
    """Share of texts in a country's plate format that are none, or are cars from abroad."""

    plate_bound_bits: float = 3.0
    """A plate never speaks more than this against any place."""

    street_wrong: float = 0.2
    """Share of street-type words that are no street names of the place (brands, foreign words)."""

    street_same_language: float = 0.4
    """Exponent on a street-type or road-sign word's likelihood when its language was already counted."""

    road_wrong: float = 0.25
    """Share of road-sign words that stand elsewhere: shop names, sports grounds, souvenirs."""

    road_bound_bits: float = 5.0
    """A road-sign word never speaks more than this against any place."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            share = item.name.endswith(("_wrong", "_share")) or item.name.endswith("confidence")
            if share and not 0.0 < value < 1.0:
                raise OptionError(f"text.{item.name} must lie between 0 and 1, received {value}.")
            if not share and not value >= 0:
                raise OptionError(f"text.{item.name} must not be negative, received {value}.")
        if self.detect_px < 64:
            raise OptionError(f"text.detect_px must be 64 or more, received {self.detect_px}.")
