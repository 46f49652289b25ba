"""The reports of the ten verdicts in a folder, with a picture of each first screen.

    python -m tests.benchmarks.picture_verdicts FOLDER [VERDICT ...]

Writes FOLDER/<verdict>/ (the run with its reports) and FOLDER/<verdict>.png (1,280 x 900 pixels, by Chromium).
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.builders.ten_verdicts import VERDICTS, imported

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> int:
    """Write reports and pictures, and print each verdict with its explanation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("verdicts", nargs="*", default=VERDICTS)
    given = parser.parse_args()
    path = next(found for name in BROWSERS if (found := shutil.which(name)))
    given.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        for verdict in given.verdicts:
            run = imported(verdict, given.folder / verdict)
            page.goto((run.path / "report.html").resolve().as_uri())
            page.screenshot(path=str(given.folder / f"{verdict}.png"))
            found = run.decision
            mark = "" if found.verdict.value == verdict else f" (its table is meant for {verdict})"
            print(f"{found.verdict.value}{mark}, {found.reason}: {found.explanation}\n")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
