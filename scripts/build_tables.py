"""Write the shipped tables of the Earth: ``python scripts/build_tables.py --out src/whence/earth/tables``.

Deterministic, some minutes on two cores. Needs the development extra, npm for one package (or its path by
``--world-atlas``), and world rasters for the layers (``--earth``; without them the shipped layers stay as they are).
Each step reads what the steps before it wrote, so that ``--only`` can redo one of them.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import tempfile
import time
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from whence.earth import tables


def write_json(path: Path, content: Any) -> None:
    """Write compact UTF-8 JSON."""
    path.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")), "utf-8")


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write an ``.npz`` whose bytes depend on the arrays alone (``numpy.savez`` stamps the time)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asarray(array), allow_pickle=False)
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), buffer.getvalue(), zipfile.ZIP_DEFLATED, 9
            )


def write_manifest(out: Path) -> None:
    """Write ``manifest.json`` with the hash and size of every table."""
    names = sorted(
        p.name for p in out.iterdir() if p.suffix in {".json", ".npz", ".field"} and p.name != "manifest.json"
    )
    entries = {
        name: {"sha256": hashlib.sha256((out / name).read_bytes()).hexdigest(), "bytes": (out / name).stat().st_size}
        for name in names
    }
    manifest = {"schema": tables.TABLE_SCHEMA, "built": date.today().isoformat(), "files": entries}
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
    tables.manifest.cache_clear()


def main() -> None:
    """Parse the command line and run the steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("src/whence/earth/tables"))
    parser.add_argument("--world-atlas", type=Path, help="countries-10m.json of world-atlas 2.0.2")
    shared = Path(os.environ.get("WHENCE_SHARED", "../shared"))
    parser.add_argument("--earth", type=Path, default=shared / "data" / "earth", help="folder of world rasters")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "whence-tables")
    parser.add_argument("--only", nargs="*", choices=STEPS, help="run these steps only, on what is there")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.only or STEPS:
        began = time.perf_counter()
        STEPS[name](arguments)
        write_manifest(arguments.out)
        print(f"{name}: {time.perf_counter() - began:.1f} s")
    for name, entry in json.loads((arguments.out / "manifest.json").read_text())["files"].items():
        print(f"  {name}: {entry['bytes'] / 1e6:.2f} MB")


def _countries(arguments: argparse.Namespace) -> None:
    from tables_countries import build_countries

    write_json(arguments.out / "countries.json", build_countries())


def _outlines(arguments: argparse.Namespace) -> None:
    from tables_outlines import build_outlines, build_simple, fetch_world_atlas

    table = build_outlines(arguments.world_atlas or fetch_world_atlas(arguments.cache))
    write_arrays(arguments.out / "outlines.npz", table)
    write_manifest(arguments.out)
    write_json(arguments.out / "outlines_simple.json", build_simple(table))


def _gazetteer(arguments: argparse.Namespace) -> None:
    from tables_gazetteer import build_gazetteer

    core, names = build_gazetteer()
    write_arrays(arguments.out / "gazetteer.npz", core)
    write_arrays(arguments.out / "gazetteer_names.npz", names)


def _regions(arguments: argparse.Namespace) -> None:
    from tables_regions import build_regions

    table, land = build_regions()
    write_arrays(arguments.out / "regions.npz", table)
    write_arrays(arguments.out / "land_share.npz", {"share": land})


def _population(arguments: argparse.Namespace) -> None:
    from tables_population import build_population

    build_population().save(arguments.out / "population.field")


def _layers(arguments: argparse.Namespace) -> None:
    from tables_layers import build_layers, missing

    if absent := missing(arguments.earth):
        print(f"layers: {arguments.earth} lacks {', '.join(absent)}; the table stays as it is")
        return
    write_arrays(arguments.out / "layers.npz", build_layers(arguments.earth))


def _card(arguments: argparse.Namespace) -> None:
    from tables_card import card
    from tables_gazetteer import count_unnamed_divisions

    manifest = json.loads((arguments.out / "manifest.json").read_text("utf-8"))
    (arguments.out / "CARD.md").write_text(card(manifest, count_unnamed_divisions()), "utf-8")


STEPS: dict[str, Callable[[argparse.Namespace], None]] = {
    "countries": _countries,
    "outlines": _outlines,
    "gazetteer": _gazetteer,
    "regions": _regions,
    "population": _population,
    "layers": _layers,
    "card": _card,
}

if __name__ == "__main__":
    main()
