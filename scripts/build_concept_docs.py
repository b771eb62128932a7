"""Write the lists in docs/concepts.md from the bank and the layers, or check that they are up to date.

python scripts/build_concept_docs.py [--check]
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from whence.concepts.bank import bank
from whence.earth.layers import layers

PAGE = Path(__file__).resolve().parents[1] / "docs" / "concepts.md"


def layer_list() -> str:
    """Table of the layers."""
    rows = ["| layer | what | values | cells | source |", "|---|---|---|---|---|"]
    for name in layers().names:
        layer = layers().info(name)
        held = f"{len(layer.classes)} classes" if layer.classes else layer.unit or "0..1"
        order = "exact" if layer.source == "the latitude" else f"order {layer.order}"
        rows.append(f"| `{name}` | {layer.description} | {held} | {order} | {layer.source} |")
    return "\n".join(rows)


def class_list() -> str:
    """The classes of each layer that has few, and of the climate."""
    lines = []
    for name in layers().names:
        classes = layers().info(name).classes
        if classes:
            lines.append(f"- `{name}`: " + ", ".join(f"`{item.symbol}` {item.name}" for item in classes) + ".")
    return "\n".join(lines)


def concept_list() -> str:
    """The concepts of each group, with where they hold."""
    parts = [
        f"{len(bank())} concepts, {len(bank().grounded)} of them grounded. Hash of the bank: `{bank().hash[:16]}…`.\n"
    ]
    for group in bank().groups:
        parts.append(f"### {bank().group_name(group)}\n\n| concept | name | holds where |\n|---|---|---|")
        for concept in bank().in_group(group):
            where = concept.grounding.describe() if concept.grounding else "not grounded"
            parts.append(f"| `{concept.id}` | {concept.name()} | {where} |")
        parts.append("")
    return "\n".join(parts).rstrip()


def page(text: str) -> str:
    """The page with its lists replaced; each stands between two comments."""
    for name, content in (("layers", layer_list()), ("classes", class_list()), ("concepts", concept_list())):
        block = re.compile(rf"(<!-- made: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if len(block.findall(text)) != 1:
            sys.exit(f"{PAGE.name} must hold one block of {name}: <!-- made: {name} --> … <!-- end -->")
        text = block.sub(lambda found, content=content: f"{found[1]}\n{content}\n\n{found[2]}", text)
    return text


def main() -> None:
    """Write the page, or fail if it differs from what would be written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the page is out of date")
    check = parser.parse_args().check
    before = PAGE.read_text(encoding="utf-8")
    after = page(before)
    if before == after:
        print(f"Up to date: docs/{PAGE.name}")
    elif check:
        sys.exit(f"Out of date: {PAGE.name}. Run: python scripts/build_concept_docs.py")
    else:
        PAGE.write_text(after, encoding="utf-8")
        print(f"Written: docs/{PAGE.name}")


if __name__ == "__main__":
    main()
