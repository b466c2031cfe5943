# seppo gradcheck: right gradients pass, a wrong one is found, whatever stands around it.
seppo=$1; . tests/support/cli.sh
model() { cat >"$work/m.sep"; }

run 0 gradcheck models/two_two_one.sep; out_has "0 wrong"; out_has "d/d W1  f64[2, 2]"
run 0 gradcheck models/mlp.sep --set width=8; out_has "4 gradients checked, 0 wrong"; out_has "mlp.sep:"

# Gradients of gradients, inside loops, through loops, around stop_gradient, in events and in a task's own words.
model <<'S'
param W : [3, 3] ~ normal
param b : [3] = 0
fn energy(x) = sum(softplus(x @ W + b)) + 0.5 * sum(x^2)
fn walk(x) {
  repeat 4 { x = x - 0.1 * grad(energy(x), x) + 0.1 * normal(like = x) }
  return stop_gradient(x)
}
train {
  steps 10
  x = normal([5, 3])
  y = walk(x)
  minimize energy(y) - energy(x) + 0.1 * sum(stop_gradient(W) * W) using sgd(0.1)
  every 5 steps { log curve = sum(grad(energy(b), b)^2) }
}
task penalty {
  x = normal([4, 3])
  g = grad(energy(x), x)
  report slope = sum(grad(sum(g^2), W))
  report loop = sum(grad(sum(unrolled(x)), b))
}
fn unrolled(x) {
  for k in 0..3 { x = tanh(x @ W + b) }
  return x
}
S
run 0 gradcheck "$work/m.sep"; out_has "0 wrong"; out_has "m.sep:5:"; out_has "penalty"
[ "$(grep -c ' ok$' "$work/out")" -ge 7 ] || { fail "too few gradients checked"; cat "$work/out" >&2; }
grep -q skipped "$work/out" && fail "nothing is to be skipped here"

# The derivative of a staircase is 0, its slope is not.
model <<'S'
param w : f32 = 3
param v : f32 = 2
train { steps 1
  minimize v^2 * w + floor(w * 1e12) / 1e12 using sgd(0.1) }
S
run 1 gradcheck "$work/m.sep"; out_has "FAILED"; out_has "2 gradients checked, 1 wrong"
grep -E 'd/d v .* ok$' "$work/out" >/dev/null || fail "v is right"
run 2 gradcheck "$work/m.sep" --dtype f32
run 0 gradcheck --help; out_has "usage: seppo gradcheck"
finish
