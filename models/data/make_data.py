"""Writes regression.csv and classes.csv beside this file (NumPy, fixed seeds)."""
import os

import numpy as np

here = os.path.dirname(os.path.abspath(__file__))


def save(name, header, columns):
    with open(os.path.join(here, name), "w") as f:
        f.write(header + "\n")
        for row in zip(*columns):
            f.write(",".join(v if isinstance(v, str) else repr(float(v)) for v in row) + "\n")


def regression(n=100):
    """y = 2 + 3x + 4x^2 + noise on [-1, 1]"""
    rng = np.random.default_rng(2024)
    x = np.round(np.sort(rng.uniform(-1, 1, n)), 6)
    y = np.round(2 + 3 * x + 4 * x**2 + rng.normal(0, 0.3, n), 6)
    save("regression.csv", "x,y", [x, y])


def classes(n=50):
    """three overlapping Gaussian clouds in the plane"""
    rng = np.random.default_rng(7)
    centre = np.array([[-1.0, 0.0], [1.0, 0.5], [0.0, -1.2]])
    spread = np.array([[0.6, 0.5], [0.5, 0.7], [0.7, 0.4]])
    label = np.repeat(np.arange(3), n)
    x = np.round(centre[label] + spread[label] * rng.normal(size=(3 * n, 2)), 6)
    order = rng.permutation(3 * n)
    save("classes.csv", "x0,x1,label", [x[order, 0], x[order, 1], [str(k) for k in label[order]]])


if __name__ == "__main__":
    regression()
    classes()
