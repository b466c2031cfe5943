"""Convolutions, pooling, recurrences and attention by PyTorch (needs torch and NumPy), for tests/oracles/layers.sep.

Writes layers.json beside this file.
"""
import json
import math
import os

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def waves(*shape):
    n = math.prod(shape)
    return torch.sin(torch.arange(1.0, n + 1)).reshape(shape) / 2


def first(x):  # channels last -> channels first
    return x.movedim(-1, 1)


def last(x):
    return x.movedim(1, -1)


def kernel(w):  # [k.., in, out] -> [out, in, k..]
    return w.movedim((-1, -2), (0, 1))


image, line = 2 * waves(2, 6, 5, 4), 2 * waves(2, 7, 3)
out = {"made_with": "torch " + torch.__version__}
W = waves(3, 3, 4, 3).requires_grad_(True)
out["same"] = last(F.conv2d(first(image), kernel(W), padding=1))
out["slope_same"] = torch.autograd.grad((out["same"] ** 2).sum(), W)[0]
out["strided"] = last(F.conv2d(first(image), kernel(W), stride=2, padding=1))
out["dilated"] = last(F.conv2d(first(image), kernel(waves(2, 3, 2, 4)), dilation=2, groups=2))
out["one"] = last(F.conv1d(first(line), kernel(waves(3, 3, 2)), padding=1))
out["three"] = last(F.conv3d(first(image[None]), kernel(waves(2, 2, 2, 4, 2))))
V = waves(4, 4, 3, 4).requires_grad_(True)  # [k, k, out, in]
out["up"] = last(F.conv_transpose2d(first(image), V.permute(3, 2, 0, 1), stride=2, padding=1))
out["slope_up"] = torch.autograd.grad((out["up"] ** 2).sum(), V)[0]
out["largest"] = last(F.max_pool2d(first(image), 2))
out["means"] = last(F.avg_pool2d(first(image), 2, 1))
out["grouped"] = last(F.group_norm(first(image), 2))


def recurrent(kind, n, gates, columns):
    """A recurrent layer whose weights are those of the library, W [m, gates n], with torch's order of gates."""
    cell = kind(3, n, batch_first=True)
    W, U = waves(3, gates * n), waves(n, gates * n)
    blocks = [torch.arange(k * n, (k + 1) * n) for k in columns]
    order = torch.cat(blocks)
    with torch.no_grad():
        cell.weight_ih_l0.copy_(W[:, order].T)
        cell.weight_hh_l0.copy_(U[:, order].T)
        cell.bias_ih_l0.zero_()
        cell.bias_hh_l0.zero_()
    h = cell(line)[0]
    cell.zero_grad()
    (h**2).sum().backward()
    slope = torch.empty_like(U)
    slope[:, order] = cell.weight_hh_l0.grad.T
    return h, slope


out["elman"], _ = recurrent(torch.nn.RNN, 4, 1, [0])
out["long"], out["slope_long"] = recurrent(torch.nn.LSTM, 4, 4, [0, 1, 2, 3])
out["gated"], out["slope_gated"] = recurrent(torch.nn.GRU, 4, 3, [0, 1, 2])
cell = torch.nn.RNN(3, 4, batch_first=True, bidirectional=True)
with torch.no_grad():
    for name, p in cell.named_parameters():
        p.zero_()
        if "weight_ih" in name:
            p.copy_(waves(3, 4).T)
        if "weight_hh" in name:
            p.copy_(waves(4, 4).T)
out["both"] = cell(line)[0]

heads = torch.nn.MultiheadAttention(6, 2, bias=False, batch_first=True, kdim=3, vdim=3)
q = line @ waves(3, 6)
with torch.no_grad():
    heads.q_proj_weight.copy_(torch.eye(6))
    heads.k_proj_weight.copy_(waves(3, 6).T)
    heads.v_proj_weight.copy_(waves(3, 6).T)
    heads.out_proj.weight.copy_(waves(6, 6).T)
out["heads"] = heads(q, line, line, need_weights=False)[0]
scores = line @ line.transpose(1, 2) / math.sqrt(3)
scores = scores.masked_fill(torch.ones(7, 7).triu(1).bool(), -math.inf)
out["causal"] = torch.softmax(scores, -1) @ line

out = {k: v if isinstance(v, str) else v.detach().tolist() for k, v in out.items()}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "layers.json"), "w") as f:
    json.dump(out, f, indent=None, separators=(", ", ": "))
    f.write("\n")
