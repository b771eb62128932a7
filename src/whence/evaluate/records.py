"""What is kept of every prediction, so that it can be scored without the model: `Record` and `Run`.

A run is one pass over a data set by one configuration. Its file (`whence.evaluate.prediction_file`) is Parquet, one
row a picture; scoring, calibration and reports read records and touch neither models nor pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from whence.earth.field import Field

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Truth:
    """Where a picture was taken.

    Attributes:
        lat_deg: latitude, WGS84.
        lon_deg: longitude.
        accuracy_km: radius in which the camera stood; ``None`` where the data set does not say.
        group: photographer or album; ``None`` where it is not known.
        attributes: whatever else the data set says of the picture, as text.
    """

    lat_deg: float
    lon_deg: float
    accuracy_km: float | None = None
    group: str | None = None
    attributes: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True, eq=False)
class SourceRecord:
    """What one evidence source said of one picture.

    Attributes:
        source: its name.
        likelihood: sum of its claims' log-likelihoods over the Earth, nats, *before* the temperature; ``None`` if it
            said nothing.
        temperature: what the likelihood was divided by when it was fused.
        bits: what it contributed at the answer, as in the ledger.
        failure: why it gave nothing although it was asked.
        elapsed_ms: time it took.
    """

    source: str
    likelihood: Field | None
    temperature: float = 1.0
    bits: float = 0.0
    failure: str | None = None
    elapsed_ms: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One picture of a run.

    Attributes:
        name: path of the picture below the data set's root.
        sha256: of its bytes; empty if it could not be read.
        truth: where it was taken.
        lat_deg: latitude of the answer; NaN if there is none.
        lon_deg: longitude of the answer.
        p50_km: distance from the answer that holds half of the belief.
        p90_km: the same for nine tenths.
        abstained: whether the system called its answer too wide to be used.
        belief: the normalised posterior, log-density; ``None`` for systems that give points only, and on failures.
        sources: what each source said, in the order in which they were asked.
        estimate: the answer as ``whence locate --json`` writes it, with its ledger; ``None`` where there is none.
        failure: why there is no answer.
        elapsed_ms: wall time of the picture, from its bytes to its answer.
    """

    name: str
    sha256: str
    truth: Truth
    lat_deg: float
    lon_deg: float
    p50_km: float
    p90_km: float
    abstained: bool
    belief: Field | None = None
    sources: tuple[SourceRecord, ...] = ()
    estimate: Mapping[str, Any] | None = None
    failure: str | None = None
    elapsed_ms: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What all records of a file have in common.

    Attributes:
        dataset: name of the data set, or the file that lists it.
        prior: the normalised prior that every belief started from.
        versions: of program, tables, configuration and models, as in an estimate.
        options: how the pictures were located, by name, as text.
        machine: what it ran on.
        created: when, ISO 8601 in UTC.
        system: name of the system in tables and leaderboards.
    """

    dataset: str
    prior: Field
    versions: Mapping[str, str]
    options: Mapping[str, str]
    machine: str
    created: str
    system: str = "whence"
