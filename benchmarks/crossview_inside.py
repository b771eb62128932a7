"""One network for the tile and the position inside of it: what re-ranking and the offset add, on world chips.

    python benchmarks/crossview_inside.py run --data DATA --out runs/inside
    python benchmarks/crossview_inside.py table --out runs/inside

DATA is a folder with ``bluemarble.jpg`` and ``relief.jpg``. A relief chip of 3° lies anywhere in the middle half of a
satellite tile of 6°; tiles lie on a grid of 3° over blocks of 10° that training did not see. A draw is a seed: places,
blocks and weights are all drawn by it. The weight of re-ranking and the width of circles are chosen on the validation
blocks of each draw. Stopped, the same command goes on where it was. Intervals are of 95 %, by resampling blocks.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from whence.earth.coordinates import distance_km
from whence.samples.splits import blocks_at

RECIPE = Path(__file__).parents[1] / "recipes" / "unifygeo_chips.toml"
ARMS: dict[str, dict[str, str]] = {"main": {}, "retrieval alone": {"position.weight": "0"}}
"""The recipe, and the same network without a head: does learning positions cost retrieval?"""

DRAWN, WITHIN_KM = 1_000, (25, 50, 100, 200)


def one_run(data: Path, draw: int, arm: str, folder: Path, changes: dict[str, str]) -> None:
    """Train one arm on one draw and keep what is needed for the table."""
    import torch

    torch.set_num_threads(1)
    from whence.train.crossview.recipe import load_crossview_recipe
    from whence.train.crossview.run import load_crossview_data, train_crossview

    files = {"data.satellite": str(data / "bluemarble.jpg"), "data.relief": str(data / "relief.jpg")}
    recipe = load_crossview_recipe(RECIPE, {**files, "seed": str(draw), **ARMS[arm], **changes})
    run = train_crossview(recipe, folder, lambda done, total, text: print(f"{done}/{total} {text}", flush=True))
    measured = {"arm": arm, "draw": draw, "changes": changes, "date": datetime.now(UTC).strftime("%Y-%m-%d")}
    measured |= {"machine": f"{platform.machine()}, {os.cpu_count()} cores, 1 thread", "scores": dict(run.scores)}
    test = load_crossview_data(recipe).test
    if run.net.position is not None:
        rows = per_view(run, test, recipe.data.settings.get("tile_deg", 6.0))
        np.savez(folder / "views.npz", **rows)
    (folder / "measured.json").write_text(json.dumps(measured, ensure_ascii=False), encoding="utf-8")


def per_view(run: Any, test: Any, tile_deg: float) -> dict[str, np.ndarray]:
    """Of each view of the test blocks: its block, whether its tile came first, and distances from the truth in km."""
    from whence.train.crossview.positions import placed

    found = placed(run.net, test, "relief")
    weight = run.scores["phases"]["phase_1"]["inside"]["chosen"]["weight"]
    own = test.pictures["relief"].place[found.rows]
    truth = on_ground(test, own, found.truth, tile_deg)
    middle = np.full_like(found.truth, 0.5)
    rows = {"block": blocks_at(*truth, 10.0), "r1": found.hits(0.0), "r1_reranked": found.hits(weight)}
    rows |= {"inside_km": distance_km(*on_ground(test, own, found.own_xy, tile_deg), *truth)}
    rows |= {"middle_km": distance_km(*on_ground(test, own, middle, tile_deg), *truth)}
    for name, first, placed_inside in (
        ("retrieved_km", found.first(0.0), False),
        ("reranked_km", found.first(weight), False),
        ("whole_km", found.first(weight), True),
    ):
        tiles = np.take_along_axis(found.tiles, first[:, None], axis=1)[:, 0]
        xy = found.xy[np.arange(len(first)), first] if placed_inside else middle
        rows[name] = distance_km(*on_ground(test, tiles, xy, tile_deg), *truth)
    return {name: np.asarray(value) for name, value in rows.items()}


def on_ground(part: Any, tiles: np.ndarray, xy: np.ndarray, tile_deg: float) -> tuple[np.ndarray, np.ndarray]:
    """Latitudes and longitudes of positions in tiles, out of the gnomonic projection that tiles are cut in."""
    reach = 2 * np.tan(np.radians(tile_deg / 2))
    x, y = (xy[:, 0] - 0.5) * reach, (0.5 - xy[:, 1]) * reach
    lat = np.radians(part.lat_deg[tiles])
    up, along = np.sin(lat) + y * np.cos(lat), np.cos(lat) - y * np.sin(lat)
    lon = part.lon_deg[tiles] + np.degrees(np.arctan2(x, along))
    return np.degrees(np.arctan2(up, np.hypot(along, x))), np.mod(lon + 180, 360) - 180


def table(out: Path) -> str:
    """Everything measured so far."""
    lines = ["| arm | draw | views, tiles | R@1 | R@1 re-ranked | own among 10 | weight |", "|" + "---|" * 7]
    places = ["| draw | the tile's middle | found in the tile | 90 % circles hold |", "|" + "---|" * 4]
    answers = [f"| draw | answer | median km |{''.join(f' within {km} km |' for km in WITHIN_KM)}"]
    answers.append("|" + "---|" * (3 + len(WITHIN_KM)))
    times = ["| arm | draw | places | cutting, processor s | training, processor s | steps |", "|" + "---|" * 6]
    for path in sorted(out.glob("*/measured.json")):
        item = json.loads(path.read_text(encoding="utf-8"))
        scores, draw = item["scores"], item["draw"]
        test = scores["phases"]["phase_1"]["test"]["relief→satellite"]
        counts = f"{test['queries']:,} in {test['gallery']:,}"
        times.append(
            f"| {item['arm']} | {draw} | {scores['data']['train_places']:,} | {scores['data_cpu_s']:.0f} | "
            f"{scores['training_cpu_s']:.0f} | {scores['steps']:,} |"
        )
        views = path.parent / "views.npz"
        if not views.is_file():
            lines.append(f"| {item['arm']} | {draw} | {counts} | {test['r1']:.1f} | | | |")
            continue
        with np.load(views, allow_pickle=False) as held:
            rows = dict(held)
        inside = scores["phases"]["phase_1"]["inside"]
        relief = inside["test"]["relief"]
        lines.append(
            f"| {item['arm']} | {draw} | {counts} | {share(rows, 'r1')} | {share(rows, 'r1_reranked')} | "
            f"{relief['among_10']:.1f} | {inside['chosen']['weight']} |"
        )
        places.append(
            f"| {draw} | {median(rows, 'middle_km')} | {median(rows, 'inside_km')} | {relief['held_by_90']:.1f} |"
        )
        for name, words in (
            ("retrieved_km", "middle of the tile that retrieval puts first"),
            ("reranked_km", "middle of the tile that is first re-ranked"),
            ("whole_km", "position in the tile that is first re-ranked"),
        ):
            shares = "".join(f" {100 * np.mean(rows[name] <= km):.1f} |" for km in WITHIN_KM)
            answers.append(f"| {draw} | {words} | {median(rows, name)} |{shares}")
        gain = interval(
            rows["block"], lambda some, held=rows: 100 * np.mean(held["r1_reranked"][some] * 1.0 - held["r1"][some])
        )
        lines.append(f"| | {draw} | re-ranking adds | | {gain} | | |")
    return "\n".join([*lines, "", *places, "", *answers, "", *times])


def share(rows: dict[str, np.ndarray], name: str) -> str:
    """A share in per cent with its interval."""
    return interval(rows["block"], lambda some: 100 * float(np.mean(rows[name][some])))


def median(rows: dict[str, np.ndarray], name: str) -> str:
    """A median with its interval."""
    return interval(rows["block"], lambda some: float(np.median(rows[name][some])))


def interval(blocks: np.ndarray, of: Any) -> str:
    """A number of all views, and between what bounds it falls for 95 % of draws of as many blocks."""
    rng = np.random.default_rng(0)
    by_block = [np.flatnonzero(blocks == block) for block in np.unique(blocks)]
    drawn = [
        of(np.concatenate([by_block[i] for i in rng.integers(0, len(by_block), len(by_block))])) for _ in range(DRAWN)
    ]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return f"{of(np.arange(len(blocks))):.1f} [{low:.1f}, {high:.1f}]"


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--data", type=Path, help="folder of the rasters")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--arm", choices=tuple(ARMS), default="main")
    parser.add_argument("--draws", default="0,1,2")
    parser.add_argument("--set", dest="changes", action="append", default=[], metavar="SECTION.KEY=VALUE")
    given = parser.parse_args()
    if given.what == "table":
        print(table(given.out))
        return
    if given.data is None:
        parser.error("--data is needed: a folder with bluemarble.jpg and relief.jpg.")
    changes = dict(item.split("=", 1) for item in given.changes)
    told = {key: value for key, value in changes.items() if key != "data.cache"}
    tag = given.arm.replace(" ", "_") + "".join(f"-{key}={value}".replace("/", "_") for key, value in told.items())
    for draw in (int(text) for text in given.draws.split(",")):
        one_run(given.data, draw, given.arm, given.out / f"{tag}-{draw}", changes)


if __name__ == "__main__":
    main()
