# Higher derivatives of the library against formulas; samplers against the densities they draw from; convolutions
# against sums over their windows, and against the derivatives they are the transposes of.
seppo=$1; . tests/support/cli.sh

cat >"$work/second.sep" <<'SEP'
dtype f64
task second {
  x = linspace(1, 3, 3)
  y = sum(x^4) + x[0] * x[1]
  report diag = hessian_diag(y, x), laplacian = laplacian(y, x), full = hessian(y, x)
  p = stack([x, 2 * x])
  q = sum(p^3, axis = 1) + prod(p, axis = 1)
  report rows = laplacian(q, p), slope = deriv(deriv(sin(x), x), x) + sin(x)
}

task draws {
  S = [[2.0, 0.6], [0.6, 1.0]] + zeros([2, 2])
  g = gaussian_sample(ones([50000, 2]), S)
  d = g - 1
  report covariance_error = max(abs(transpose(d) @ d / 50000 - S)), mean_error = max(abs(mean(d, axis = 0)))
  report density = mean(gaussian_logpdf(g, 1, S)), entropy = -(1 + log(2 * pi)) - 0.5 * logdet(S)
  l = [0.0, 1.0, 2.0] + zeros([3])
  many = broadcast_to(l, [50000, 3])
  share = mean(one_hot(argmax(many + gumbel(like = many)), 3), axis = 0)
  report gumbel_error = max(abs(share - softmax(l))), relaxed = max(abs(sum(gumbel_softmax(many, 0.5), axis = 1) - 1))
}

task divergences {
  S0 = [[1.5, 0.3], [0.3, 0.8]] + zeros([2, 2])
  g = gaussian_sample(zeros([100000, 2]), S0)
  m1 = [0.5, -0.2] + zeros([2])
  sampled = mean(gaussian_logpdf(g, 0, S0) - gaussian_logpdf(g, m1, eye(2)))
  report kl = kl_gaussian(zeros([2]), S0, m1, eye(2)), sampled
  report by_parts = sum(kl_normals([0.0, 1.0] + zeros([2]), 2.0, 0.5, [1.0, 3.0] + zeros([2])))
  diag = eye(2) * ([1.0, 9.0] + zeros([2]))
  report by_matrix = kl_gaussian([0.0, 1.0] + zeros([2]), 4 * eye(2), [0.5, 0.5] + zeros([2]), diag)
  p = [0.2, 0.8] + zeros([2])
  report bernoulli = sum(kl_bernoulli(p[1], 0.4)), categorical = kl_categorical(log(p), log([0.6, 0.4] + zeros([2])))
  report same = mmd(g[0:500], g[0:500]), apart = mmd(g[0:500], g[500:1000] + 3)
}

fn slid(k, s, p) {
  w = normal([k, k, 3, 2])
  x = normal([2, 12, 12, 3])
  y = convolve(x, w, stride = s, padding = p)
  g = normal(like = y)
  up = convolve_transpose(g, w, stride = s, padding = p, output_padding = (12 + 2 * p - k) % s)
  z = pad(x, [[p, p], [p, p], [0, 0]])
  rows = (12 + 2 * p - k) // s + 1
  plain = zeros(like = y)
  unroll for i in 0..k { unroll for j in 0..k {
    plain = plain + z[:, i : i + (rows - 1) * s + 1 : s, j : j + (rows - 1) * s + 1 : s] @ w[i, j]
  } }
  return max(max(abs(vjp(y, x, g) - up)), max(abs(y - plain)))
}
task windows {
  worst = 0.0
  unroll for k in (2, 3, 5) { unroll for s in (1, 2, 3) { worst = max(worst, slid(k, s, k // 2)) } }
  report worst
}
SEP
run 0 run "$work/second.sep" --seed 3 --progress none --out "$work/second"
figure() { json "$work/second/summary.json" ".metrics.$1 | tostring" | sed "s,\.0\b,,g"; }
near() { holds "($1) - ($2) < $3 && ($2) - ($1) < $3" "$4"; }
[ "$(figure second.diag)" = "[12,48,108]" ] || fail "second derivatives: $(figure second.diag)"
[ "$(figure second.full)" = "[[12,1,0],[1,48,0],[0,0,108]]" ] || fail "Hessian: $(figure second.full)"
[ "$(figure second.rows)" = "[36,72]" ] || fail "Laplacian by rows: $(figure second.rows)"
near "$(figure second.slope[0])" 0 1e-14 "sin'' = -sin"
holds "$(figure draws.covariance_error) < 0.05 && $(figure draws.mean_error) < 0.03" "full Gaussian"
near "$(figure draws.density)" "$(figure draws.entropy)" 0.02 "mean log density = -entropy"
holds "$(figure draws.gumbel_error) < 0.01 && $(figure draws.relaxed) < 1e-12" "Gumbel"
holds "$(figure windows.worst) > 0 && $(figure windows.worst) < 1e-12" "convolutions"
near "$(figure divergences.kl)" "$(figure divergences.sampled)" 0.02 "KL by formula and by samples"
near "$(figure divergences.by_parts)" "$(figure divergences.by_matrix)" 1e-12 "diagonal and full KL"
near "$(figure divergences.bernoulli)" "$(figure divergences.categorical)" 1e-12 "two categories are a Bernoulli"
holds "$(figure divergences.same) < 1e-6 && $(figure divergences.apart) > 0.5" "maximum mean discrepancy"
finish
