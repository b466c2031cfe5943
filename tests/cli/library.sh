# The library's functions and layers against PyTorch's (tests/oracles/library.py, layers.py), in f64; its page.
seppo=$1; . tests/support/cli.sh

awk -f docs/library.awk models/std/*.sep | diff docs/library.md - >"$work/page" ||
  fail "docs/library.md is not what ./dev docs makes: $(head -5 "$work/page")"
grep -qF '|  |' docs/library.md && fail "no comment above: $(grep -F '|  |' docs/library.md)"

for name in $(grep -oE '^ *(\{|UNARY\(|REDUCE\()"[a-z0-9_]+"' frontend/elab/builtins/builtins.c | cut -d'"' -f2); do
  grep -qw "$name" docs/builtins.md || fail "docs/builtins.md lacks $name"
done

# against NAME: every value of NAME.json, within 2e-14
against() {
  run 0 run "tests/oracles/$1.sep" --seed 1 --progress none --out "$work/$1"
  jq -rn -L tests/support --slurpfile s "$work/$1/summary.json" --slurpfile o "tests/oracles/$1.json" '
    include "near"; ($s[0].metrics | add) as $m | $o[0] | to_entries[] | select(.key != "made_with")
    | select(($m[.key] == null) or (near($m[.key]; .value; 2e-14) | not))
    | "\(.key) is off by \(if $m[.key] then worst($m[.key]; .value) else "all" end)"' >"$work/wrong" ||
    fail "the numbers of $1 could not be compared"
  [ -s "$work/wrong" ] && fail "$1: $(cat "$work/wrong")"
  [ "$(jq '[.metrics[] | keys[]] | length' "$work/$1/summary.json")" -ge "$2" ] || fail "$1: fewer than $2 values"
}
against library 95
against layers 18
finish
