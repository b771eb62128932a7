"""CVACT: panoramas and satellite pictures of Canberra, with coordinates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, final

import numpy as np
from jaxtyping import Float, Int

from whence.core.errors import InputError
from whence.core.optional import optional_import
from whence.samples.datasets import miniature
from whence.samples.datasets.pairs.types import Pair, PairSet, Reference
from whence.samples.datasets.types import DatasetCard
from whence.samples.view import ViewKind

_INDEX = "ACT_data.mat"
_UTM = "EPSG:32755"  # WGS84 / UTM zone 55 S, in which Canberra lies
_SETS = {"train": ("trainSet", "trainInd"), "val": ("valSet", "valInd"), "test": ("valSetAll", "valInd")}
_FOLDERS = {"train": "ANU_data_small", "val": "ANU_data_small", "test": "ANU_data_test"}


@final
class Cvact(PairSet):
    """Reads CVACT: one satellite picture a panorama, and where it was taken."""

    PARTS = ("train", "val", "test")
    KINDS = (ViewKind.PANORAMA,)
    CARD = DatasetCard(
        title="CVACT",
        paper="Liu and Li, Lending Orientation to Neural Networks for Cross-view Geo-localization, CVPR 2019",
        licence="on request, for research; pictures are Google's",
        home="https://github.com/Liumouliu/OriCNN",
        size="35,532 pairs to train, 8,884 to validate, 92,802 to test",
        layout="ACT_data.mat (panoIds, utm, trainSet.trainInd, valSet.valInd, valSetAll.valInd, counted from 1), "
        "ANU_data_small/streetview/ID_grdView.jpg and ANU_data_small/satview_polish/ID_satView_polish.jpg, and the "
        "same in ANU_data_test/ for the test.",
        flaws=(
            "Several panoramas stand within 25 m of each other, so the test counts neighbours as hits.",
            "A few pictures of the index were never in the archives: read it with skip_missing=True.",
            "Which column of utm is the easting is told by its size; that the zone is 55 S is not stated in the file.",
        ),
    )

    def listed(self) -> Iterator[Pair]:
        """Yield every pair of the part; the place is the id of the panorama.

        Raises:
            MissingExtraError: SciPy, which reads the index, is not installed.
        """
        ids, utm, chosen = self._index()
        lat, lon = _degrees(utm[chosen])
        folder = self.root / _FOLDERS[self.part]
        for place, at in enumerate(chosen):
            name = ids[at]
            yield Pair(
                folder / "streetview" / f"{name}_grdView.jpg",
                ViewKind.PANORAMA,
                (Reference(folder / "satview_polish" / f"{name}_satView_polish.jpg"),),
                name,
                self.part,
                float(lat[place]),
                float(lon[place]),
            )

    def _index(self) -> tuple[list[str], Float[np.ndarray, "n 2"], Int[np.ndarray, " k"]]:
        """Ids and positions of all panoramas, and which of them the part has."""
        matlab = optional_import("scipy.io", extra="scale", purpose="read the index of CVACT")
        path = self.root / _INDEX
        if not path.is_file():
            raise InputError(f"There is no index {str(path)!r}. {self._expected()}")
        try:
            held: Mapping[str, Any] = matlab.loadmat(path)
        except (ValueError, OSError, TypeError, NotImplementedError, matlab.matlab.MatReadError) as error:
            raise InputError(f"{path}: this is no MATLAB file of version 5 ({error}). {self._expected()}") from error
        group, field = _SETS[self.part]
        lacking = [name for name in ("panoIds", "utm", group) if name not in held]
        if lacking or field not in (held[group].dtype.names or ()):
            raise InputError(
                f"{path}: the index lacks the columns {', '.join(lacking) or f'{group}.{field}'}. {self._expected()}"
            )
        ids = [str(np.ravel(item)[0]).strip() for item in np.ravel(held["panoIds"])]
        utm = np.asarray(held["utm"], np.float64)
        chosen = np.ravel(np.asarray(held[group][field][0, 0], np.int64)) - 1
        if utm.shape != (len(ids), 2) or (chosen.size and not 0 <= chosen.min() <= chosen.max() < len(ids)):
            raise InputError(f"{path}: panoIds, utm and {group}.{field} do not fit together. {self._expected()}")
        return ids, utm, chosen

    @classmethod
    def make_miniature(cls, folder: Path, seed: int = 0) -> Path:
        """Write a miniature of the three parts, four panoramas each."""
        matlab = optional_import("scipy.io", extra="scale", purpose="write the index of CVACT")
        draw = np.random.default_rng(seed)
        ids = [f"pano{seed:03d}_{i:02d}" for i in range(12)]
        sets = {"train": np.arange(1, 5), "val": np.arange(5, 9), "test": np.arange(9, 13)}
        for part, chosen in sets.items():
            for at in chosen:
                below, name = folder / _FOLDERS[part], ids[at - 1]
                miniature.write_jpeg(below / "streetview" / f"{name}_grdView.jpg", seed + int(at))
                miniature.write_jpeg(below / "satview_polish" / f"{name}_satView_polish.jpg", seed + int(at) + 50)
        utm = np.column_stack([693_000 + draw.uniform(-5e3, 5e3, 12), 6_093_000 + draw.uniform(-5e3, 5e3, 12)])
        index = {_SETS[part][0]: {_SETS[part][1]: chosen[:, None]} for part, chosen in sets.items()}
        matlab.savemat(folder / _INDEX, {"panoIds": np.array(ids, object), "utm": utm, **index})
        return folder


def _degrees(utm: Float[np.ndarray, "n 2"]) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    from pyproj import Transformer

    east, north = (utm[:, 0], utm[:, 1]) if utm.size == 0 or utm[0, 0] < utm[0, 1] else (utm[:, 1], utm[:, 0])
    lon, lat = Transformer.from_crs(_UTM, "EPSG:4326", always_xy=True).transform(east, north)
    return np.asarray(lat, np.float64), np.asarray(lon, np.float64)
