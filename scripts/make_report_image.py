"""Make ``docs/images/report.png``: the report on the project's own rendered shop sign, as a browser shows it.

It needs ``chromium`` (or ``chromium-browser``, ``google-chrome``) on the path::

    python scripts/make_report_image.py [docs/images/report.png]

The picture is photographed at twice its size, scaled down, and reduced to a palette, so that it stays small.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from whence.explain.report import write_report
from whence.pipeline import Locator, Options

ROOT = Path(__file__).resolve().parents[1]
PICTURE = "pizzeria_chile.jpg"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
WIDTH, HEIGHT, SCALE, COLOURS = 1280, 1372, 2, 256
EXCERPT = """
.said,.lead,.fold,.candidates,.candidates-head,.claims small,.look,#theme,.implied,.sure,figcaption,
.legend .script-only{display:none!important}
.picture,.legend{margin-bottom:0}.facts{margin:0}.said+.lead+.keys{margin-top:0}
section{padding-top:18px!important;padding-bottom:18px!important}
"""
"""What a picture of a page leaves out, so that photograph, map and ledger fit on it."""


def main() -> None:
    """Locate the picture, write its report, take the picture of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=Path, default=ROOT / "docs/images/report.png")
    out = parser.parse_args().out
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise SystemExit(f"No browser found: install one of {', '.join(BROWSERS)}.")
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        subprocess.run([sys.executable, str(ROOT / "examples/make_pictures.py"), folder], check=True)
        locator = Locator(Options())
        query = locator.read(here / PICTURE, name=PICTURE)
        write_report(locator.ask(query), query, here / "report.html")
        page = here / "excerpt.html"
        page.write_text(excerpt((here / "report.html").read_text(encoding="utf-8")), encoding="utf-8")
        shot = here / "shot.png"
        photograph(browser, page, shot, here / "profile")
        shrink(shot, out)
    print(f"{out}: {Image.open(out).size}, {out.stat().st_size / 1024:.0f} kB")


def excerpt(html: str) -> str:
    """The page with `EXCERPT` in its style, and without the policy that would refuse it."""
    before, _, rest = html.partition('<meta http-equiv="Content-Security-Policy"')
    return (before + rest.partition(">")[2]).replace("</style>", EXCERPT + "</style>", 1)


def photograph(browser: str, page: Path, shot: Path, profile: Path) -> None:
    """Take a picture of the upper part of a page."""
    size = [f"--window-size={WIDTH},{HEIGHT}", f"--force-device-scale-factor={SCALE}"]
    command = [browser, *FLAGS, *size, f"--user-data-dir={profile}", f"--screenshot={shot}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def shrink(shot: Path, out: Path) -> None:
    """Scale to `WIDTH` pixels and reduce to a palette."""
    image = Image.open(shot).convert("RGB")
    small = image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.Resampling.LANCZOS)
    out.parent.mkdir(parents=True, exist_ok=True)
    small.quantize(COLOURS, dither=Image.Dither.NONE).save(out, optimize=True)


if __name__ == "__main__":
    main()
