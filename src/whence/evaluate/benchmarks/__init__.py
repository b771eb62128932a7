"""Benchmarks by name: how each is scored in print, what leaks into it, and whether a folder holds it as published."""

from __future__ import annotations

from whence.evaluate.benchmarks.table import benchmark, benchmarks
from whence.evaluate.benchmarks.types import Benchmark, Protocol

__all__ = ["Benchmark", "Protocol", "benchmark", "benchmarks"]
