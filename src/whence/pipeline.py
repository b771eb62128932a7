"""The stages in a row: read, ask the sources, fuse, estimate. What Python users and the command line call."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from whence import __version__
from whence.core.bundle import find_bundle
from whence.core.bundle_header import HEADER, BundleHeader
from whence.core.config import build, fingerprint
from whence.core.errors import ArtifactError, OptionError, unknown_name
from whence.encode.published import PUBLISHED
from whence.estimate.calibration import Calibration
from whence.estimate.coarsen import LEVELS, coarsen
from whence.estimate.estimate import Config as EstimateConfig
from whence.estimate.estimate import estimate
from whence.estimate.fuse import add_up, fuse
from whence.estimate.types import Estimate, QueryInfo
from whence.evidence.constraints import Constraint, Constraints, parse_constraints
from whence.evidence.prior import Config as PriorConfig
from whence.evidence.prior import prior_field
from whence.evidence.run import gather, sources
from whence.evidence.types import Evidence, EvidenceSource
from whence.samples.view import Metadata, Query, View, ViewKind

if TYPE_CHECKING:
    from whence.crossview.refine import Refiner
    from whence.earth.field import Field

_REFINING = ("candidates", "crossview", "likeness", "match", "register", "verify")
"""Parts that have a say where tiles are given."""

NO_CALIBRATION = "none"
"""Value of `Options.calibration` that leaves out also what models bring."""

Picture = str | Path | bytes | BinaryIO | View
"""What `locate` takes: a path, the bytes of a file, an open binary file, or a view already read."""


@dataclass(frozen=True)
class Options:
    """How pictures are located. Everything that can change an answer is here."""

    ignore_gps: bool = False
    "Leave out everything that the GPS tags say, as for an honest test."
    within: tuple[str, ...] = ()
    "Areas that the picture was taken in: country, division (US.NV) or GeoJSON file; ~ makes one soft."
    exclude: tuple[str, ...] = ()
    "Areas that the picture was not taken in, written alike."
    near: tuple[str, ...] = ()
    "Discs LAT,LON,KM that the picture was taken in; ~ makes one soft."
    coarsest: str | None = None
    "Resolution floor: country, region or city. Nothing finer leaves the program."
    sources: tuple[str, ...] | None = None
    "Evidence sources to ask; all if not given. A leading - leaves one out of all."
    model: str | None = None
    "Model that reads the scenery: a bundle by name or folder, asked by the source that its kind is made for."
    prior: str = "photos"
    "Where pictures are taken before anything is known: photos, land, uniform or a field file."
    kind: str | None = None
    "From where the pictures look: ground, panorama, drone, satellite or map; what the files say if not given."
    tiles: str | None = None
    "Reference pictures from above on which views that look down are laid, where everything else believes them to be."
    top: int = 5
    "How many candidates, and regions of each level, are given."
    calibration: str | None = None
    "File of whence calibrate, applied to the answers; what the models bring if not given, nothing for none."
    settings: Mapping[str, str] = field(default_factory=dict)
    "Settings of the parts, such as exif.wrong_share=0.1."

    def __post_init__(self) -> None:
        if not 1 <= self.top <= 100:
            raise OptionError(f"top must lie within 1..100, received {self.top}.")
        if self.kind is not None and self.kind not in (kinds := [kind.value for kind in ViewKind]):
            raise unknown_name("kind of view", self.kind, kinds)
        if self.coarsest is not None and self.coarsest not in LEVELS:
            raise unknown_name("resolution floor", self.coarsest, LEVELS)


class Locator:
    """Locates pictures with one set of options; loads what it needs once and can be used from then on."""

    def __init__(self, options: Options | None = None) -> None:
        """Check the options.

        Raises:
            OptionError: an unknown source, setting, model or prior.
            ConstraintError: a constraint that cannot be understood, or constraints that rule out everything.
            ArtifactError: a calibration that is none.
        """
        self.options = options or Options()
        self._settings = _grouped(self.options.settings, self._known_parts())
        if self.options.model is not None:
            part = source_of_model(self.options.model)
            if "model" in self._settings.get(part, {}):
                raise OptionError(
                    f"The model is given twice: as {self.options.model!r} and by the setting {part}.model."
                )
            self._settings.setdefault(part, {})["model"] = self.options.model
        self.sources = self._make_sources()
        self.refiner = self._make_refiner()
        self.calibrations = self._find_calibrations()
        self.constraints: tuple[Constraint, ...] = parse_constraints(
            self.options.within, self.options.exclude, self.options.near
        )
        if self.constraints:
            prior = self.prior
            for item in self.constraints:
                prior = prior.add(item.likelihood).normalise()

    @cached_property
    def prior(self) -> Field:
        """The prior, normalised."""
        config = build(PriorConfig, self._settings.get("prior", {}), owner="prior")
        return prior_field(self.options.prior, config)

    @cached_property
    def versions(self) -> Mapping[str, str]:
        """Versions of the program and its tables, and the fingerprint of everything that shapes an answer."""
        from whence.earth.tables import table_hashes

        tables = table_hashes()
        prior = self.options.prior
        prior_hash = fingerprint(Path(prior).read_bytes().hex()) if Path(prior).is_file() else prior
        shapes = [
            fingerprint(Path(name).read_bytes().hex())
            for text in (*self.options.within, *self.options.exclude)
            for name in text.removeprefix("~").split(",")
            if Path(name.strip()).is_file()
        ]
        asked = [f"{source.NAME} {source.version}".strip() for source in self.sources]
        if self.refiner is not None:
            asked.append(self.refiner.version)
        configuration = fingerprint(
            {f.name: str(getattr(self.options, f.name)) for f in fields(self.options) if f.name != "calibration"},
            dict(sorted(self.options.settings.items())),
            asked,
            prior_hash,
            shapes,
        )
        # What is read out of a picture hangs on less; calibrations hold as long as that is the same.
        parts = {
            part: {name: value for name, value in given.items() if name != "model"}
            for part, given in sorted(self._settings.items())
            if part != "estimate"
        }
        evidence = fingerprint(self.options.ignore_gps, str(self.options.kind), prior_hash, asked, parts)
        calibrations = [item.hash for item in self.calibrations]
        return {
            "whence": __version__,
            "tables": fingerprint(dict(sorted(tables.items()))),
            "configuration": configuration,
            "evidence": evidence,
            **({"calibration": fingerprint(calibrations)} if calibrations else {}),
            **{source.NAME: source.version for source in self.sources if source.version},
        }

    @property
    def fingerprint(self) -> str:
        """One hash over `versions`: equal hashes give equal answers for equal files on one installation."""
        return fingerprint(dict(self.versions))

    def read(self, *pictures: Picture, text: str | None = None, name: str | None = None) -> Query:
        """Read pictures of one place, and free text, into a query.

        Raises:
            ImageError: a picture cannot be read.
            OptionError: neither a picture nor text was given.
        """
        from whence.samples.reader import read_view

        if not pictures and not text:
            raise OptionError("Nothing was given to locate: give a picture, or text.")
        views = tuple(
            item if isinstance(item, View) else read_view(item, name=name, working_px=self._working_px)
            for item in pictures
        )
        if self.options.kind is not None:
            views = tuple(replace(view, kind=ViewKind(self.options.kind)) for view in views)
        return Query(views=views, text=text)

    @property
    def _working_px(self) -> int:
        """Long side to which pictures are decoded: large enough to read signs only if signs are read."""
        return 2048 if any(source.NAME == "text" for source in self.sources) else 960

    def ask(self, query: Query, timings_ms: Mapping[str, float] | None = None) -> Estimate:
        """Locate a query that was read before.

        Raises:
            ConstraintError: the constraints rule out every place.
        """
        started = time.perf_counter()
        evidence = self._gathered(query)
        timings = {**(timings_ms or {}), "evidence": (time.perf_counter() - started) * 1e3}
        config = replace(
            build(EstimateConfig, self._settings.get("estimate", {}), owner="estimate"), top=self.options.top
        )
        found = estimate(
            _info(query),
            self.prior,
            evidence,
            config=config,
            calibrations=self.calibrations,
            versions=self.versions,
            timings_ms=timings,
        )
        return coarsen(found, self.options.coarsest) if self.options.coarsest else found

    def believe(self, query: Query) -> Field:
        """The belief of `ask` alone, several times as fast: no answer is read off it, and no ledger drawn up.

        Raises:
            OptionError: the options have a resolution floor, and a belief is finer than that.
            ConstraintError: the constraints rule out every place.
        """
        if self.options.coarsest:
            raise OptionError("A belief knows no resolution floor: use ask, or leave coarsest out.")
        evidence: Sequence[Evidence] = self._gathered(query)
        for item in self.calibrations:
            evidence = item.apply(evidence, self.prior)
        return fuse(self.prior, evidence)

    def _gathered(self, query: Query) -> tuple[Evidence, ...]:
        """What the sources say of a query, and then the reference pictures."""
        seen = _without_gps(query) if self.options.ignore_gps else query
        asked: list[EvidenceSource] = [*self.sources]
        if self.constraints:
            asked.append(Constraints(self.constraints))
        evidence = gather(seen, asked)
        if self.refiner is not None:
            evidence = (*evidence, self.refiner.read(seen, add_up(self.prior, evidence).normalise()))
        return evidence

    def locate(self, *pictures: Picture, text: str | None = None, name: str | None = None) -> Estimate:
        """Read pictures of one place, and locate them.

        Raises:
            ImageError: a picture cannot be read.
            ConstraintError: the constraints rule out every place.
        """
        started = time.perf_counter()
        query = self.read(*pictures, text=text, name=name)
        return self.ask(query, {"read": (time.perf_counter() - started) * 1e3})

    def _make_sources(self) -> tuple[EvidenceSource, ...]:
        registry = sources()
        made = []
        for name in _chosen(self.options.sources, registry.names()):
            kind = registry.load(name)
            config = config_of(kind)
            given = self._settings.get(name, {})
            source = kind() if config is None else kind(build(config, given, owner=name))  # type: ignore[call-arg]
            if source.is_set_up or name in (self.options.sources or ()):
                made.append(source)
        return tuple(made)

    def _make_refiner(self) -> Refiner | None:
        if self.options.tiles is None:
            return None
        from whence.crossview.refine import Refiner, refining_settings

        return Refiner(self.options.tiles, refining_settings(self._settings))

    def _find_calibrations(self) -> tuple[Calibration, ...]:
        """That of the options, else those that the models' bundles carry for sources whose temperature is not set."""
        given = self.options.calibration
        if given == NO_CALIBRATION:
            return ()
        if given is not None:
            return (Calibration.load(Path(given)),)
        carried = (
            Calibration.of_bundle(source.calibration, source.NAME, f"the model of {source.NAME}")
            for source in self.sources
            if "temperature" not in self._settings.get(source.NAME, {})
        )
        return tuple(item for item in carried if item is not None)

    @staticmethod
    def _known_parts() -> tuple[str, ...]:
        return ("estimate", "prior", *_REFINING, *sources().names())


def config_of(source: type[EvidenceSource]) -> type | None:
    """The ``Config`` dataclass that stands in a source's module, or ``None``."""
    module = __import__(source.__module__, fromlist=["Config"])
    return vars(module).get("Config")


def source_of_model(folder_or_name: str) -> str:
    """Return the evidence source that reads a bundle: the one named as its kind.

    Raises:
        OptionError: there is no such bundle, or no source reads its kind; says what is there and what could be made.
        ArtifactError: its header is damaged.
    """
    try:
        folder = find_bundle(folder_or_name)
    except OptionError as error:
        if folder_or_name in PUBLISHED:
            raise OptionError(
                f"The model {folder_or_name!r} is not on this machine. Make it once: whence models get {folder_or_name}"
            ) from error
        raise OptionError(f"{error} 'whence models get NAME' can make {', '.join(PUBLISHED)}.") from error
    where = f"The bundle {folder}"
    try:
        header = BundleHeader.from_json((folder / HEADER).read_bytes(), where)
    except OSError as error:
        raise ArtifactError(f"{where}: {HEADER} cannot be read ({error.strerror}).") from error
    for name in sources().names():
        config = config_of(sources().load(name)) if name == header.kind else None
        if config is not None and "model" in {item.name for item in fields(config)}:
            return name
    raise OptionError(f"{where} is of kind {header.kind!r}, which no evidence source reads. Give another model.")


def _chosen(wanted: tuple[str, ...] | None, available: tuple[str, ...]) -> tuple[str, ...]:
    if wanted is None:
        return available
    for name in wanted:
        if name.removeprefix("-") not in available:
            raise unknown_name("evidence source", name.removeprefix("-"), available)
    left_out = {name[1:] for name in wanted if name.startswith("-")}
    named = [name for name in wanted if not name.startswith("-")]
    return tuple(name for name in (named or available) if name not in left_out)


def _grouped(given: Mapping[str, str], parts: tuple[str, ...]) -> dict[str, dict[str, object]]:
    """``{"exif.wrong_share": "0.1"}`` to ``{"exif": {"wrong_share": "0.1"}}``."""
    out: dict[str, dict[str, object]] = {}
    for key, value in given.items():
        part, dot, name = key.partition(".")
        if not dot:
            raise OptionError(f"A setting is written PART.NAME=VALUE, such as exif.wrong_share=0.1, not {key!r}.")
        if part not in parts:
            raise unknown_name("part with settings", part, parts)
        out.setdefault(part, {})[name] = value
    return out


def _without_gps(query: Query) -> Query:
    views = tuple(replace(view, metadata=_strip_gps(view.metadata)) for view in query.views)
    return replace(query, views=views)


def _strip_gps(metadata: Metadata) -> Metadata:
    return replace(
        metadata,
        position=None,
        position_error_m=None,
        altitude_m=None,
        heading_deg=None,
        gps_time_utc=None,
        problems=(),
    )


def _info(query: Query) -> QueryInfo:
    if not query.views:
        return QueryInfo(name=query.text or "")
    first = query.views[0]
    return QueryInfo(
        name=first.name,
        sha256=tuple(view.sha256 for view in query.views),
        size_px=first.size_px,
        kind=first.kind.value,
        format=first.format,
        warnings=tuple(f"{view.name}: {text}" for view in query.views for text in view.warnings),
    )


def locate(*pictures: Picture, text: str | None = None, **options: Any) -> Estimate:
    """Locate one picture, or several of one place.

    Args:
        pictures: paths, bytes of files, open binary files, or views.
        text: what else is known in words, such as a caption.
        options: fields of `Options`.

    Returns:
        The answer; print it, or read ``point``, ``error_km``, ``regions``, ``ledger`` and so on.

    Raises:
        ImageError: a picture cannot be read.
        OptionError: an unknown option or value; the nearest name is suggested.
        ConstraintError: constraints that cannot be understood or rule out every place.
    """
    known = {item.name for item in fields(Options)}
    for name in options:
        if name not in known:
            raise unknown_name("option of locate", name, known)
    for name in ("within", "exclude", "near", "sources"):
        if isinstance(options.get(name), str):
            options[name] = (options[name],)
    return Locator(Options(**options)).locate(*pictures, text=text)
