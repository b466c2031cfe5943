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
finish
