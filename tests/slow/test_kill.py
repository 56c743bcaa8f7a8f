"""A job that is killed thirty times writes the bytes of one that was left alone.

Tiles are read here from the description of a store in the guide, not with the package.
"""

import json
import re
import subprocess
import time
import zlib
from pathlib import Path

import numpy as np

BINARY = Path(__file__).resolve().parents[2] / "target" / "release" / "widelimit"
THREADS = 2
KILLS = 30

# From so many seconds on a tile goes on record by itself: a kill costs the tiles in flight alone.
LONG = 0.2

# Nine bands of 192 rows, so that no tile is cut; one on the diagonal takes half the time of others.
ROWS = 1728
AVERAGE = 2 * LONG * 0.9


class Job:
    """A kernel of a deep network in a folder of its own."""

    def __init__(self, folder, depth):
        self.x = folder / "x.npy"
        np.save(self.x, np.random.default_rng(1).standard_normal((ROWS, 10)))
        self.depth = depth

    def command(self, out):
        net = f"mlp:{self.depth}:erf"
        options = [f"--threads={THREADS}", "--get=both", "--resume", "--json"]
        return [BINARY, "kernel", "--net", net, "--x1", self.x, "--out", out, *options]

    def run(self, out):
        done = subprocess.run(self.command(out), check=True, capture_output=True, text=True)
        return json.loads(done.stdout)

    def run_for(self, out, seconds):
        """Kill the job after so many seconds; it must still be running."""
        with subprocess.Popen(self.command(out), stdout=subprocess.DEVNULL) as process:
            time.sleep(seconds)
            assert process.poll() is None, "the job was over before it was killed"
            process.kill()


def job_of_long_tiles(folder):
    """A job whose tiles take long enough on this machine, its seconds a tile, and its result."""
    job = Job(folder, 300)
    for attempt in range(4):
        out = folder / f"once{attempt}.store"
        answer = job.run(out)
        each = answer["seconds"] * THREADS / answer["tiles"]
        if each >= 1.3 * AVERAGE:
            return job, each, out
        job.depth = min(999, int(job.depth * 1.5 * AVERAGE / each) + 1)
    raise AssertionError(f"a tile of {job.depth} layers takes {each:.3f} s only")


def rectangles(store):
    """Slices of every tile: symmetric, numbered band by band from the diagonal on."""
    about = json.loads((store / "store.json").read_text())
    assert about["version"] == 2 and about["symmetric"]
    (rows, _), edge = about["arrays"][0]["shape"], about["tile"]
    bands = [slice(first, min(first + edge, rows)) for first in range(0, rows, edge)]
    pairs = [(i, j) for k, i in enumerate(bands) for j in bands[k:]]
    assert len(pairs) == about["tiles"]
    return [[(i, j)] if i == j else [(i, j), (j, i)] for i, j in pairs]


def arrays(store, mode):
    return [np.load(store / f"{name}.npy.part", mmap_mode=mode) for name in ("nngp", "ntk")]


def recorded(store):
    """Tiles on record, and that they are there: no line before its data."""
    found = {}
    for log in store.glob("done-*.log"):
        for line in log.read_text().splitlines(keepends=True):
            match = re.fullmatch(r"(\d+) ([0-9a-f]{8})\n", line)
            if match:
                found[int(match[1])] = int(match[2], 16)
    tiles, parts = rectangles(store), arrays(store, "r")
    for tile, crc in found.items():
        sum_ = 0
        for part in parts:
            for place in tiles[tile]:
                sum_ = zlib.crc32(np.ascontiguousarray(part[place]).tobytes(), sum_)
        assert sum_ == crc, f"tile {tile} is on record but not as it is on disk"
    return set(found)


def forget(store, kept):
    """Count tiles that were written but not on record, and scramble all that are not."""
    lost = 0
    parts = arrays(store, "r+")
    for tile, places in enumerate(rectangles(store)):
        if tile not in kept:
            written = [part[place] for part in parts for place in places]
            lost += any((np.isfinite(values) & (values != 0)).any() for values in written)
            for part in parts:
                for place in places:
                    part[place] = np.nan
    return lost


def test_thirty_kills_cost_the_tiles_in_flight_and_not_a_bit(tmp_path):
    job, each, once = job_of_long_tiles(tmp_path)
    start = time.monotonic()
    job.run(once)
    start_up = time.monotonic() - start
    instants = start_up + np.random.default_rng(30).uniform(0, 2.2 * each, KILLS)
    store, losses, kept = tmp_path / "k.store", [], set()
    for instant in instants:
        job.run_for(store, instant)
        if not store.exists():
            continue
        before, kept = kept, recorded(store)
        assert kept >= before
        losses.append(forget(store, kept))
        assert losses[-1] <= THREADS, "more was lost than the tiles in flight"
    tiles = len(rectangles(store))
    assert 0 < len(kept) < tiles

    # One more harm: a bit of a tile that is on record.
    torn = min(kept)
    values = arrays(store, "r+")[1][rectangles(store)[torn][0]]
    values[1, 2] = -values[1, 2]
    values.flush()
    answer = job.run(store)
    assert answer["store"] is True and answer["tiles_missing"] == 0
    assert (answer["tiles_damaged"], answer["tiles_found"]) == (1, len(kept) - 1)
    for name in ("nngp.npy", "ntk.npy", "store.json"):
        assert (store / name).read_bytes() == (once / name).read_bytes(), name
    print(
        f"{KILLS} kills of a job of {tiles} tiles of {each:.2f} s: {len(kept)} tiles on record, "
        f"{sum(losses)} written but not on record, at most {max(losses)} at a kill"
    )
