"""The small model between what a network sees in a picture and what the place is like.

With the features ``φ`` of a picture, centred and scaled, and the traits ``g`` of a place
(`whence.evidence.scene.landscape`), the likelihood ratio of the picture at the place is

    L(place) = w + (1 − w) · exp(φᵀ W g(place)) / E[exp(φᵀ W g)]

where the mean is over the default prior and ``w`` is the share of pictures that say nothing. ``W`` is a table fitted by
`whence.evidence.scene.fitting` and kept in ``data/`` with what it was fitted on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, final

import numpy as np
from jaxtyping import Float

from whence.core.errors import ArtifactError, OptionError
from whence.earth.field import Field
from whence.evidence.prior import prior_field
from whence.evidence.scene.assets import Asset
from whence.evidence.scene.landscape import TRAITS, landscape
from whence.evidence.types import Claim

SCHEMA = "whence.scene/1"
"""Layout of the tables that this code reads."""

FARTHEST = 4.0
"""Features count up to this many spreads from their centre."""

_TOLD, _TOLD_FROM = 3, 0.05


@final
@dataclass(frozen=True, eq=False)
class SceneTable:
    """Weights between features of pictures and traits of places.

    Attributes:
        features: names of the features.
        centres: mean of each where the model was fitted.
        spreads: standard deviation of each there.
        weights: ``W`` above.
        provenance: what it was fitted on, how, and with which result.
    """

    features: tuple[str, ...]
    centres: Float[np.ndarray, " k"]
    spreads: Float[np.ndarray, " k"]
    weights: Float[np.ndarray, "k t"]
    provenance: Mapping[str, Any]

    @staticmethod
    def load(name: str, network: Asset) -> SceneTable:
        """Read a shipped table.

        Args:
            name: of the table, without ending.
            network: the file whose outputs the table was fitted to.

        Raises:
            ArtifactError: see `read`.
        """
        return SceneTable.read(Path(str(files("whence.evidence.scene") / "data" / f"{name}.json")), network)

    @staticmethod
    def read(path: Path, network: Asset) -> SceneTable:
        """Read a table that ``scripts/fit_scenery.py`` wrote.

        Args:
            path: of the table.
            network: the file whose outputs the table was fitted to.

        Raises:
            ArtifactError: the table is missing, damaged, of another layout or for another network.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            model = SceneTable(
                tuple(content["features"]),
                np.asarray(content["centres"], np.float64),
                np.asarray(content["spreads"], np.float64),
                np.asarray(content["weights"], np.float64),
                MappingProxyType(content["provenance"]),
            )
            known = content["schema"], tuple(content["traits"]), content["network_sha256"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ArtifactError(
                f"The table {path} of scenery cannot be read ({error}). Fit it with: python scripts/fit_scenery.py"
            ) from error
        wanted = SCHEMA, tuple(trait.name for trait in TRAITS), network.sha256
        if known != wanted or model.weights.shape != (len(model.features), len(TRAITS)):
            raise ArtifactError(
                f"The table {path} of scenery is {known} with weights of shape {model.weights.shape}; needed is "
                f"{wanted}. Fit it again with: python scripts/fit_scenery.py"
            )
        return model

    def to_json(self, network: Asset) -> str:
        """The table as text, rounded to what matters."""
        content = {
            "schema": SCHEMA,
            "network_sha256": network.sha256,
            "provenance": dict(self.provenance),
            "traits": [trait.name for trait in TRAITS],
            "features": list(self.features),
            "centres": np.round(self.centres, 5).tolist(),
            "spreads": np.round(self.spreads, 5).tolist(),
            "weights": np.round(self.weights, 4).tolist(),
        }
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

    def pulls(self, features: Float[np.ndarray, " k"]) -> Float[np.ndarray, " t"]:
        """How a picture pulls along each trait: nats for each spread of the trait."""
        scaled = np.clip((features - self.centres) / self.spreads, -FARTHEST, FARTHEST)
        return np.asarray(scaled @ self.weights)


def mixed(score: Field, wrong_share: float) -> Field:
    """``log (w + (1 − w) · exp(score) / E[exp(score)])``, the mean over the default prior.

    Args:
        score: a log-likelihood up to a constant.
        wrong_share: ``w``.
    """
    values = score.values - prior_field().expected(score)
    return Field(score.partition, np.logaddexp(np.log(wrong_share), np.log1p(-wrong_share) + values))


def likelihood(pulls: Float[np.ndarray, " t"], wrong_share: float) -> Field:
    """``log L`` above, over the Earth.

    Args:
        pulls: of a picture.
        wrong_share: ``w`` above.
    """
    partition, traits = landscape()
    return mixed(Field(partition, traits @ pulls), wrong_share)


def claim_of(
    pulls: Float[np.ndarray, " t"], *, kind: str, read: str, wrong_share: float, views: int, view: int
) -> Claim:
    """The claim of one view.

    Args:
        pulls: of the view.
        kind: of the claim.
        read: what was seen, in words.
        wrong_share: ``w`` above.
        views: how many views of the place there are; they show much the same, so all together count as one.
        view: number of the view.
    """
    return Claim(
        kind=kind,
        read=read,
        implies=in_words(pulls),
        error_model=f"says nothing of the place in {wrong_share:.0%} of pictures",
        likelihood=likelihood(pulls, wrong_share).scale(1.0 / views),
        view=view,
    )


def in_words(pulls: Float[np.ndarray, " t"]) -> str:
    """The traits that a picture speaks for, strongest first, each with its factor for one spread of the trait."""
    strongest = np.argsort(-np.abs(pulls), kind="stable")[:_TOLD]
    told = [n for n in strongest if abs(pulls[n]) >= _TOLD_FROM]
    if not told:
        return "nothing that tells places apart"
    words = [f"{TRAITS[n].more if pulls[n] > 0 else TRAITS[n].less} (×{np.exp(abs(pulls[n])):.1f})" for n in told]
    return "a place with " + ", ".join(words)


def check_share(value: float, name: str) -> None:
    """Refuse a share that is none.

    Raises:
        OptionError: it does not lie between 0 and 1, both excluded.
    """
    if not 0.0 < value < 1.0:
        raise OptionError(f"{name} is a share between 0 and 1, received {value}.")
