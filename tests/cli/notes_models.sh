# The small networks of the lecture notes against the programs of the notes (tests/oracles/notes.py).
seppo=$1; . tests/support/cli.sh
oracle=tests/oracles/notes.json

# check FILE NAME: the trace of costs, the start included, and the final parameters
check() {
  local model=$1 dir=$work/$1
  run 0 run "models/$model.sep" --seed 1 --progress none --out "$dir"
  jq -s '[.[] | select(.task == "train" and .values.cost != null) | .values.cost]' "$dir/metrics.jsonl" >"$work/trace"
  jq -ne -L tests/support --slurpfile t "$work/trace" --slurpfile o $oracle \
    'include "near"; relative($t[0]; $o[0].'"$model"'.cost) | if . <= 1e-12 then . else error("off by \(.)") end' \
    >/dev/null || fail "$model: the trace of costs differs from NumPy's"
  for p in $2; do
    jq -ne -L tests/support --slurpfile s "$dir/summary.json" --slurpfile o $oracle \
      'include "near"; near($s[0].metrics.result.'"$p"'; $o[0].'"$model.$p"'; 1e-12)' >/dev/null ||
      fail "$model: $p differs from NumPy's"
  done
}
check perceptron "w b"
check hidden "w1 b1 w2 b2"

# Nine derivatives by reverse mode and by the closed forms of the notes.
run 0 run models/two_two_one.sep --seed 1 --progress none --out "$work/nine"
for p in cost W1 b1 w2 b2; do
  jq -ne -L tests/support --slurpfile s "$work/nine/summary.json" \
    'include "near"; $s[0].metrics | worst(.derivatives.'$p'; .closed_forms.'$p') <= 1e-15' >/dev/null ||
    fail "two_two_one: the derivative $p differs from its closed form"
done
holds "$(json "$work/nine/summary.json" '.metrics.result.cost') < 1e-3" "two_two_one learns"

run 0 run models/surface.sep --seed 1 --progress none --out "$work/surface"
holds "$(json "$work/surface/summary.json" .metrics.eval.mse) < 1e-3" "surface: mean squared error"
finish
