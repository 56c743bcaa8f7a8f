"""Regression on a table of two million rows that is streamed from disk, within 1 GiB of memory.

Makes the table (once), maps its rows to 4096 features of an infinitely wide network block by block,
gathers moments and solves; then the same for random Fourier features of the same dimension (their
bandwidth picked on the first rows) and for the columns themselves. Prints rows a second, the peak
of memory, and R^2 on rows that were held out.

What was gathered is saved every minute or so. A run that was killed goes on from there when it is
started again, to the same bits.

Usage: python scripts/features_large.py [--rows 2000000] [--dim 4096] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import widelimit as wl

MIB = 2**20
COLUMNS = 90
NOISE = 0.3
# Rows that are made together: a shorter table is the beginning of a longer one.
MADE = 10_000
# Rows that are read together.
READ = 8 * 1023
# Rows that feature maps learn from.
SAMPLE = 5000
# Multiples of the root mean squared distance that are tried as bandwidth of Fourier features.
BANDWIDTHS = (0.25, 0.5, 1.0, 2.0)


class Fourier:
    """Random Fourier features of the Gaussian kernel (Rahimi & Recht, NeurIPS 2007)."""

    def __init__(self, columns: int, dim: int, bandwidth: float, seed: int):
        generator = np.random.default_rng([seed, 1])
        directions = generator.standard_normal((columns, dim)) / bandwidth
        self.directions = directions.astype(np.float32)
        self.phases = generator.uniform(0, 2 * np.pi, dim).astype(np.float32)

    def transform(self, x: np.ndarray) -> np.ndarray:
        """Map rows to features."""
        z = x @ self.directions
        z += self.phases
        np.cos(z, out=z)
        z *= np.float32((2 / z.shape[1]) ** 0.5)
        return z


def made(seed: int, block: int) -> tuple[np.ndarray, np.ndarray]:
    """A block of the table: columns mix independent factors of decaying strength.

    The target is a nonlinear function of the six strongest factors, with noise.
    """
    mixing = np.random.default_rng([seed, 0]).standard_normal((COLUMNS, COLUMNS))
    mixing = np.linalg.qr(mixing)[0] / np.arange(1, COLUMNS + 1)[:, None] ** 0.5
    mixing /= (mixing**2).sum(axis=0).mean() ** 0.5  # columns of variance 1 on average
    generator = np.random.default_rng([seed, 1, block])
    g = generator.standard_normal((MADE, COLUMNS))
    target = np.abs(g[:, 0]) + g[:, 1] * g[:, 2] + np.maximum(g[:, 3], g[:, 4])
    target += 0.5 * np.sin(2 * g[:, 5]) + NOISE * generator.standard_normal(MADE)
    return (g @ mixing).astype(np.float32), target.astype(np.float32)


def make_table(folder: Path, rows: int, seed: int) -> None:
    """Write ``x.npy`` and ``y.npy`` in blocks; they get their names when they are complete."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "x.npy", folder / "y.npy"]
    if all(path.exists() for path in paths):
        return
    drafts = [path.with_suffix(".part") for path in paths]
    with open(drafts[0], "wb") as x_file, open(drafts[1], "wb") as y_file:
        for file, shape in ((x_file, (rows, COLUMNS)), (y_file, (rows,))):
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, rows, MADE):
            x, y = made(seed, start // MADE)
            x[: rows - start].tofile(x_file)
            y[: rows - start].tofile(y_file)
    for draft, path in zip(drafts, paths, strict=True):
        draft.replace(path)


def read(folder: Path, start: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the table. Maps are opened anew: pages of one that stays open count as memory."""
    maps = [np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("x", "y")]
    x, y = (np.array(values[start:end]) for values in maps)
    return x, y


def blocks(folder: Path, start: int, end: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows ``start .. end``, some thousand at a time."""
    for at in range(start, end, READ):
        yield read(folder, at, min(at + READ, end))


def peak() -> float:
    """Largest memory of this process so far, in MiB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB


def gathered(
    folder: Path, state: Path, feature_map: Any, rows: int, pause: float
) -> wl.StreamingRidge:
    """Moments of the first rows: those of the state, if there is one, and of the rest."""
    model = wl.StreamingRidge(centre="both", feature_map=feature_map)
    began, told, before = time.perf_counter(), time.perf_counter(), 0

    def watched() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        nonlocal told, before
        if model.rows_:
            before = model.rows_
            print(f"{state.stem}: goes on after {before} rows", flush=True)
        for block in blocks(folder, 0, rows):
            yield block
            if model.rows_ == rows or time.perf_counter() - told >= pause:
                told = time.perf_counter()
                speed = (model.rows_ - before) / (told - began)
                print(f"{state.stem}: {model.rows_} rows, {speed:.0f} rows/s", flush=True)

    return model.fit_blocks(watched(), state=state, pause=pause)


def r_squared(model: wl.StreamingRidge, folder: Path, start: int, end: int) -> float:
    """R^2 on rows ``start .. end``."""
    pairs = [(model.predict(x), y.astype(float)) for x, y in blocks(folder, start, end)]
    predicted, y = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    return 1 - float(((predicted - y) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def bandwidth(x: np.ndarray, y: np.ndarray, dim: int, seed: int) -> float:
    """The bandwidth whose Fourier features have the least generalised cross-validation error."""
    distance = float((2 * x.var(axis=0, dtype=np.float64).sum()) ** 0.5)
    scores = {}
    for multiple in BANDWIDTHS:
        fourier = Fourier(x.shape[1], dim, multiple * distance, seed)
        model = wl.StreamingRidge(centre="both", feature_map=fourier).partial_fit(x, y)
        scores[multiple * distance] = model.path_["gcv"].min()
    return min(scores, key=scores.__getitem__)


def run(args: argparse.Namespace) -> dict[str, float]:
    """Fit all three, print what came of it, and return R^2 by name."""
    test = min(20_000, args.rows // 10)
    train = args.rows - test
    folder = args.folder / f"{args.rows}-{args.seed}"
    began = time.perf_counter()
    make_table(folder, args.rows, args.seed)
    size = (folder / "x.npy").stat().st_size / MIB
    print(
        f"table: {args.rows} rows, {size:.0f} MiB, {time.perf_counter() - began:.1f} s", flush=True
    )

    x, y = read(folder, 0, min(SAMPLE, train))
    hidden = [wl.Dense(w_std=2**0.5, b_std=0.5), wl.Relu()] * args.depth
    network = wl.Network([*hidden, wl.Dense()])
    features = wl.FeatureMap(
        network, dim=args.dim, get=args.get, method=args.method, seed=args.seed
    ).fit(x)
    width = bandwidth(x, y, min(args.dim, 1024), args.seed)
    fourier = Fourier(COLUMNS, args.dim, width, args.seed)
    name = f"{args.get}-{args.depth}-{args.method}-{args.dim}"
    found = {}
    for label, state, feature_map in (
        ("linear", "linear", None),
        ("network", name, features),
        ("fourier", f"fourier-{args.dim}", fourier),
    ):
        began = time.perf_counter()
        path = folder / f"{state}.safetensors"
        model = gathered(folder, path, feature_map, train, args.pause)
        solving = time.perf_counter()
        model.solve()
        ended = time.perf_counter()
        found[label] = r_squared(model, folder, train, args.rows)
        print(
            f"{label:8} R^2 {found[label]:.4f} on {test} rows, ridge {model.ridge_:.1e}, "
            f"gathered in {solving - began:.1f} s, solved in {ended - solving:.1f} s, "
            f"peak {peak():.0f} MiB",
            flush=True,
        )
        del model
    return found


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(__file__).resolve().parents[1]
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows, held-out ones included")
    parser.add_argument("--dim", type=int, default=4096, help="features")
    parser.add_argument("--depth", type=int, default=1, help="hidden layers of the network")
    parser.add_argument("--get", default="ntk", choices=("ntk", "nngp"))
    parser.add_argument("--method", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pause", type=float, default=60.0, help="seconds between two states")
    parser.add_argument("--folder", type=Path, default=root / "build" / "features_large")
    args = parser.parse_args(arguments)
    if args.rows < 100:
        parser.error(f"--rows: expected at least 100, got {args.rows}")
    found = run(args)
    print(f"peak memory {peak():.0f} MiB (limit 1024)", flush=True)
    return found


if __name__ == "__main__":
    main()
    if peak() > 1024:
        raise SystemExit("the limit was exceeded")
