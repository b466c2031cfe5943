# Every optimiser on the Rosenbrock function against PyTorch's (tests/oracles/optimizers.py).
seppo=$1; . tests/support/cli.sh
run 0 run models/optimizers.sep --seed 1 --progress none --out "$work/run"
for name in sgd momentum nesterov adagrad rmsprop adam adamw; do
  jq -ne -L tests/support --slurpfile s "$work/run/summary.json" --slurpfile o tests/oracles/optimizers.json \
    'include "near"; near($s[0].metrics.first_order.'$name'; $o[0].'$name'; 1e-9)' >/dev/null ||
    fail "$name takes another path than PyTorch's"
done
jq -ne -L tests/support --slurpfile s "$work/run/summary.json" --slurpfile o tests/oracles/optimizers.json \
  'include "near"; near($s[0].metrics.quasi_newton.lbfgs; $o[0].lbfgs; 1e-9)' >/dev/null ||
  fail "lbfgs takes another path than PyTorch's"
finish
