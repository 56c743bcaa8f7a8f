"""Runs inside the peer environment: times neural-tangents on request, one line in, one line out.

Request: JSON {"activation", "n", "d"}; answer: JSON {"seconds", "checksum"}. The first request for
a shape compiles and is not timed.
"""

import json
import sys
import time

import jax
import neural_tangents as nt
import numpy as np
from neural_tangents import stax

ACTIVATIONS = {"relu": stax.Relu, "erf": stax.Erf, "gelu": stax.Gelu}
HIDDEN = 3
READY = {}


def compiled(activation, n, d):
    """Return the compiled kernel function and its input."""
    key = (activation, n, d)
    if key not in READY:
        layers = []
        for _ in range(HIDDEN):
            layers += [stax.Dense(64, W_std=2**0.5), ACTIVATIONS[activation]()]
        _, _, kernel_fn = stax.serial(*layers, stax.Dense(1, W_std=2**0.5))
        x = np.random.default_rng(0).standard_normal((n, d)).astype(np.float32)
        kernel = jax.jit(lambda x: kernel_fn(x, None, "ntk"))
        kernel(x).block_until_ready()
        READY[key] = kernel, x
    return READY[key]


def main():
    """Answer requests until the input ends."""
    print(json.dumps({"jax": jax.__version__, "neural_tangents": nt.__version__}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        kernel, x = compiled(request["activation"], request["n"], request["d"])
        start = time.perf_counter()
        result = kernel(x).block_until_ready()
        seconds = time.perf_counter() - start
        answer = {"seconds": seconds, "checksum": float(np.asarray(result[0, :5]).sum())}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
