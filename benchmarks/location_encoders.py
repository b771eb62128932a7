"""Location encoders against each other: ``python benchmarks/location_encoders.py [--seeds 3] [--json FILE]``.

Land or ocean as in Rußwurm et al. 2024: 5,000 random places of the sphere to learn from, 50,000 to be tested on. Then
climate class, country and height on land: 5,000 places to learn from, 10,000 to be tested on. Each encoder is trained
from nothing ("trained"), and its untrained features are given to a ridge regression ("features"); beside them the
nearest neighbour, the exact kernel that `sphere_rff` approximates, and, if its package is installed, what a ridge
regression reads from GeoCLIP's published embedding. Settings were chosen on the seeds 100 to 103; tested are 0, 1, 2, …
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from whence.core.config import build
from whence.encode.location import location_encoders
from whence.encode.location.layers import unit_vectors

TRAIN, TEST, TEST_ON_LAND = 5_000, 50_000, 10_000
STEPS, BATCH, SMOOTHING = 400, 512, 0.05
WAVES = {"waves": 128, "width": 64}
ENCODERS: dict[str, tuple[str, dict[str, Any], float, float]] = {
    # shown name: component, settings, rate of learning, weight decay
    "spherical_harmonics_siren, 10 degrees": ("spherical_harmonics_siren", {"degrees": 10, "width": 64}, 2e-3, 1.0),
    "spherical_harmonics_siren, 15 degrees": ("spherical_harmonics_siren", {"degrees": 15, "width": 64}, 2e-3, 1.0),
    "spherical_harmonics_siren, 40 degrees": ("spherical_harmonics_siren", {"degrees": 40, "width": 64}, 1e-3, 1.0),
    "sphere_rff": ("sphere_rff", {**WAVES, "scales_km": "3000,1000", "smoothness": 0.5}, 2e-3, 1.0),
    "grid": ("grid", {"width": 64}, 5e-3, 0.1),
    "grid, axes=plate (as published)": ("grid", {"width": 64, "axes": "plate"}, 5e-3, 0.1),
    "xyz_siren": ("xyz_siren", {"width": 64}, 5e-3, 0.1),
    "geoclip": ("geoclip", {**WAVES, "layers": 1}, 2e-3, 1.0),
}
KERNEL_SCALE, KERNEL_AMPLITUDE, NEWTON_STEPS = 0.2, 100.0, 4


@dataclass(frozen=True)
class Task:
    """Places with what is to be told of them; targets are classes (−1 for unknown) or numbers."""

    train: Tensor
    test: Tensor
    train_targets: dict[str, Tensor]
    test_targets: dict[str, Tensor]
    classes: dict[str, int]


def uniform(rng: np.random.Generator, count: int) -> np.ndarray:
    """Places uniform on the sphere, (lat, lon) in degrees."""
    return np.stack([np.degrees(np.arcsin(rng.uniform(-1, 1, count))), rng.uniform(-180, 180, count)], axis=1)


def evenly(rng: np.random.Generator, count: int) -> np.ndarray:
    """Places of a Fibonacci lattice turned at random: as far from each other as so many can be, nearly."""
    steps = np.arange(count) + 0.5
    z, turn = 1 - 2 * steps / count, np.pi * (1 + 5**0.5) * steps
    flat = np.sqrt(1 - z * z)
    x, y, z = np.linalg.qr(rng.normal(size=(3, 3)))[0] @ np.stack([flat * np.cos(turn), flat * np.sin(turn), z])
    return rng.permutation(np.stack([np.degrees(np.arcsin(z)), np.degrees(np.arctan2(y, x))], axis=1))


def land_or_ocean(folder: Path, seed: int, even: bool = False) -> Task:
    """Land (with its lakes) or sea in the GSHHG mask of 1.25 arc minutes."""
    with np.load(folder / "landmask_1p25min.npz") as archive:
        bits = archive["land_bits"] | archive["lake_bits"]
        rows, columns = (int(side) for side in archive["shape"])
    rng = np.random.default_rng(seed)
    places = uniform(rng, TRAIN + TEST)
    if even:
        places[:TRAIN] = evenly(rng, TRAIN)
    row = np.clip(((90 - places[:, 0]) / 180 * rows).astype(int), 0, rows - 1)
    column = np.clip(((places[:, 1] + 180) / 360 * columns).astype(int), 0, columns - 1)
    return split(places, {"land": (bits[row, column >> 3] >> (7 - (column & 7))) & 1}, {"land": 2})


def on_land(seed: int) -> Task:
    """Climate class, country and height, from the package's own layers and outlines."""
    from whence.earth.layers import layers
    from whence.earth.outlines import outlines

    places = uniform(np.random.default_rng(seed + 1_000), 5 * (TRAIN + TEST_ON_LAND))
    country = outlines().indices_at(places[:, 0], places[:, 1])
    chosen = np.flatnonzero(country >= 0)[: TRAIN + TEST_ON_LAND]
    found = layers().values_of(("koppen", "elevation_m"), *places[chosen].T)
    height = found["elevation_m"]
    targets = {
        "climate": found["koppen"],
        "country": country[chosen],
        "height": (height - height.mean()) / height.std(),
    }
    return split(places[chosen], targets, {"climate": 30, "country": int(country.max()) + 1})


def split(places: np.ndarray, targets: dict[str, np.ndarray], classes: dict[str, int]) -> Task:
    """The first places are learnt from, the others tested on."""
    where = torch.tensor(places, dtype=torch.float32)
    values = {
        name: torch.tensor(value.astype(np.int64 if name in classes else np.float32)) for name, value in targets.items()
    }
    before, after = (
        {name: value[part] for name, value in values.items()} for part in (slice(TRAIN), slice(TRAIN, None))
    )
    return Task(where[:TRAIN], where[TRAIN:], before, after, classes)


def columns_of(task: Task) -> dict[str, slice]:
    """Which outputs of a model belong to which target: one a class, one a number."""
    out, start = {}, 0
    for name in task.train_targets:
        out[name] = slice(start, start + task.classes.get(name, 1))
        start = out[name].stop
    return out


def scores(task: Task, outputs: Tensor) -> dict[str, float]:
    """Share of right classes where they are known; R² of numbers."""
    found = {}
    for name, part in columns_of(task).items():
        truth, guess = task.test_targets[name], outputs[:, part]
        if name in task.classes:
            known = truth >= 0
            found[name] = float((guess.argmax(dim=1) == truth)[known].float().mean())
        else:
            gap = (guess[:, 0] - truth).nan_to_num().square().sum()
            found[name] = float(1 - gap / (truth - truth.mean()).square().sum())
    return found


def loss_of(task: Task, outputs: Tensor, rows: Tensor) -> Tensor:
    """Cross entropy of classes, squared error of numbers, summed."""
    total = torch.zeros(())
    for name, part in columns_of(task).items():
        truth = task.train_targets[name][rows]
        if name in task.classes:
            loss = nn.functional.cross_entropy(outputs[:, part], truth, ignore_index=-1, label_smoothing=SMOOTHING)
        else:
            loss = (outputs[:, part.start] - truth).square().mean()
        total = total + loss
    return total


def trained(task: Task, shown: str, seed: int) -> tuple[Tensor, float]:
    """Train an encoder whose embedding is the answer; returns outputs at the test places and seconds of training."""
    name, settings, rate, decay = ENCODERS[shown]
    kind = location_encoders().load(name)
    generator = torch.Generator().manual_seed(seed)
    began = time.perf_counter()
    outputs = max(part.stop for part in columns_of(task).values())
    encoder = kind(build(kind.CONFIG, {**settings, "dim": outputs}, owner=name), generator)
    with torch.no_grad():
        features = encoder.features(task.train)
    optimiser = torch.optim.AdamW([p for p in encoder.parameters() if p.requires_grad], lr=rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, STEPS)
    for _ in range(STEPS):
        rows = torch.randint(0, TRAIN, (BATCH,), generator=generator)
        optimiser.zero_grad()
        loss_of(task, encoder.from_features(features[rows]), rows).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    seconds = time.perf_counter() - began
    with torch.no_grad():
        return torch.cat([encoder(part) for part in task.test.split(5_000)]), seconds


def ridge(task: Task, embed: Callable[[Tensor], Tensor]) -> tuple[Tensor, float]:
    """Ridge regression on features as they are; its strength is chosen on a fifth of the training places."""
    began = time.perf_counter()
    with torch.no_grad():
        x = torch.cat([embed(part) for part in task.train.split(1_000)]).double()
    mean, spread = x.mean(dim=0), x.std(dim=0).clamp(min=1e-6)
    x = (x - mean) / spread
    wanted = []
    for name in columns_of(task):
        truth = task.train_targets[name]
        if name in task.classes:
            wanted.append(nn.functional.one_hot(truth.clamp(min=0), task.classes[name]) * (truth >= 0)[:, None])
        else:
            wanted.append(truth[:, None])
    y = torch.cat([part.double() for part in wanted], dim=1)
    centre = y.mean(dim=0)

    def fit(rows: slice, strength: float) -> Tensor:
        gram = x[rows].T @ x[rows]
        gram.diagonal().add_(strength * x[rows].shape[0])
        return torch.linalg.solve(gram, x[rows].T @ (y[rows] - centre))

    kept, held = slice(0, TRAIN * 4 // 5), slice(TRAIN * 4 // 5, TRAIN)
    tried = [10.0**power for power in range(-4, 2)]
    gaps = [float((x[held] @ fit(kept, item) + centre - y[held]).square().mean()) for item in tried]
    weights = fit(slice(0, TRAIN), tried[int(np.argmin(gaps))])
    seconds = time.perf_counter() - began
    with torch.no_grad():
        parts = [((embed(part).double() - mean) / spread) @ weights + centre for part in task.test.split(5_000)]
    return torch.cat(parts).float(), seconds


def nearest(task: Task) -> tuple[Tensor, float]:
    """The answer of the nearest training place."""
    base = unit_vectors(task.train)
    found = torch.cat([(unit_vectors(part) @ base.T).argmax(dim=1) for part in task.test.split(5_000)])
    outputs = []
    for name in columns_of(task):
        truth = task.train_targets[name][found]
        classes = task.classes.get(name)
        outputs.append(nn.functional.one_hot(truth.clamp(min=0), classes) if classes else truth[:, None])
    return torch.cat([part.float() for part in outputs], dim=1), 0.0


def kernel(task: Task) -> tuple[Tensor, float]:
    """Gaussian process classification with an exponential kernel: `sphere_rff` of smoothness 0.5, with endless waves.

    Newton's method for the mode of the posterior (Rasmussen and Williams 2006, algorithm 3.1).
    """
    began = time.perf_counter()
    base, truth = unit_vectors(task.train), task.train_targets["land"].float()

    def covariance(a: Tensor) -> Tensor:
        return KERNEL_AMPLITUDE * torch.exp(-(2 - 2 * a @ base.T).clamp(min=0).sqrt() / KERNEL_SCALE)

    gram = covariance(base)
    value = 4 * truth - 2
    for _ in range(NEWTON_STEPS):
        chance = value.sigmoid()
        weight = (chance * (1 - chance)).clamp(min=1e-4)
        root = weight.sqrt()
        inner = root[:, None] * gram * root
        inner.diagonal().add_(1.0)
        pull = weight * value + truth - chance
        shrunk = torch.cholesky_solve((root * (gram @ pull))[:, None], torch.linalg.cholesky(inner))[:, 0]
        share = pull - root * shrunk
        value = gram @ share
    seconds = time.perf_counter() - began
    found = torch.cat([covariance(unit_vectors(part)) @ share for part in task.test.split(5_000)])
    return torch.stack([-found, found], dim=1), seconds


def measured(seeds: list[int], folder: Path, even: bool) -> dict[str, dict[str, list[float]]]:
    """Scores and seconds of every row, seed by seed."""
    rows: dict[str, dict[str, list[float]]] = {}

    def add(row: str, task: Task, found: tuple[Tensor, float]) -> None:
        seconds = "seconds" if "land" in task.classes else "seconds on land"
        for name, value in {**scores(task, found[0]), seconds: found[1]}.items():
            rows.setdefault(row, {}).setdefault(name, []).append(value)

    published = None
    if find_spec("geoclip"):
        from whence.encode.location.geoclip import load_published

        published = load_published()
    for seed in seeds:
        for task in [land_or_ocean(folder, seed, even), *([] if even else [on_land(seed)])]:
            for shown, (name, settings, _, _) in ENCODERS.items():
                add(f"{shown} | trained", task, trained(task, shown, seed))
                kind = location_encoders().load(name)
                config = build(kind.CONFIG, settings, owner=name)
                add(
                    f"{shown} | features", task, ridge(task, kind(config, torch.Generator().manual_seed(seed)).features)
                )
            add("nearest neighbour | ", task, nearest(task))
            if "land" in task.classes:
                add("sphere_rff, exact kernel | trained", task, kernel(task))
            if published:
                add("geoclip, published weights | embedding", task, ridge(task, published))
    return rows


def table(rows: dict[str, dict[str, list[float]]]) -> str:
    """Markdown: mean over the seeds, of land or ocean with its spread."""
    columns = {"land": "land or ocean", "seconds": "s", "climate": "climate class", "country": "country"}
    columns |= {"height": "height, R²", "seconds on land": "s, these three"}
    lines = ["| encoder | what | " + " | ".join(columns.values()) + " |", "|" + "---|" * (2 + len(columns))]
    for row, values in sorted(rows.items(), key=lambda item: -float(np.mean(item[1]["land"]))):
        cells = []
        for name in columns:
            digits = 1 if name.startswith("seconds") else 4 if name == "land" else 3
            mean = f"{np.mean(values[name]):.{digits}f}" if name in values else "–"
            cells.append(
                f"{mean} ± {np.std(values[name], ddof=1):.4f}" if name == "land" and len(values[name]) > 1 else mean
            )
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="how many draws of places")
    parser.add_argument("--first-seed", type=int, default=0, help="100 for choosing settings")
    parser.add_argument("--even", action="store_true", help="land or ocean alone, learnt from evenly spaced places")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("WHENCE_SHARED", "../shared")))
    parser.add_argument("--json", type=Path, help="also write all numbers here")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    seeds = list(range(arguments.first_seed, arguments.first_seed + arguments.seeds))
    began = time.perf_counter()
    rows = measured(seeds, arguments.shared / "data" / "earth", arguments.even)
    about = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {arguments.threads} used",
        "torch": torch.__version__,
        "seeds": seeds,
        "land": "GSHHG land and lakes, 1.25 arc minutes",
        "learnt from": f"{TRAIN} places, {'evenly spaced' if arguments.even else 'random'}",
        "tested on": f"{TEST} random places, {TEST_ON_LAND} on land",
        "seconds": round(time.perf_counter() - began),
    }
    print(table(rows))
    print("\n" + "; ".join(f"{key}: {value}" for key, value in about.items()))
    if arguments.json:
        arguments.json.write_text(json.dumps({"about": about, "rows": rows}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
