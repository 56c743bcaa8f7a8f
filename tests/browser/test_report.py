"""Reports opened in a real browser.

Only the standard library and a Chromium are needed; without one the tests are skipped with the
reason. Each report is put into a frame of the wanted width on a page that measures it
(`measure.html`), and Chromium prints that page when it has loaded.

    python tests/browser/test_report.py            # or: pytest tests/browser
"""

import functools
import html
import http.server
import json
import math
import os
import pathlib
import random
import re
import shutil
import subprocess
import tempfile
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("WIDELIMIT_BIN", ROOT / "target" / "release" / "widelimit"))
CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(
        None,
        map(
            shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
        ),
    ),
    None,
)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
]

MEASURE = (pathlib.Path(__file__).parent / "measure.html").read_text()


def widelimit(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"widelimit {arguments}: exit {done.returncode}\n{done.stderr}")


def table(path, rows):
    header = [f"x{k}" for k in range(len(rows[0]) - 1)] + ["y"]
    lines = [",".join(header)] + [",".join(str(v) for v in row) for row in rows]
    path.write_text("\n".join(lines) + "\n")


def make_reports(folder):
    """A classification, a regression and a kernel report, from seeded data."""
    draw = random.Random(1)
    classes, values = [], []
    names = ["setosa", "a rather long class name", "<b>&amp;</b>"]
    for k in range(150):
        label = k % 3
        classes.append([draw.gauss(1.5 * (label == j), 1.0) for j in range(4)] + [names[label]])
        x = [draw.uniform(-2, 2) for _ in range(3)]
        values.append([*x, math.sin(x[0]) + 0.5 * x[1] + draw.gauss(0, 0.1)])
    for name, rows in (("classes", classes), ("values", values)):
        table(folder / f"{name}.train.csv", rows[:100])
        table(folder / f"{name}.test.csv", rows[100:])
        train, test = folder / f"{name}.train.csv", folder / f"{name}.test.csv"
        model = folder / f"{name}.safetensors"
        widelimit("fit", "--net", "mlp:2:relu", "--x", train, "--y", f"{train}:y", "--out", model)
        out = folder / f"{name}.html"
        widelimit("report", model, "--x", test, "--y", f"{test}:y", "--out", out)
    x = folder / "x.csv"
    x.write_text(
        "\n".join(",".join(str(draw.gauss(0, 1)) for _ in range(3)) for _ in range(80)) + "\n"
    )
    widelimit(
        "kernel", "--net", "mlp:2:relu", "--x1", x, "--get", "both", "--out", folder / "k.npz"
    )
    widelimit("report", folder / "k.npz", "--out", folder / "kernel.html")


@unittest.skipUnless(
    CHROMIUM, "no Chromium found (looked for chromium, google-chrome; set CHROMIUM)"
)
@unittest.skipUnless(PROGRAM.exists(), f"{PROGRAM} is not built (make build)")
class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        make_reports(cls.folder)
        handler = functools.partial(QuietHandler, directory=cls.folder)
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()
        cls.server.server_close()
        cls.temporary.cleanup()

    def browse(self, page, dark, *more):
        with tempfile.TemporaryDirectory() as profile:
            scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
            url = f"http://127.0.0.1:{self.server.server_port}/{page}"
            command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", scheme, *more, url]
            return subprocess.run(command, capture_output=True, text=True, timeout=120)

    def measure(self, report, width, dark):
        page = f"measure-{report}-{width}.html"
        (self.folder / page).write_text(
            MEASURE.replace("SOURCE", report).replace("WIDTH", str(width))
        )
        done = self.browse(
            page, dark, "--window-size=1400,1000", "--virtual-time-budget=5000", "--dump-dom"
        )
        found = re.search("MEASURED(.*)END</pre>", done.stdout)
        self.assertIsNotNone(found, f"the page was not measured: {done.stderr[-2000:]}")
        console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        self.assertEqual(console, [], "the console is silent")
        return json.loads(html.unescape(found.group(1)))

    def check(self, report, plots):
        for width in (320, 375, 800, 1280):
            for dark in (False, True):
                with self.subTest(report=report, width=width, dark=dark):
                    seen = self.measure(report, width, dark)
                    self.assertEqual(seen["width"], width)
                    self.assertLessEqual(seen["scrollWidth"], width, "nothing to scroll sideways")
                    self.assertEqual(seen["beyond"], [], "nothing beyond the edge")
                    self.assertEqual(seen["overlaps"], [], "no text on other text")
                    self.assertEqual(seen["small"], [], "text in plots is at least 9 px")
                    self.assertEqual(seen["plots"], plots)
                    self.assertEqual((seen["scripts"], seen["heading"]), (0, 1))
                    self.assertEqual(seen["dark"], dark)
                    red = int(re.findall(r"\d+", seen["background"])[0])
                    ink = int(re.findall(r"\d+", seen["ink"])[0])
                    self.assertTrue(red < 60 < 180 < ink if dark else ink < 60 < 180 < red, seen)

    def test_classification(self):
        self.check(
            "classes.html",
            [
                "Confusion matrix",
                "Predictions against truth: margins",
                "Leave-one-out error over the ridge",
                "Spectrum of the kernel",
            ],
        )

    def test_regression(self):
        plots = [
            "Predictions against truth",
            "Leave-one-out error over the ridge",
            "Spectrum of the kernel",
        ]
        self.check("values.html", plots)

    def test_kernel(self):
        self.check("kernel.html", ["Spectrum of the kernel"])

    def test_screenshot_is_not_blank(self):
        """A page that draws nothing compresses to almost nothing."""
        keep = os.environ.get("WIDELIMIT_SCREENSHOTS")
        for dark in (False, True):
            target = pathlib.Path(keep or self.folder) / f"report-{'dark' if dark else 'light'}.png"
            self.browse("classes.html", dark, "--window-size=1200,1600", f"--screenshot={target}")
            self.assertGreater(target.stat().st_size, 40_000)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


if __name__ == "__main__":
    unittest.main()
