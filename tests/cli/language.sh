# Programs that use the constructs of the language: every value they report is 1.
seppo=$1; . tests/support/cli.sh
for program in tests/programs/*.sep; do
  name=$(basename "$program" .sep)
  [ "$name" = module ] && continue
  run 0 run "$program" --seed 3 --progress none --out "$work/$name"
  jq -r '.metrics | to_entries[] | .key as $task | .value | to_entries[] | select(.value != 1 and (.key | test("loss") | not))
    | "\($task).\(.key) = \(.value)"' "$work/$name/summary.json" >"$work/wrong"
  [ -s "$work/wrong" ] && fail "$name: $(cat "$work/wrong")"
  [ "$(jq '[.metrics[] | length] | add' "$work/$name/summary.json")" -ge 4 ] || fail "$name: too few reports"
  run 0 fmt --check "$program"
done
run 0 run tests/programs/unroll_file.sep --seed 3 --progress none --out "$work/again"
out_has "n = 8, epoch 2, "

# The chunks of an eval draw their parts of what the whole split would draw.
cat >"$work/draws.sep" <<'END'
data d = table(x = linspace(0, 1, 103))
eval on d as test {
  batch 103
  report a = sum(normal([103]) * x), b = sum(normal([103, 7]) * x[:, none]), c = sum(bernoulli(0.3 + 0 * x) * x)
}
END
for batch in 103 32 9; do
  run 0 run "$work/draws.sep" --seed 1 --set batch=$batch --progress none --out "$work/draws_$batch"
  for name in a b c; do
    one=$(json "$work/draws_103/summary.json" .metrics.test.$name) some=$(json "$work/draws_$batch/summary.json" .metrics.test.$name)
    holds "($one - $some)^2 < 1e-6" "$name is the same in chunks of $batch"
  done
done

run 1 run tests/golden/wrong/several_kinds.sep --progress none --out "$work/broken"
err_has "did you mean \`tanh\`?"
finish
