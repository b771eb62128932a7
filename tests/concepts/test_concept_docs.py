"""The page on concepts is made from the bank and leaves nothing out."""

import subprocess
import sys
from pathlib import Path

from whence.concepts.bank import bank, parse_bank
from whence.earth.layers import layers

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")


def test_the_page_is_up_to_date():
    script = ROOT / "scripts" / "build_concept_docs.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_layer_and_concept_is_in_it():
    for name in layers().names:
        assert f"| `{name}` |" in PAGE
    for concept in bank():
        assert f"| `{concept.id}` |" in PAGE


def test_its_example_of_a_bank_can_be_read():
    example = parse_bank(PAGE.partition("```toml\n")[2].partition("```")[0])
    assert example["water/cold_port"].grounding.truth(69.0, 33.1) > 0.5  # Murmansk
    assert example["water/cold_port"].grounding.truth(1.27, 103.83) == 0.0  # Singapore
