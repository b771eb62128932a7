"""Fuzz the image and metadata readers: no crash, no hang, no memory beyond the limit.

Two parts. Seeded mutations of the whole corpus (and of real photographs, where ``--real`` names a folder) run
in a worker process with a limit on memory and a clock; then, if `atheris` is installed, a coverage-guided part
fuzzes the same two readers, instrumented. What is not a `whence.core.errors.WhenceError` is a crash.

    python benchmarks/fuzz_readers.py --inputs 60000 --json fuzz.json

Exits with 1 on any finding; the input is kept in the folder ``--keep`` names.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import random
import resource
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

HANG_S = 5.0
MEMORY_MB = 1_500
BATCH = 500
SEED_LIMIT = 40_000
"""Larger seeds (decompression bombs, mostly) are left to the tests: a thousand mutants of one take minutes."""

TOKENS = [
    b"\xff\xd8", b"\xff\xd9", b"\xff\xda", b"\xff\xe1", b"Exif\0\0", b"II*\0", b"MM\0*", b"8BIM\x04\x04",
    b"\x1c\x02\x5a", b"IHDR", b"IDAT", b"tRNS", b"PLTE", b"iTXt", b"eXIf", b"acTL", b"RIFF", b"VP8X", b"ALPH",
    b"ftypheic", b"ftypavif", b"meta", b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff",
    b"\x80\x00\x00\x00", b"\x00\x01", b"{", b"<rdf:li>", b"<!DOCTYPE", b"&#0;", b"\xc3\x28", b"1/0", b"nan",
    b"1e999", b"-0", b"S\0", b"\x25\x88", b"\x69\x87",
]  # fmt: skip


def mutate(seed: bytes, other: bytes, rng: random.Random) -> bytes:
    """Damage a file in one to eight places."""
    data = bytearray(seed)
    for _ in range(rng.choice((1, 1, 2, 3, 5, 8))):
        if not data:
            data += other[:64] or b"\0"
        # Structure sits at the beginning of most files: half of the damage goes there.
        span = len(data) if rng.random() < 0.5 else min(len(data), 600)
        at = rng.randrange(span)
        kind = rng.randrange(9)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 2:
            number = rng.choice((0, 1, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFF, len(data), rng.getrandbits(32)))
            packed = struct.pack(rng.choice("<>") + "I", number)[: rng.choice((2, 4))]
            data[at : at + len(packed)] = packed
        elif kind == 3:
            token = rng.choice(TOKENS)
            data[at : at + rng.choice((0, len(token)))] = token
        elif kind == 4:
            del data[at : at + rng.randrange(1, 64)]
        elif kind == 5:
            piece = data[at : at + rng.randrange(1, 200)]
            data[at:at] = piece * rng.choice((1, 1, 2, 50))
        elif kind == 6:
            data = data[: max(1, at)] if rng.random() < 0.3 else data
        elif kind == 7 and other:
            start = rng.randrange(len(other))
            piece = other[start : start + rng.randrange(1, 400)]
            data[at : at + rng.choice((0, len(piece)))] = piece
        else:
            block = data[at : at + 16]
            rng.shuffle(block)
            data[at : at + 16] = block
    return bytes(data[: 4 * SEED_LIMIT])


def read_both(data: bytes) -> str:
    """Run both readers; returns how each ended. Raises what is not a `WhenceError`."""
    from whence.core.errors import WhenceError
    from whence.samples.metadata import read_metadata
    from whence.samples.reader import read_view

    ends = []
    for reader in (read_metadata, read_view):
        try:
            reader(data)
            ends.append("read")
        except WhenceError as error:
            ends.append(type(error).__name__)
    return "/".join(ends)


def shrunk(path: Path) -> bytes:
    """A real photograph with its metadata but only 64 pixels across, so that mutants of it are fast."""
    from PIL import Image

    with Image.open(path) as image:
        kind = image.format or "JPEG"
        kept = {key: image.info[key] for key in ("exif", "xmp", "icc_profile") if key in image.info}
        image.thumbnail((64, 64))
        out = BytesIO()
        image.save(out, kind, **kept)
    return out.getvalue()


def seeds(real: Path | None) -> list[bytes]:
    """The corpus and, where named, real files."""
    from whence.samples.corpus import make_corpus

    with tempfile.TemporaryDirectory() as folder:
        files = [case.path.read_bytes() for case in make_corpus(Path(folder))]
    if real is not None and real.is_dir():
        files += [shrunk(path) for path in sorted(real.iterdir()) if path.suffix.casefold() in {".jpg", ".webp"}]
    return sorted({data for data in files if 0 < len(data) <= SEED_LIMIT})


def work(files: list[bytes], seed: int, start: int, count: int, pipe: Any) -> None:
    """Worker: reads mutants ``start … start + count`` and reports each; its memory is limited."""
    limit = MEMORY_MB * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit * 2, limit * 2))
    warnings.simplefilter("error")
    for index in range(start, start + count):
        data = mutant(files, seed, index)
        pipe.send(("start", index))
        began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            end = read_both(data)
        except BaseException:
            end = "crash: " + traceback.format_exc(limit=-6)
        elapsed, peak = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        pipe.send(("end", index, end, elapsed, peak / 1000, peak > before))
    pipe.send(("done",))


def mutant(files: list[bytes], seed: int, index: int) -> bytes:
    """The mutant of one number: the same for the same seeds, whoever asks."""
    rng = random.Random(f"{seed}/{index}")
    return mutate(files[index % len(files)], rng.choice(files), rng)


def run_mutations(files: list[bytes], seed: int, inputs: int, keep: Path) -> dict[str, Any]:
    """Run all mutants; a worker that dies or hangs is a finding, and the next one goes on after it."""
    ends: Counter[str] = Counter()
    findings: list[dict[str, Any]] = []
    slowest, peak, at = 0.0, 0.0, 0
    context = multiprocessing.get_context("fork")

    def found(index: int, what: str) -> None:
        data = mutant(files, seed, index)
        name = hashlib.sha256(data).hexdigest()[:16]
        keep.mkdir(parents=True, exist_ok=True)
        (keep / name).write_bytes(data)
        findings.append({"input": index, "file": str(keep / name), "what": what})
        print(f"FINDING {index}: {what.strip().splitlines()[-1]}", file=sys.stderr)

    while at < inputs and len(findings) < 50:
        receiver, sender = context.Pipe(duplex=False)
        count = min(BATCH, inputs - at)
        worker = context.Process(target=work, args=(files, seed, at, count, sender))
        worker.start()
        sender.close()
        current, done = at, False
        try:
            while not done:
                if not receiver.poll(2 * HANG_S):
                    found(current, f"hang: no end after {2 * HANG_S:g} s")
                    break
                message = receiver.recv()
                if message[0] == "start":
                    current = message[1]
                elif message[0] == "end":
                    _, current, end, elapsed, rss, _ = message
                    ends["crash" if end.startswith("crash") else end] += 1
                    slowest, peak = max(slowest, elapsed), max(peak, rss)
                    if end.startswith("crash"):
                        found(current, end)
                    elif elapsed > HANG_S:
                        found(current, f"slow: {elapsed:.1f} s")
                    elif rss > MEMORY_MB:
                        found(current, f"memory: {rss:.0f} MB")
                        break
                else:
                    done = True
        except EOFError:
            worker.join()
            found(current, f"the process died with exit code {worker.exitcode}")
        worker.kill()
        worker.join()
        at = at + count if done else current + 1
    return {"inputs": at, "ends": dict(ends), "findings": findings, "slowest_s": slowest, "peak_mb": peak}


GUIDED = """
import sys, warnings
sys.path[:0] = {path!r}
import atheris
with atheris.instrument_imports(include=["whence"]):
    import whence.samples.reader, whence.samples.metadata
from whence.core.errors import WhenceError
warnings.simplefilter("error")
def one(data):
    for reader in (whence.samples.metadata.read_metadata, whence.samples.reader.read_view):
        try:
            reader(data)
        except WhenceError:
            pass
atheris.Setup(sys.argv, one)
atheris.Fuzz()
"""


def run_guided(files: list[bytes], seed: int, inputs: int, keep: Path) -> dict[str, Any] | None:
    """The coverage-guided part; ``None`` without atheris."""
    try:
        import atheris  # noqa: F401
    except ImportError:
        return None
    keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        for index, data in enumerate(files):
            Path(corpus, str(index)).write_bytes(data)
        script = Path(folder, "guided.py")
        script.write_text(GUIDED.format(path=sys.path))
        command = [
            sys.executable, str(script), f"-runs={inputs}", f"-seed={seed + 1}", f"-timeout={HANG_S:g}".split(".")[0],
            f"-rss_limit_mb={MEMORY_MB}", f"-max_len={SEED_LIMIT}", f"-artifact_prefix={keep}/", "-print_final_stats=1",
            str(corpus),
        ]  # fmt: skip
        result = subprocess.run(command, capture_output=True, text=True, check=False, errors="replace")
    statistics: dict[str, int] = {}
    for line in result.stderr.splitlines():
        if line.startswith("stat::"):
            key, _, value = line.removeprefix("stat::").partition(":")
            statistics[key] = int(value)
    found = [] if result.returncode == 0 else [{"file": str(keep), "what": result.stderr[-3000:]}]
    return {
        "inputs": statistics.get("number_of_executed_units", 0),
        "new_units": statistics.get("new_units_added", 0),
        "peak_mb": statistics.get("peak_rss_mb", 0),
        "slowest_s": statistics.get("slowest_unit_time_sec", 0),
        "findings": found,
    }


def main() -> int:
    """Run and print a table; 1 on any finding."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=50_000, help="mutated inputs")
    parser.add_argument("--guided", type=int, default=10_000, help="coverage-guided inputs, if atheris is installed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--real", type=Path, help="folder of real photographs to start from as well")
    parser.add_argument("--json", type=Path, help="where to write the results")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir(), "whence-fuzz"))
    args = parser.parse_args()
    files = seeds(args.real)
    results: dict[str, Any] = {"seeds": len(files), "seed": args.seed, "parts": {}}
    for name, run, inputs in (("mutation", run_mutations, args.inputs), ("guided", run_guided, args.guided)):
        began = time.monotonic()
        part = run(files, args.seed, inputs, args.keep) if inputs else None
        if part is not None:
            results["parts"][name] = {**part, "time_s": round(time.monotonic() - began, 1)}
    findings = sum(len(part["findings"]) for part in results["parts"].values())
    print(f"{'part':<10}{'inputs':>9}{'findings':>10}{'slowest s':>11}{'peak MB':>9}{'time s':>8}")
    for name, part in results["parts"].items():
        numbers = (part["inputs"], len(part["findings"]), part["slowest_s"], part["peak_mb"], part["time_s"])
        print("{:<10}{:>9,}{:>10}{:>11.2f}{:>9.0f}{:>8.0f}".format(name, *numbers))
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
