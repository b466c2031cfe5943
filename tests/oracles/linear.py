"""Coefficients for models/regression.sep and models/logistic.sep (needs NumPy, SciPy, scikit-learn).

Writes linear.json beside this file.
"""
import json
import os

import numpy as np
import sklearn
from scipy.linalg import lapack
from sklearn.linear_model import Lasso, LogisticRegression, Ridge

here = os.path.dirname(os.path.abspath(__file__))
data = os.path.join(here, "..", "..", "models", "data")


def regression(degree=3, penalty=0.01):
    x, y = np.loadtxt(os.path.join(data, "regression.csv"), delimiter=",", skiprows=1, unpack=True)
    X = np.stack([x**k for k in range(degree + 1)], axis=1)
    n = len(y)
    ols = lapack.dgels(X, y)[1][: degree + 1]
    ridge = Ridge(alpha=n * penalty, fit_intercept=False, solver="cholesky", tol=1e-14).fit(X, y).coef_
    lasso = Lasso(alpha=penalty / 2, fit_intercept=False, tol=1e-15, max_iter=10**6).fit(X, y).coef_
    residual = y - X @ ols
    return {
        "ols": ols.tolist(),
        "ridge": ridge.tolist(),
        "lasso": lasso.tolist(),
        "mse": float(np.mean(residual**2)),
        "r2": float(1 - residual @ residual / np.sum((y - y.mean()) ** 2)),
    }


def logistic():
    table = np.loadtxt(os.path.join(data, "classes.csv"), delimiter=",", skiprows=1)
    X, label = table[:, :2], table[:, 2].astype(int)
    out = {}
    for name, y in (("binary", (label == 0).astype(int)), ("classes", label)):
        m = LogisticRegression(C=1.0, solver="newton-cholesky" if name == "binary" else "lbfgs", tol=1e-12, max_iter=10000)
        m.fit(X, y)
        out[name] = {
            "coef": m.coef_.tolist(),
            "intercept": m.intercept_.tolist(),
            "accuracy": float(m.score(X, y)),
        }
    return out


out = {"regression": regression(), "logistic": logistic()}
with open(os.path.join(here, "linear.json"), "w") as f:
    json.dump({"made_with": "numpy %s, scikit-learn %s" % (np.__version__, sklearn.__version__), **out}, f, indent=1)
