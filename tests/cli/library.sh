# The library's functions and layers against PyTorch's (tests/oracles/library.py), in f64.
seppo=$1; . tests/support/cli.sh
run 0 run tests/oracles/library.sep --seed 1 --progress none --out "$work/run"
jq -rn -L tests/support --slurpfile s "$work/run/summary.json" --slurpfile o tests/oracles/library.json '
  include "near"; ($s[0].metrics | add) as $m | $o[0] | to_entries[] | select(.key != "made_with")
  | select(($m[.key] == null) or (near($m[.key]; .value; 2e-14) | not))
  | "\(.key): expected \(.value), found \($m[.key])"' >"$work/wrong" || fail "the numbers could not be compared"
[ -s "$work/wrong" ] && fail "$(cat "$work/wrong")"
[ "$(jq '[.metrics[] | keys[]] | length' "$work/run/summary.json")" -ge 50 ] || fail "fewer than 50 values reported"
finish
