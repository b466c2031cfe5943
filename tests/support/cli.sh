# Sourced by tests/cli/*.sh: runs the program and checks what it does.
#   seppo=$1; . tests/support/cli.sh
# Each test has its own scratch folder $work and its own object cache.
set -uo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME=$work/cache
unset OPENBLAS_CORETYPE
# Real MNIST where it lies beside the checkout; else the program draws its own digits.
[ -z "${SEPPO_DATA:-}" ] && [ -d ../shared/data/mnist ] && export SEPPO_DATA=$PWD/../shared/data
real_mnist() { [ -f "${SEPPO_DATA:-none}/mnist/train-images-idx3-ubyte.gz" ]; }
failures=0

fail() { echo "FAILED: $*" >&2; failures=$((failures + 1)); }

# run STATUS ARGS..: runs seppo, keeps $work/out and $work/err, checks the exit status
run() {
  local want=$1 got; shift
  "$seppo" "$@" >"$work/out" 2>"$work/err" </dev/null; got=$?
  [ "$got" = "$want" ] || { fail "seppo $*: exit status $got, expected $want"; head -30 "$work/err" >&2; }
}
# model NAME OPTIONS..: runs models/NAME.sep into $work/NAME
model() {
  local name=$1; shift
  run 0 run "models/$name.sep" --seed 1 --progress none --out "$work/$name" "$@"
}
# stdout / stderr contain a fixed string
out_has() { grep -qF -- "$1" "$work/out" || { fail "stdout lacks: $1"; head -20 "$work/out" >&2; }; }
err_has() { grep -qF -- "$1" "$work/err" || { fail "stderr lacks: $1"; head -20 "$work/err" >&2; }; }
# json FILE FILTER: a value of a JSON file
json() { jq -r "$2" "$1"; }
# figure RUN TASK NAME: a value that the run in $work/RUN reported
figure() { json "$work/$1/summary.json" ".metrics.$2.$3"; }
# holds EXPRESSION WHAT: awk says whether it holds
holds() { awk "BEGIN{exit !($1)}" || fail "does not hold: $2 ($1)"; }
finish() { [ "$failures" = 0 ] || { echo "$failures checks failed" >&2; exit 1; }; exit 0; }
