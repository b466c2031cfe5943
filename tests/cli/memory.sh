# What does not fit into memory is an error before anything is allocated.
seppo=$1; . tests/support/cli.sh
cat >"$work/big.sep" <<'MODEL'
let rows = 1048576
let width = 4
let side = 1
data d = generate(rows) { return x = normal([2]) }
param W : [2, width] ~ normal
param V : [side, side] = 1
train on d {
  epochs 1
  batch 64
  minimize mean(tanh(x @ W) @ transpose(W)) + sum(V^2) using sgd(0.1)
}
eval on d {
  h = tanh(x @ W)
  report m = mean(h @ transpose(W))
}
MODEL
run 0 run "$work/big.sep" --set rows=128 --progress none --out "$work/o"
run 3 run "$work/big.sep" eval --set width=1048576 --progress none --out "$work/o"
err_has "E0607"; err_has "f32[1048576, 1048576]: 4.4 TB"; err_has "big.sep:13"; err_has '`batch n` in `eval`'
run 3 run "$work/big.sep" train --set width=1048576 --set batch=1048576 --progress none --out "$work/o"
err_has 'a `batch` of less than 1048576'
run 3 run "$work/big.sep" train --set side=1000000 --progress none --out "$work/o"
err_has '`V` f32[1000000, 1000000]: 4.0 TB'
# `ulimit -v` counts; a program under AddressSanitizer cannot run with it.
if (ulimit -v 3000000; "$seppo" --version) >/dev/null 2>&1; then
  (ulimit -v 3000000; "$seppo" run "$work/big.sep" eval --set width=1024 --progress none --out "$work/o") 2>"$work/err" &&
    fail "4.4 GB within 3 GB"
  err_has "E0607"
fi
# --memory: a long loop keeps its values at the beginning of segments alone, and learns the same.
cat >"$work/long.sep" <<'MODEL'
let n = 4000
param W : [16, 16] ~ glorot
param b : [16] = 0
train {
  steps 4
  h = ones([32, 16])
  s = 0.0
  for t in 0..n {
    h = tanh(h @ W + b + 0.001 * normal(like = h) + 0.0001 * t)
    s = s + mean(h^2)
  }
  loss = s / n
  minimize loss using sgd(0.1)
  log loss
}
MODEL
run 0 run "$work/long.sep" --seed 1 --progress none --out "$work/plain" --dtype f64
run 0 run "$work/long.sep" --seed 1 --progress none --out "$work/tight" --dtype f64 --memory 2MB
arena() { json "$work/$1/summary.json" .peak_arena_bytes; }
loss() { json "$work/$1/summary.json" .metrics.train.loss; }
holds "$(arena plain) > 8000000" "stacks of all iterations: $(arena plain)"
holds "$(arena tight) < 2000000" "stacks of segments: $(arena tight)"
holds "($(loss plain) - $(loss tight))^2 < 1e-22 * $(loss plain)^2" "the loss is the same: $(loss plain) and $(loss tight)"
run 0 run "$work/long.sep" --seed 1 --progress none --out "$work/ample" --dtype f64 --memory 1GiB
[ "$(loss ample)" = "$(loss plain)" ] || fail "a limit that is not reached changes bits"
run 0 check "$work/long.sep" --memory "2 MB"
run 3 run "$work/long.sep" --progress none --out "$work/o" --memory 20kB; err_has "are allowed by --memory"
run 2 run "$work/long.sep" --memory much; err_has "expects a size"
finish
