"""Coefficients of the polynomials in src/lanes, from 60-digit arithmetic (needs mpmath).

Near-minimax polynomials in the power basis by interpolation at Chebyshev nodes; every line printed is the name, the
interval, the largest relative or absolute error on a fine grid, and the coefficients, constant first.
"""

import mpmath as mp

mp.mp.dps = 60


def cheb_fit(f, lo, hi, n):
    """Power-basis coefficients of the polynomial with n coefficients through f at the Chebyshev nodes of [lo, hi]."""
    lo, hi = mp.mpf(lo), mp.mpf(hi)
    mid, half = (lo + hi) / 2, (hi - lo) / 2
    nodes = [mid + half * mp.cos(mp.pi * (2 * i + 1) / (2 * n)) for i in range(n)]
    v = mp.matrix(n, n)
    for i, x in enumerate(nodes):
        for j in range(n):
            v[i, j] = x**j
    return list(mp.lu_solve(v, mp.matrix([f(x) for x in nodes])))


def worst(f, coefficients, lo, hi, relative=True, points=1000):
    top = mp.mpf(0)
    for i in range(points + 1):
        x = mp.mpf(lo) + (mp.mpf(hi) - mp.mpf(lo)) * i / points
        y = f(x)
        e = abs(mp.polyval(coefficients[::-1], x) - y)
        top = max(top, e / abs(y) if relative else e)
    return top


def show(name, f, lo, hi, n, relative=True):
    c = cheb_fit(f, lo, hi, n)
    print(f"{name} on [{mp.nstr(mp.mpf(lo), 6)}, {mp.nstr(mp.mpf(hi), 6)}]: {mp.nstr(worst(f, c, lo, hi, relative), 3)}")
    print("    [" + ",\n     ".join(repr(float(x)) for x in c) + "]")


def series(terms):
    return lambda z: sum((t * z**k for k, t in terms), mp.mpf(0))


def atan_bend(z):
    """(q - atan q) / q^3 at z = q^2."""
    if z < mp.mpf("1e-12"):
        return mp.mpf(1) / 3 - z / 5 + z * z / 7
    q = mp.sqrt(z)
    return (q - mp.atan(q)) / q**3


if __name__ == "__main__":
    top = mp.tan(mp.pi / 8) ** 2 * mp.mpf("1.0001")
    show("atan bend, f64", atan_bend, 0, top, 11)
    show("atan bend, f32", atan_bend, 0, top, 5)
