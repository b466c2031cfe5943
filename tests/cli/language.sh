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
run 1 run tests/golden/wrong/several_kinds.sep --progress none --out "$work/broken"
err_has "did you mean \`tanh\`?"
finish
