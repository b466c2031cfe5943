"""The two programs of the lecture notes that models/perceptron.sep and models/hidden.sep repeat (needs NumPy).

Writes notes.json beside this file: the cost before each iteration and after the last, and the final parameters.
"""
import json
import os

import numpy as np


def perceptron(w, b, rate=0.01, iterations=40):
    x = 4.0
    y = 2 * x + 1.0
    costs = []
    for _ in range(iterations):
        a = x * w + b
        costs.append(0.5 * (a - y) ** 2)
        delta = a - y
        w -= rate * (delta * x)
        b -= rate * delta
    costs.append(0.5 * (w * x + b - y) ** 2)
    return {"cost": costs, "w": w, "b": b}


def hidden(w1, w2, rate=0.1, iterations=50):
    x, b1, b2 = 4.0, 0.01, 0.01
    y = 2 * x + 1.0
    costs = []

    def forward():
        a1 = 1.0 / (1.0 + np.exp(-(x * w1 + b1)))
        return a1, a1 * w2 + b2

    for _ in range(iterations):
        a1, a2 = forward()
        costs.append(0.5 * (a2 - y) ** 2)
        delta2 = a2 - y
        delta1 = delta2 * w2 * a1 * (1 - a1)
        w2, b2, w1, b1 = w2 - rate * (a1 * delta2), b2 - rate * delta2, w1 - rate * (x * delta1), b1 - rate * delta1
    costs.append(0.5 * (forward()[1] - y) ** 2)
    return {"cost": costs, "w1": w1, "b1": b1, "w2": w2, "b2": b2}


np.random.seed(0)
first, second = np.random.randn(), np.random.randn()
out = {"perceptron": perceptron(first, second), "hidden": hidden(first, second)}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "notes.json")
with open(path, "w") as f:
    json.dump({"made_with": "numpy " + np.__version__, "first": first, "second": second, **out}, f, indent=0, default=float)
