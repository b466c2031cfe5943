# seppo profile: a row for every kernel of the step, and a word about OPENBLAS_CORETYPE.
seppo=$1; . tests/support/cli.sh
run 0 profile models/mlp.sep --set width=32 --threads 1
out_has "us a step"; out_has "multiply-adds"; out_has "train: "
[ "$(grep -c '%.* dot_' "$work/out")" -ge 3 ] || { fail "three products and more expected"; cat "$work/out" >&2; }
awk '/us a step +share/ {table = 1; next} table {sum += $2} END {exit !(sum > 99 && sum < 101)}' "$work/out" ||
  fail "shares do not add up"
awk '/multiply-adds/ {peak = $4} / dot_/ && $5 > best {best = $5} END {exit !(best > peak / 2)}' \
  "$work/out" || fail "the best product is nowhere near the multiply-adds of the processor"
grep -q OPENBLAS "$work/out" && fail "OPENBLAS_CORETYPE is not set here"
OPENBLAS_CORETYPE=Haswell run 0 profile models/perceptron.sep --threads 1; out_has "OPENBLAS_CORETYPE is set to Haswell"
finish
