"""Settings of registration, and what may be known beforehand of how the query lies."""

from __future__ import annotations

from dataclasses import dataclass

from whence.core.errors import OptionError

MATCHINGS = ("mutual", "lighterglue")
MODELS = ("similarity", "affine", "homography")
_MOST_TURN = 180.0


@dataclass(frozen=True)
class RegisterConfig:
    """Which features, how they are paired, and what transforms are accepted."""

    features: str = "sift"
    "Local encoders, separated by commas; their points are pooled. sift needs no files; sift,xfeat,aliked finds most."
    matching: str = "mutual"
    "mutual: nearest neighbours of each other; lighterglue: a network that pairs the points of XFeat."
    weights: str = ""
    "Folder with the files that encoders and matchers need; $WHENCE_ASSETS if empty."
    dense: bool = False
    "Also look for the place by correlating directions of gradients, where points fail."
    ratio: float = 0.95
    "A pair's distance is at most this share of that to the second nearest."
    inlier_px: float = 4.0
    "Pairs further from where the transform takes them are not explained by it, in pixels of the reference."
    rough_px: float = 10.0
    "The same for the first transform, which is found without refinement."
    guide_px: str = "24,12"
    "Radii within which points are paired again around a found transform, in turn."
    models: str = "similarity,affine,homography"
    "Transforms to choose from."
    penalty: float = 12.0
    "What a further parameter of a transform must gain in explained pairs, as multiple of the usual penalty."
    misfit: float = 1.0
    "Share of the residuals that all points have in common, which more points do not average out."
    samples: int = 2000
    "Similarities drawn for one set of pairs."
    hypotheses: int = 3
    "Places that are refined and compared."
    scales: str = "1,0.5,2"
    "Factors on the query that are tried where nothing is known of its scale."
    turn_step_deg: float = 45.0
    "Directions that are tried with features that do not turn with the picture."
    magnify: float = 1.0
    "Enlargement of both pictures before points are sought."
    cached: int = 16
    "References whose features are kept."
    seed: int = 0
    "Of the draws."

    def __post_init__(self) -> None:
        if self.matching not in MATCHINGS:
            raise OptionError(f"register.matching is one of {', '.join(MATCHINGS)}; received {self.matching!r}.")
        if not self.model_names or not set(self.model_names) <= set(MODELS):
            raise OptionError(f"register.models is a list of {', '.join(MODELS)}; received {self.models!r}.")
        if min(self.inlier_px, self.rough_px, self.magnify, self.turn_step_deg, *self.radii_px, *self.factors) <= 0:
            raise OptionError(f"Distances, factors and steps of register are above 0, received {self}.")
        if min(self.samples, self.hypotheses, self.cached) < 1 or not 0.0 < self.ratio <= 1.0 or self.misfit < 0.0:
            raise OptionError(
                f"samples, hypotheses and cached ≥ 1, 0 < ratio ≤ 1 and misfit ≥ 0 are needed, received {self}."
            )

    @property
    def encoder_names(self) -> tuple[str, ...]:
        """Names of the local encoders."""
        return tuple(name.strip() for name in self.features.split(",") if name.strip())

    @property
    def model_names(self) -> tuple[str, ...]:
        """Transforms to choose from, simplest first."""
        given = {name.strip() for name in self.models.split(",") if name.strip()}
        return (*(m for m in MODELS if m in given), *sorted(given - set(MODELS)))

    @property
    def radii_px(self) -> tuple[float, ...]:
        """Radii of the guided rounds."""
        return _numbers(self.guide_px, "guide_px")

    @property
    def factors(self) -> tuple[float, ...]:
        """Factors on the query without a known scale."""
        return _numbers(self.scales, "scales")


@dataclass(frozen=True, slots=True)
class PosePrior:
    """What is known of how a query lies, before it is looked at.

    Attributes:
        gsd_m_per_px: metres on the ground a pixel of the query; ``None`` if unknown.
        scale_range: the true value is at most this factor away.
        heading_deg: bearing of its upward direction; ``None`` if unknown.
        heading_range_deg: the true value is at most so far away.
    """

    gsd_m_per_px: float | None = None
    scale_range: float = 1.6
    heading_deg: float | None = None
    heading_range_deg: float = 60.0

    def __post_init__(self) -> None:
        if self.gsd_m_per_px is not None and not self.gsd_m_per_px > 0.0:
            raise OptionError(f"A ground sample distance is above 0 m, received {self.gsd_m_per_px}.")
        if not self.scale_range >= 1.0 or not 0.0 < self.heading_range_deg <= _MOST_TURN:
            raise OptionError(f"scale_range ≥ 1 and 0 < heading_range_deg ≤ 180 are needed, received {self}.")


def _numbers(text: str, name: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise OptionError(f"register.{name} is a list of numbers such as 24,12; received {text!r}.") from error
