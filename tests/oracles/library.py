"""Values of the library's functions and layers by PyTorch (needs torch, NumPy and SciPy), for tests/oracles/library.sep.

Writes library.json beside this file.
"""
import json
import math
import os

import numpy as np
import scipy.spatial.distance
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
x = torch.tensor([-30.0, -3.0, -1.0, -0.25, 0.0, 0.25, 1.0, 3.0, 30.0])
logits = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0], [100.0, 99.0, -100.0], [-1.0, -1.0, 2.0]])
label = torch.tensor([0, 1, 1, 2])
a = torch.tensor([0.5, -1.5, 2.0, 0.0])
b = torch.tensor([0.0, -1.0, -1.0, 0.25])
p = torch.tensor([0.0, 0.2, 0.9, 1.0])
y = torch.tensor([0.0, 1.0, 1.0, 0.0])
sign = torch.tensor([1.0, -1.0, 1.0, -1.0])
rows = torch.tensor([[1.0, 2.0, 4.0], [0.0, -1.0, 3.0], [2.0, 2.0, -2.0], [5.0, 0.0, 1.0]])


def slope(f):
    t = x.clone().requires_grad_(True)
    f(t).sum().backward()
    return t.grad.tolist()


activations = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
    "leaky_relu": lambda t: F.leaky_relu(t, 0.01),
    "elu": F.elu,
    "softplus": lambda t: F.softplus(t, threshold=1000),
    "silu": F.silu,
    "swish": lambda t: t * torch.sigmoid(2 * t),
    "gelu": F.gelu,
}
out = {"made_with": "torch " + torch.__version__}
for name, f in activations.items():
    out[name] = f(x).tolist()
    out["slope_" + name] = slope(f)
out["softmax"] = F.softmax(logits, -1).tolist()
out["log_softmax"] = F.log_softmax(logits, -1).tolist()
out["logsumexp"] = torch.logsumexp(logits, -1).tolist()
out["logsumexp_columns"] = torch.logsumexp(logits, 0, keepdim=True).tolist()

out["mse"] = F.mse_loss(a, b).item()
out["mae"] = F.l1_loss(a, b).item()
out["huber"] = F.huber_loss(a, b, delta=0.7).item()
out["bce"] = F.binary_cross_entropy(p, y).item()
out["bce_logits"] = F.binary_cross_entropy_with_logits(a, y).item()
out["cross_entropy"] = F.cross_entropy(logits, label).item()
out["hinge"] = torch.clamp(1 - sign * a, min=0).mean().item()
out["accuracy"] = (logits.argmax(-1) == label).double().mean().item()
q = F.softmax(logits[:2], -1)
r = torch.tensor([[0.5, 0.5, 0.0], [0.1, 0.2, 0.7]])
out["kl"] = torch.where(r > 0, r * (torch.log(r) - torch.log(q)), torch.zeros(())).sum(-1).tolist()

N = torch.distributions.Normal
out["normal_logpdf"] = N(0.5, 2.0).log_prob(a).tolist()
out["bernoulli_logpdf"] = torch.distributions.Bernoulli(logits=a).log_prob(y).tolist()
out["categorical_logpdf"] = torch.distributions.Categorical(logits=logits).log_prob(label).tolist()
S = torch.tensor([[2.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 0.5]])
mu = torch.tensor([1.0, 0.0, -1.0])
out["gaussian_logpdf"] = torch.distributions.MultivariateNormal(mu, S).log_prob(rows).tolist()
mean, logvar = a, b
out["kl_normal"] = (0.5 * (mean**2 + logvar.exp() - logvar - 1)).tolist()

out["var"] = rows.var(unbiased=False).item()
out["var_columns"] = rows.var(0, unbiased=True).tolist()
out["std_rows"] = rows.std(1, unbiased=False).tolist()
out["clip"] = torch.clamp(a, -1, 0.3).tolist()

norm = torch.nn.BatchNorm1d(3)
out["batch_norm_00"], out["batch_norm_21"] = norm(rows)[0, 0].item(), norm(rows)[2, 1].item()
norm = torch.nn.BatchNorm1d(3)
norm(rows)
out["running_mean"] = norm.running_mean.tolist()
out["running_var"] = norm.running_var.tolist()
norm.eval()
out["batch_norm_eval"] = norm(rows).tolist()
out["layer_norm"] = F.layer_norm(rows, (3,)).tolist()

steps = range(1, 6)
optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5, eta_min=0.01)
rates = []
for _ in steps:
    rates.append(optimizer.param_groups[0]["lr"])
    optimizer.step()
    schedule.step()
out["cosine"] = rates
out["exponential"] = [0.1 * 0.5 ** (t - 1) for t in steps]
out["stepped"] = [0.1 * 0.1 ** ((t - 1) // 2) for t in steps]
out["warmup"] = [0.1 * min(t / 3, 1) for t in steps]

D = torch.distributions
positive = torch.tensor([0.1, 0.5, 1.0, 2.5, 30.0])
inside = torch.tensor([0.05, 0.3, 0.8])
out["gelu_tanh"], out["slope_gelu_tanh"] = F.gelu(x, approximate="tanh").tolist(), slope(lambda t: F.gelu(t, approximate="tanh"))
out["selu"], out["slope_selu"] = F.selu(x).tolist(), slope(F.selu)
out["mish"], out["slope_mish"] = F.mish(x).tolist(), slope(F.mish)
out["softsign"], out["slope_softsign"] = F.softsign(x).tolist(), slope(F.softsign)
out["exponential_logpdf"] = D.Exponential(2.0).log_prob(positive).tolist()
out["laplace_logpdf"] = D.Laplace(0.5, 2.0).log_prob(a).tolist()
out["cauchy_logpdf"] = D.Cauchy(0.5, 2.0).log_prob(a).tolist()
out["gamma_logpdf"] = D.Gamma(2.5, 0.5).log_prob(positive).tolist()
out["beta_logpdf"] = D.Beta(2.5, 0.5).log_prob(inside).tolist()
out["student_logpdf"] = D.StudentT(3.0, 0.5, 2.0).log_prob(a).tolist()
out["poisson_logpdf"] = D.Poisson(2.5).log_prob(torch.arange(5.0)).tolist()
out["normal_entropy"] = N(0.0, positive).entropy().tolist()
out["uniform_entropy"] = D.Uniform(-1.0, 2.0).entropy().item()
out["bernoulli_entropy"] = D.Bernoulli(inside).entropy().tolist()
out["categorical_entropy"] = D.Categorical(logits=logits).entropy().tolist()
out["gaussian_entropy"] = D.MultivariateNormal(mu, S).entropy().item()
out["kl_normals"] = D.kl_divergence(N(0.5, 2.0), N(-1.0, 0.7)).item()
out["kl_gaussian"] = D.kl_divergence(D.MultivariateNormal(mu, S), D.MultivariateNormal(torch.zeros(3), torch.eye(3))).item()
out["kl_bernoulli"] = D.kl_divergence(D.Bernoulli(inside), D.Bernoulli(torch.tensor(0.4))).tolist()
out["kl_categorical"] = D.kl_divergence(D.Categorical(logits=logits[0]), D.Categorical(logits=logits[3])).item()
out["kl_uniform"] = D.kl_divergence(D.Uniform(0.0, 1.0), D.Uniform(-1.0, 2.0)).item()
out["js"] = (scipy.spatial.distance.jensenshannon([0.1, 0.2, 0.7], [0.6, 0.3, 0.1]) ** 2).item()

out["lgamma"], out["digamma"] = torch.lgamma(positive).tolist(), torch.digamma(positive).tolist()
out["asin"], out["acos"] = torch.asin(inside).tolist(), torch.acos(-inside).tolist()
out["sinh"], out["cosh"] = torch.sinh(a).tolist(), torch.cosh(a).tolist()
out["log2"], out["log10"] = torch.log2(positive).tolist(), torch.log10(positive).tolist()
out["atan2"] = torch.atan2(a, b).tolist() + torch.atan2(-a, b).tolist()
out["cumprod"] = torch.cumprod(rows, 1).tolist()
out["quantile"] = torch.quantile(rows, 0.3, dim=1).tolist()
out["median"] = np.median(rows.numpy(), axis=1).tolist()
out["cov"] = torch.cov(rows.T).tolist()
out["cosine_similarity"] = F.cosine_similarity(rows, mu[None]).tolist()
out["trace"], out["diag"] = torch.trace(S).item(), torch.diag(S).tolist()
out["matrix"] = torch.diag(mu).tolist()
out["outer"], out["roll"] = torch.outer(a, mu).tolist(), torch.roll(rows, -1, 1).tolist()
out["nodes"], out["weights"] = [v.tolist() for v in np.polynomial.legendre.leggauss(5)]
spectrum = torch.fft.fft(rows, dim=1)
out["dft_real"], out["dft_imaginary"] = spectrum.real.tolist(), spectrum.imag.tolist()

g = torch.tensor([3.0, 4.0])
v = torch.nn.Parameter(torch.zeros(2))
v.grad = g.clone()
torch.nn.utils.clip_grad_norm_([v], 1.0)
out["clip_norm"] = v.grad.tolist()
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "library.json"), "w") as f:
    json.dump(out, f, indent=0)
