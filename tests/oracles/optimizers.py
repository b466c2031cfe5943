"""Values of the Rosenbrock function along the paths of PyTorch's optimisers, for models/optimizers.sep (needs torch).

Writes optimizers.json beside this file.
"""
import json
import os

import torch

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def trace(make, steps):
    x = torch.tensor([-1.2, 1.0], requires_grad=True)
    opt = make([x])

    def closure():
        opt.zero_grad()
        f = rosenbrock(x)
        f.backward()
        return f

    values = []
    for _ in range(steps):
        opt.step(closure)
        values.append(rosenbrock(x).item())
    return values


o = torch.optim
runs = {
    "sgd": (lambda p: o.SGD(p, 5e-4), 100),
    "momentum": (lambda p: o.SGD(p, 1e-4, momentum=0.9), 100),
    "nesterov": (lambda p: o.SGD(p, 1e-4, momentum=0.9, nesterov=True), 100),
    "adagrad": (lambda p: o.Adagrad(p, 0.5), 100),
    "rmsprop": (lambda p: o.RMSprop(p, 1e-2), 100),
    "adam": (lambda p: o.Adam(p, 0.05), 100),
    "adamw": (lambda p: o.AdamW(p, 0.05), 100),
    "lbfgs": (lambda p: o.LBFGS(p, 1, max_iter=1, history_size=10, line_search_fn="strong_wolfe"), 40),
}
out = {name: trace(*run) for name, run in runs.items()}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "optimizers.json")
with open(path, "w") as f:
    json.dump({"made_with": "torch " + torch.__version__, **out}, f, indent=0)
