# Every model prints at every stage, and the graph stages read back to the same text.
seppo=$1; . tests/support/cli.sh

for model in models/*.sep; do
  for stage in graph grad opt; do
    run 0 ir "$model" --stage $stage
    cp "$work/out" "$work/first.ir"
    run 0 opt "$work/first.ir" --passes= --verify-each
    cmp -s "$work/out" "$work/first.ir" || { fail "$model at $stage: print -> parse -> print differs"; diff "$work/first.ir" "$work/out" | head -5 >&2; }
  done
  run 0 ir "$model" --stage ast
  run 0 ir "$model" --stage kernels
done
run 0 ir models/perceptron.sep --stage llvm; out_has "define "
run 0 ir models/perceptron.sep --stage asm;  out_has "ret"
run 0 ir models/mlp.sep --format dot --task train;  out_has "digraph"
run 0 ir models/mlp.sep --format svg --task train;  out_has "<svg"
run 0 ir models/mlp.sep --format json --task train; jq -e . "$work/out" >/dev/null || fail "not JSON"
run 2 ir models/mlp.sep --task trian; err_has 'did you mean `train`?'
finish
