"""World chips across kinds: the two-phase recipe on unseen blocks, batches compared, steps a second.

    python benchmarks/crossview_chips.py run --data DATA --out runs/gleam
    python benchmarks/crossview_chips.py run --data DATA --out runs/gleam --arm hard --draws 0
    python benchmarks/crossview_chips.py score --out runs/gleam --ways 1,2,4,8
    python benchmarks/crossview_chips.py speed --data DATA --out runs/gleam
    python benchmarks/crossview_chips.py table --out runs/gleam

DATA is a folder with ``bluemarble.jpg``, ``relief.jpg`` and, if the map is to have lakes, ``landmask_1p25min.npz``. A
draw is a seed: places, blocks and weights are all drawn by it. Settings were chosen on the validation blocks of draw 0.
Each draw is its own process, with one thread unless ``--threads`` says more; what is stated of time is the time of the
processor, so that a busy machine does not matter, and that of the clock beside it. Stopped, the same command goes on
where it was.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

RECIPE = Path(__file__).parents[1] / "recipes" / "gleam_chips.toml"
ARMS: dict[str, dict[str, str]] = {
    "main": {},
    "hard": {"batches.hard_share": "0.75"},
    "hard late": {"batches.hard_share": "0.5", "batches.group": "8", "batches.hard_after": "3.2"},
    "buffer": {"data.buffer_km": "334"},
    "frozen": {"phase_2.shared_rate": "0"},
}
"""Changes of the recipe: batches of near places from the start or late, a buffer around unseen blocks, phase 2 with
what satellite uses kept as it is."""

PAIRS = ("relief→satellite", "map→satellite", "relief→map", "satellite→relief", "satellite→map", "map→relief")


def sources(data: Path) -> dict[str, str]:
    """Settings of the recipe that name files."""
    water = data / "landmask_1p25min.npz"
    found = {"data.satellite": str(data / "bluemarble.jpg"), "data.relief": str(data / "relief.jpg")}
    return found | ({"data.water": str(water)} if water.is_file() else {})


def one_run(data: Path, draw: int, arm: str, folder: Path, changes: dict[str, str], threads: int) -> None:
    """Train one arm on one draw and write what was measured."""
    import torch

    torch.set_num_threads(threads)
    from whence.train.crossview.recipe import load_crossview_recipe
    from whence.train.crossview.run import train_crossview

    own = {**sources(data), "seed": str(draw), **ARMS[arm], **changes}
    run = train_crossview(load_crossview_recipe(RECIPE, own), folder, said)
    measured = {"arm": arm, "draw": draw, "changes": changes, "date": datetime.now(UTC).strftime("%Y-%m-%d")}
    measured |= {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {threads} threads",
        "scores": dict(run.scores),
    }
    (folder / "measured.json").write_text(json.dumps(measured, ensure_ascii=False), encoding="utf-8")


def said(done: int, total: int, text: str) -> None:
    """Say how far it is."""
    print(f"{done}/{total} {text}", flush=True)


def score(folder: Path, ways: list[int]) -> None:
    """Score a run that is there with pictures embedded in other ways; the data is where it was trained from."""
    import torch

    torch.set_num_threads(1)
    from whence.train.crossview.run import load_crossview_data, load_crossview_run
    from whence.train.crossview.scoring import scores

    run = load_crossview_run(folder)
    data, found = load_crossview_data(run.recipe), {}
    for run.net.ways in ways:
        found[str(run.net.ways)] = {
            part: scores(run.net, getattr(data, part), run.recipe.variants, data.registered)
            for part in ("validation", "test")
        }
    (folder / "ways.json").write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")


# -------------------------------------------------------------------------------------------------- speed


def speed(data: Path, out: Path, steps: int, precision: str, threads: int) -> None:
    """Seconds of a step of the recipe's loop and of a plain one with the same network and batches, taken in turn."""
    import torch

    torch.set_num_threads(threads)
    from whence.train.crossview.loop import CrossViewTrainer
    from whence.train.crossview.recipe import load_crossview_recipe
    from whence.train.crossview.run import load_crossview_data

    few = {"data.count": "2400", "data.more": "0", "phase_1.share": "0.0001", "optimiser.precision": precision}
    recipe = load_crossview_recipe(RECIPE, {**sources(data), **few, "data.cache": str(out / "cache")})
    parts = load_crossview_data(recipe)
    trainer = CrossViewTrainer(recipe, parts)
    trainer.take_step()
    trainer.end_phase()
    plain = {way: PlainLoop(recipe, parts, way) for way in ("cut", "jpeg", "pairs")}
    calls = {"ours": trainer.take_step} | {f"plain_{way}": loop.step for way, loop in plain.items()}
    taken = {name: np.array([]).reshape(0, 2) for name in calls}
    for _ in range(steps):
        for name, call in calls.items():
            taken[name] = np.vstack([taken[name], timed(call)])
    found: dict[str, Any] = {"batch": recipe.optimiser.batch, "kinds": 3, "precision": precision, "threads": threads}
    for at, unit in enumerate(("cpu_s", "s")):
        medians = {name: float(np.median(seconds[:, at])) for name, seconds in taken.items()}
        found |= {f"{name}_{unit}_a_step": round(median, 3) for name, median in medians.items()}
        found |= {f"{way}_over_ours_{unit}": round(medians[way] / medians["ours"], 2) for way in list(medians)[1:]}
    out.mkdir(parents=True, exist_ok=True)
    (out / f"speed_{precision}_{threads}.json").write_text(json.dumps(found), encoding="utf-8")
    print(json.dumps(found))


def timed(call: Any) -> tuple[float, float]:
    """Seconds of the processor and of the clock that a call takes."""
    before, clock = time.process_time(), time.perf_counter()
    call()
    return time.process_time() - before, time.perf_counter() - clock


class PlainLoop:
    """What one writes first: every picture made at every step, one forward pass a kind, float32.

    It learns as the recipe does: pictures turned and recoloured, gradients clipped, the same optimiser, a running mean.

    Args:
        recipe: names the network and the batch.
        parts: places, and pictures for the ways ``jpeg`` and ``pairs``.
        way: ``cut`` cuts every chip from its raster, as a data set of such chips would; ``jpeg`` decodes it from a
            file in memory; ``pairs`` does so too, but reads pairs, each with a satellite picture of its own, so that
            as many pairs need four pictures instead of three.
    """

    def __init__(self, recipe: Any, parts: Any, way: str) -> None:
        from PIL import Image

        from whence.samples.chips import ChipCutter
        from whence.train.crossview.data.atlas_map import atlas_map
        from whence.train.crossview.model import build_net
        from whence.train.optimiser import optimiser_for

        self.recipe, self.parts, self.way = recipe, parts, way
        self.net = build_net(recipe).train()
        o = recipe.optimiser
        groups = [{"params": list(self.net.parameters()), "weight_decay": o.weight_decay, "peak": o.learning_rate}]
        self.optimiser = optimiser_for(self.net, groups, o)
        self.average = {name: value.clone() for name, value in self.net.state_dict().items()}
        self.rng = np.random.default_rng(0)
        self.kinds = tuple(parts.train.pictures)
        if way == "cut":
            rasters = {"map": atlas_map(2_700).pixels}
            rasters |= {
                name: np.asarray(Image.open(recipe.data.settings[name]).convert("RGB"))
                for name in ("satellite", "relief")
            }
            self.cutters = {name: ChipCutter(rasters[name]) for name in self.kinds}
            return
        self.files: dict[str, list[bytes]] = {}
        for name, pictures in parts.train.pictures.items():
            self.files[name] = []
            for pixels in pictures.pixels:
                buffer = io.BytesIO()
                Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
                self.files[name].append(buffer.getvalue())

    def picture(self, name: str, row: int) -> np.ndarray:
        """One picture of 48 × 48 pixels."""
        from PIL import Image

        if self.way == "cut":
            train = self.parts.train
            return self.cutters[name].cut(train.lat_deg[row : row + 1], train.lon_deg[row : row + 1])[0]
        pixels = np.asarray(Image.open(io.BytesIO(self.files[name][row])).convert("RGB"))
        return pixels[3:-3, 3:-3]

    def pictures(self, name: str, rows: np.ndarray, turn: int) -> Any:
        """Pictures of a kind, turned and recoloured, as the network takes them."""
        import torch

        augment, made = self.recipe.augment, []
        for row in rows:
            factor = (1 + augment.brightness * self.rng.uniform(-1, 1)) * (
                1 + augment.colour * self.rng.uniform(-1, 1, 3)
            )
            changed = np.rot90(self.picture(name, row), turn) * factor.astype(np.float32)
            made.append(self.net.preprocessing.normalise(changed[None])[0])
        return torch.from_numpy(np.stack(made))

    def step(self) -> None:
        """Take one step."""
        import torch

        from whence.train.crossview.losses import symmetric_contrast

        rows = self.rng.choice(len(self.parts.train), self.recipe.optimiser.batch, replace=False)
        turn, own = int(self.rng.integers(4)), torch.arange(len(rows))
        loss, satellite = torch.zeros(()), None
        for name in ("relief", "map"):
            if satellite is None or self.way == "pairs":
                satellite = self.net({"satellite": self.pictures("satellite", rows, turn)})["satellite"]
            vectors = self.net({name: self.pictures(name, rows, turn)})[name]
            loss = loss + symmetric_contrast(vectors, satellite, own, self.net.scale)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.recipe.optimiser.clip)
        self.optimiser.step()
        with torch.no_grad():
            for name, value in self.net.state_dict().items():
                if value.is_floating_point():
                    self.average[name].lerp_(value, 1 - self.recipe.optimiser.ema)


# -------------------------------------------------------------------------------------------------- tables


def table(out: Path) -> str:
    """Everything measured so far."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(out.glob("*/measured.json"))]
    lines = ["| arm | draw | part | phase | pair | queries in gallery | R@1 (95 %) | R@5 | R@1 % |", "|" + "---|" * 9]
    for item in found:
        for phase, held in item["scores"]["phases"].items():
            for part in ("validation", "test"):
                for pair in PAIRS:
                    if pair in held[part]:
                        lines.append(row(item, phase, part, pair, held[part][pair]))
    lines += [
        "",
        "| arm | draw | training places | cutting, processor s | training, processor s | training, s | steps |",
    ]
    lines.append("|" + "---|" * 7)
    for item in found:
        s = item["scores"]
        lines.append(
            f"| {item['arm']} | {item['draw']} | {s['data']['train_places']:,} | {s['data_cpu_s']:.0f} | "
            f"{s['training_cpu_s']:.0f} | {s['training_s']:.0f} | {s['steps']:,} |"
        )
    lines += ["", "| run | ways | part | pair | queries in gallery | R@1 (95 %) | R@5 | R@1 % |", "|" + "---|" * 8]
    for path in sorted(out.glob("*/ways.json")):
        for ways, parts in json.loads(path.read_text(encoding="utf-8")).items():
            for part, pairs in parts.items():
                for pair in PAIRS:
                    lines.append(f"| {path.parent.name} | {ways} | {part} | {pair} | {cells(pairs[pair])}")
    lines += [path.read_text(encoding="utf-8") for path in sorted(out.glob("speed_*.json"))]
    return "\n".join(lines)


def row(item: dict[str, Any], phase: str, part: str, pair: str, found: dict[str, Any]) -> str:
    """One line of the table."""
    return f"| {item['arm']} | {item['draw']} | {part} | {phase[-1]} | {pair} | {cells(found)}"


def cells(found: dict[str, Any]) -> str:
    """Recalls as cells, R@1 with Wilson's interval."""
    n, p, z = found["queries"], found["r1"] / 100, 1.96
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = (100 * (middle + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    return (
        f"{n:,} in {found['gallery']:,} | {found['r1']:.1f} ({low:.1f}–{high:.1f}) | {found['r5']:.1f} | "
        f"{found['r1_percent']:.1f} |"
    )


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "one", "score", "speed", "table"))
    parser.add_argument("--data", type=Path, help="folder of the rasters")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--arm", choices=tuple(ARMS), default="main")
    parser.add_argument("--draws", default="0,1,2")
    parser.add_argument("--at-once", type=int, default=1, help="draws that are trained at the same time")
    parser.add_argument("--set", dest="changes", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--ways", default="1,2,4,8", help="in which pictures are embedded when runs are scored anew")
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    given = parser.parse_args()
    if given.what == "table":
        print(table(given.out))
        return
    if given.what == "score":
        for path in sorted(given.out.glob("*/scores.json")):
            score(path.parent, [int(ways) for ways in given.ways.split(",")])
        return
    if given.data is None:
        parser.error("--data is needed: a folder with bluemarble.jpg and relief.jpg.")
    changes = dict(item.split("=", 1) for item in given.changes)
    if given.what == "speed":
        speed(given.data, given.out, given.steps, given.precision, given.threads)
        return
    draws = [int(draw) for draw in given.draws.split(",")]
    told = {key: value for key, value in changes.items() if key != "data.cache"}
    tag = given.arm.replace(" ", "_") + "".join(f"-{key}={value}".replace("/", "_") for key, value in told.items())
    if given.what == "one":
        one_run(given.data, draws[0], given.arm, given.out / f"{tag}-{draws[0]}", changes, given.threads)
        return
    for start in range(0, len(draws), given.at_once):
        started = []
        for draw in draws[start : start + given.at_once]:
            asked = [sys.executable, __file__, "one", "--data", str(given.data), "--out", str(given.out)]
            asked += ["--arm", given.arm, "--draws", str(draw), "--threads", str(given.threads)]
            asked += [*(f"--set={item}" for item in given.changes)]
            started.append(subprocess.Popen(asked, env=os.environ | {"OMP_NUM_THREADS": str(given.threads)}))
        if any(process.wait() for process in started):
            raise SystemExit("A draw failed; the same command goes on where it stopped.")


if __name__ == "__main__":
    main()
