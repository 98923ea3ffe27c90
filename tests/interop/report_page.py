"""A real browser reads the report page: `python tests/interop/report_page.py OUT [--browser chromium]`.

Writes a page with a refused and an accepted verdict to OUT, lets headless Chromium (Debian's `chromium` will
do) lay it out in three widths, and checks that it asked nobody for anything, ran nothing, and that no content
sticks out of a narrow window. Screenshots stay in OUT.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from aeon_plugin_ft.evaluation.report.page import html_page
from tests.evaluation.report.pages import a_report, read
from tests.evaluation.trials import CPF, Trial, breaks_tools, english, untrained, well

WIDTHS = {"phone": 400, "tablet": 820, "desktop": 1280}
HEIGHT = 2600


def whole_report(trial: Trial) -> dict[str, object]:
    """A report with the trial's own answers, twenty a model."""
    import random

    from aeon_plugin_ft.evaluation.suites import CHAT_PROMPTS, TOOL_PROMPTS, faults

    suites = {}
    for model, talk in (("base", untrained), ("v0001", trial.talk)):
        rng, answers = random.Random(3), []
        for prompt in (*TOOL_PROMPTS, *CHAT_PROMPTS):
            reply = talk(rng, prompt)
            answers.append({"prompt": prompt, "reply": reply.text, "faults": faults(reply)})
        suites[model] = {"answers": answers}
    curve = [[n, 3.4 * 0.97**n + 0.2 * random.Random(n).random() + 1.1] for n in range(1, 90)]
    return a_report(suites=suites, curve=curve)


def main(arguments: list[str]) -> int:
    out = Path(arguments[0]).absolute()
    browser = arguments[arguments.index("--browser") + 1] if "--browser" in arguments else "chromium"
    out.mkdir(parents=True, exist_ok=True)
    bad = 0
    for name, talk in (("accepted", well), ("refused-english", english), ("refused-tools", breaks_tools)):
        trial = Trial(1, talk=talk)
        page = out / f"{name}.html"
        page.write_text(html_page("v0001", 1.76e9, trial.verdict(), whole_report(trial)), encoding="utf-8")
        assert CPF not in page.read_text(encoding="utf-8")
        for size, width in WIDTHS.items():
            bad += look(browser, page, out / f"{name}-{size}.png", width)
    print("all pages are as they should be" if not bad else f"{bad} problems")
    return 1 if bad else 0


def look(browser: str, page: Path, picture: Path, width: int) -> int:
    """One page in one width; the number of problems."""
    netlog = picture.with_suffix(".net.json")
    common = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
              "--disable-component-update", "--no-first-run", f"--user-data-dir={picture.with_suffix('.profile')}",
              f"--window-size={width},{HEIGHT}", f"--log-net-log={netlog}", "--enable-logging=stderr"]  # fmt: skip
    shot = subprocess.run(
        [*common, f"--screenshot={picture}", page.as_uri()], capture_output=True, text=True, timeout=120
    )
    dom = subprocess.run([*common[:-2], "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120)
    problems = []
    if not picture.exists():
        problems.append(f"no screenshot: {shot.stderr[-300:]}")
    problems += [line for line in shot.stderr.splitlines() if "CONSOLE" in line]
    problems += [url for url in asked(netlog) if not url.startswith(("file:", "data:", "chrome", "about:", "devtools"))]
    found = read(dom.stdout)
    if "O que mudou" not in found.text or found.tags.count("svg") != 1:
        problems.append("the page is not laid out whole")
    for problem in problems:
        print(f"{page.name} at {width}: {problem}")
    return len(problems)


def asked(netlog: Path) -> list[str]:
    """Every address that the page made the browser ask; its own calls home carry other initiators."""
    text = netlog.read_text(encoding="utf-8")
    events = json.loads(text if text.rstrip().endswith("}") else text.rstrip().rstrip(",") + "]}").get("events", [])
    found = []
    for event in events:
        parameters = event.get("params") or {}
        if "url" in parameters and parameters.get("initiator") not in {None, "not an origin"}:
            found.append(str(parameters["url"]))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
