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


def atan_bend(z):
    """(q - atan q) / q^3 at z = q^2."""
    if z < mp.mpf("1e-12"):
        return mp.mpf(1) / 3 - z / 5 + z * z / 7
    q = mp.sqrt(z)
    return (q - mp.atan(q)) / q**3


def erfcx_scaled(q):
    """(1 + 2x) erfcx(x) at q = (x - 4) / (x + 4)."""
    if q >= 1:
        return 2 / mp.sqrt(mp.pi)
    x = 4 * (1 + q) / (1 - q)
    if x > 12:  # asymptotic series
        z, t, total = 1 / (2 * x * x), mp.mpf(1), mp.mpf(1)
        for k in range(1, 30):
            t *= -(2 * k - 1) * z
            total += t
        return (1 + 2 * x) * total / (x * mp.sqrt(mp.pi))
    with mp.workdps(60 + int(x * x / 2)):
        return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x)


def erf_ratio(z):
    """erf(x) / x at z = x^2."""
    x = mp.sqrt(z)
    return mp.erf(x) / x if x else 2 / mp.sqrt(mp.pi)


def taylor(coefficient, terms=40):
    return lambda z: sum((coefficient(k) * z**k for k in range(terms)), mp.mpf(0))


sine = taylor(lambda k: (-1) ** (k + 1) / mp.factorial(2 * k + 3))  # (sin r - r) / r^3
cosine = taylor(lambda k: (-1) ** k / mp.factorial(2 * k + 4))  # (cos r - 1 + z/2) / z^2


if __name__ == "__main__":
    top = mp.tan(mp.pi / 8) ** 2 * mp.mpf("1.0001")
    show("atan bend, f64", atan_bend, 0, top, 11)
    show("atan bend, f32", atan_bend, 0, top, 5)
    show("erfcx, f64", erfcx_scaled, -1, 1, 25)
    show("erfcx, f32", erfcx_scaled, -1, 1, 13)
    show("erf, f64", erf_ratio, 0, "0.2501", 9)
    show("erf, f32", erf_ratio, 0, "0.2501", 5)
    quarter = (mp.pi / 4) ** 2 * mp.mpf("1.001")
    show("sin, f64", sine, 0, quarter, 6)
    show("sin, f32", sine, 0, quarter, 3)
    show("cos, f64", cosine, 0, quarter, 6)
    show("cos, f32", cosine, 0, quarter, 3)
