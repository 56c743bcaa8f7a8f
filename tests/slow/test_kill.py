"""A job that is killed thirty times writes the bytes of one that was left alone.

Tiles are read here from the description of a store in the guide, not with the package.
"""

import json
import os
import re
import shutil
import signal
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
    """A kernel of a network whose activation is a long series, in a folder of its own."""

    def __init__(self, folder, depth):
        self.x = folder / "x.npy"
        np.save(self.x, np.random.default_rng(1).standard_normal((ROWS, 10)))
        self.depth = depth

    def command(self, out):
        net = f"mlp:{self.depth}:relu6"
        options = [f"--threads={THREADS}", "--get=both", "--resume", "--json"]
        return [BINARY, "kernel", "--net", net, "--x1", self.x, "--out", out, *options]

    def run(self, out):
        """Let the job finish; its answer, and the seconds of processor time that it took."""
        with subprocess.Popen(self.command(out), stdout=subprocess.PIPE, text=True) as process:
            answer = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        return json.loads(answer), usage.ru_utime + usage.ru_stime

    def killed_after(self, out, seconds):
        """Kill the job after so many seconds; whether it was still running."""
        with subprocess.Popen(self.command(out), stdout=subprocess.DEVNULL) as process:
            time.sleep(seconds)
            process.kill()
        return process.returncode == -signal.SIGKILL


def job_of_long_tiles(folder):
    """A job whose tiles take long enough, its seconds a tile, and its result.

    Processor time counts: on a machine that has other things to do tiles only take longer.
    """
    job = Job(folder, 13)
    for attempt in range(4):
        out = folder / f"once{attempt}.store"
        answer, busy = job.run(out)
        each = busy / answer["tiles"]
        if each >= 1.2 * AVERAGE:
            return job, answer["seconds"] * THREADS / answer["tiles"], out
        job.depth = min(999, int(job.depth * 1.4 * AVERAGE / each) + 1)
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


def same(store, once):
    """Whether two complete stores have the same bytes."""
    names = ("nngp.npy", "ntk.npy", "store.json")
    return all((store / name).read_bytes() == (once / name).read_bytes() for name in names)


def test_thirty_kills_cost_the_tiles_in_flight_and_not_a_bit(tmp_path):
    job, each, once = job_of_long_tiles(tmp_path)
    start = time.monotonic()
    job.run(once)
    start_up = time.monotonic() - start
    instants = start_up + np.random.default_rng(30).uniform(0, 2.2 * each, KILLS)
    store, losses, kept, rounds = tmp_path / "k.store", [], set(), 1
    while len(losses) < KILLS:
        killed = job.killed_after(store, instants[len(losses)])
        if not store.exists():
            continue
        if not killed or not any(store.glob("*.part")):
            # It is done, sooner than expected: once more from the start.
            assert same(store, once)
            shutil.rmtree(store)
            kept, rounds = set(), rounds + 1
            continue
        before, kept = kept, recorded(store)
        assert kept >= before
        losses.append(forget(store, kept))
        assert losses[-1] <= THREADS, "more was lost than the tiles in flight"

    # One more kill, so that there is a tile to harm and one to compute.
    while not 0 < len(kept) < len(rectangles(store)):
        job.killed_after(store, start_up + 2 * each)
        kept = recorded(store)
    # One more harm: a bit of a tile that is on record.
    torn = min(kept)
    values = arrays(store, "r+")[1][rectangles(store)[torn][0]]
    values[1, 2] = -values[1, 2]
    values.flush()
    answer, _ = job.run(store)
    assert answer["store"] is True and answer["tiles_missing"] == 0
    assert (answer["tiles_damaged"], answer["tiles_found"]) == (1, len(kept) - 1)
    assert same(store, once)
    print(
        f"{KILLS} kills of a job of {answer['tiles']} tiles of {each:.2f} s ({rounds} times): "
        f"{sum(losses)} tiles written but not on record, at most {max(losses)} at a kill"
    )
