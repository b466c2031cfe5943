# mlp.sep: learns, and the same bits come out for any number of threads, from a cold and from a warm cache.
seppo=$1; . tests/support/cli.sh

train() { # train OUT OPTIONS..: two epochs with a fixed seed
  local out=$1; shift
  run 0 run models/mlp.sep --seed 7 --epochs 2 --progress none --out "$work/$out" "$@"
}

train one --threads 1
out_has "eval.accuracy = "
least=0.90; real_mnist && least=0.96
accuracy=$(json "$work/one/summary.json" .metrics.eval.accuracy)
holds "$accuracy >= $least" "accuracy $accuracy after two epochs"
[ "$(json "$work/one/summary.json" .cache_hit)" = false ] || fail "the first run found objects in an empty cache"
[ "$(json "$work/one/summary.json" .parameters)" = 203530 ] || fail "784*256+256+256*10+10 parameters expected"
[ "$(json "$work/one/summary.json" .steps)" = 1876 ] || fail "938 steps an epoch expected"

train two --threads 2
[ "$(json "$work/two/summary.json" .cache_hit)" = true ] || fail "the second run compiled something"
cmp -s "$work/one/checkpoint.safetensors" "$work/two/checkpoint.safetensors" || fail "1 and 2 threads differ"

train cold --threads 2 --no-cache
cmp -s "$work/one/checkpoint.safetensors" "$work/cold/checkpoint.safetensors" || fail "cold and warm cache differ"

run 0 run models/mlp.sep --seed 8 --epochs 2 --progress none --out "$work/other"
cmp -s "$work/one/checkpoint.safetensors" "$work/other/checkpoint.safetensors" && fail "the seed has no effect"

# A checkpoint feeds another run: evaluation alone gives the same figures.
run 0 run models/mlp.sep eval --seed 1 --load "$work/one/checkpoint.safetensors" --progress none --out "$work/loaded"
[ "$(json "$work/loaded/summary.json" .metrics.eval.accuracy)" = "$accuracy" ] || fail "--load evaluates differently"

# The record of the run.
[ "$(wc -l <"$work/one/metrics.jsonl")" -ge 3 ] || fail "metrics.jsonl has too few records"
jq -se 'any(.[]; .task == "train" and .epoch == 1 and .values.loss > 0)' "$work/one/metrics.jsonl" >/dev/null || fail "no loss of epoch 1"
for key in .file_hash .seed .settings .seppo .cpu; do
  [ "$(json "$work/one/config.json" $key)" != null ] || fail "config.json lacks $key"
done
for key in .seconds .steps_per_second .compile_ms .compile_breakdown_ms.llvm .peak_arena_bytes .peak_rss_bytes; do
  [ "$(json "$work/one/summary.json" $key)" != null ] || fail "summary.json lacks $key"
done
finish
