#!/usr/bin/env python3
"""Fits the polynomials of vecmath.c: Chebyshev interpolation in 500 digits, coefficients rounded to the working type.

Prints codegen/llvm/polynomials.h and, on stderr, the error of each fit relative to the whole function. Needs mpmath.
"""
import sys
from mpmath import mp, mpf, chebyfit, floor, expm1, log, log1p, sqrt, sin, cos, tanh, atan, erfc, erf, pi

mp.dps = 500  # enough for the bits of 2/pi


def ratio(f, limit):
    """f(x), with the value at 0 taken as a limit from a small argument."""
    return lambda x: f(x) if abs(x) > mpf(10) ** -12 else limit


def q_exp(r):
    return (expm1(r) - r) / r**2


def p_log(f):
    return (log1p(f) - f + f * f / 2) / f**3


def r_log(z):
    s = sqrt(z)
    return (log((1 + s) / (1 - s)) - 2 * s) / s


def odd(f):
    return lambda y: (f(sqrt(y)) / sqrt(y) - 1) / y


def c_cos(y):
    return (cos(sqrt(y)) - 1 + y / 2) / y**2


def c_erf(y):
    return erf(sqrt(y)) / sqrt(y) - 1


def l_erfc(a):
    return log(erfc(a))


S2 = sqrt(mpf(2))
L = log(mpf(2)) / 2 + mpf(2) ** -12
ROWS = [
    # name, function, value at 0, interval, terms in f32, terms in f64
    ("EXP", q_exp, mpf(1) / 2, (-L, L), 5, 11),
    ("LOG", p_log, mpf(1) / 3, (1 / S2 - 1, S2 - 1), 9, 0),
    ("LOG_RATIO", r_log, mpf(0), (mpf(0), mpf("0.0296")), 0, 9),
    ("TANH", odd(tanh), -mpf(1) / 3, (mpf(0), mpf("0.64") ** 2), 6, 14),
    ("SIN", odd(sin), -mpf(1) / 6, (mpf(0), mpf("0.7855") ** 2), 4, 7),
    ("COS", c_cos, mpf(1) / 24, (mpf(0), mpf("0.7855") ** 2), 3, 7),
    ("ATAN", odd(atan), -mpf(1) / 3, (mpf(0), mpf(1)), 11, 0),
    ("ATAN", odd(atan), -mpf(1) / 3, (mpf(0), mpf("0.17158")), 0, 13),
    ("ERF", c_erf, 2 / sqrt(pi) - 1, (mpf(0), mpf("0.9216")), 7, 14),
    ("ERFC_LOG", l_erfc, None, (mpf("0.95"), mpf(4)), 10, 0),
    ("ERFC_LOG_A", l_erfc, None, (mpf("0.95"), mpf("2.4")), 0, 17),
    ("ERFC_LOG_B", l_erfc, None, (mpf("2.4"), mpf(6)), 0, 17),
]


def fit(f, limit, interval, n):
    g = f if limit is None else ratio(f, limit)
    poly, error = chebyfit(g, interval, n, error=True)
    return poly[::-1], error


def split(x, bits, n):
    """x as a sum of n floats of `bits` bits, largest first."""
    out = []
    for _ in range(n):
        with mp.workprec(bits):
            part = +x
        out.append(float(part).hex())
        x = x - part
    return out


def main():
    print("/* Written by codegen/llvm/fit_polynomials.py: coefficients from the constant term up. */")
    print("#ifndef SEPPO_CODEGEN_LLVM_POLYNOMIALS_H\n#define SEPPO_CODEGEN_LLVM_POLYNOMIALS_H\n\n#include <stdint.h>\n")
    for name, f, limit, interval, n32, n64 in ROWS:
        for n, suffix in ((n32, "32"), (n64, "64")):
            if not n:
                continue
            coefficients, error = fit(f, limit, interval, n)
            print(f"{name}{suffix}: 2^{float(log(error, 2)):.1f}", file=sys.stderr)
            body = ",\n    ".join(", ".join(float(c).hex() for c in coefficients[i:i + 4]) for i in range(0, n, 4))
            print(f"static const double {name}{suffix}[] = {{\n    {body}}};")
    for name, x, n in (("LN2_", log(mpf(2)), 2), ("HALF_PI_", pi / 2, 3), ("QUARTER_PI_", pi / 4, 2), ("TWO_PI_", 2 * pi, 2)):
        for bits in (24, 53):
            print(f"static const double {name}{32 if bits == 24 else 64}[] = {{{', '.join(split(x, bits, n))}}};")
    print("/* Bits 8j .. 8j+31 after the point of 2/pi, from j = -2 on: for reducing large angles. */")
    words = [int(floor(2 / pi * mpf(2) ** (8 * j))) & 0xFFFFFFFF for j in range(-2, 178)]
    print("static const uint32_t TWO_OVER_PI_WORDS[] = {")
    for i in range(0, len(words), 10):
        print("    " + ", ".join(f"0x{w:08x}" for w in words[i:i + 10]) + ",")
    print("};")
    print("\n#endif")


main()
