"""The systems of fit.rs in SciPy: `python fit_scipy.py [rows]`."""

import sys
import time

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigh

n = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
rng = np.random.default_rng(0)
x = rng.uniform(-1, 1, (n, 10))
y = np.sin(3 * x) + 0.1 * rng.uniform(-1, 1, x.shape)
norms = np.linalg.norm(x, axis=1)
scale = np.outer(norms, norms)
c = np.clip(x @ x.T / scale, -1, 1)
k = scale * (np.sqrt(1 - c * c) + 2 * (np.pi - np.arccos(c)) * c) / np.pi
y -= y.mean(0)
shift = 1e-3 * np.trace(k) / n * np.eye(n)
for dtype in (np.float64, np.float32):
    a, b = (k + shift).astype(dtype), y.astype(dtype)
    start = time.perf_counter()
    cho_solve(cho_factor(a, lower=True), b)
    print(f"{dtype.__name__} cho_factor + cho_solve {time.perf_counter() - start:8.2f} s")
start = time.perf_counter()
eigh(k)
print(f"float64 eigh                   {time.perf_counter() - start:8.2f} s")
