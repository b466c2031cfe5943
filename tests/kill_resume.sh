#!/usr/bin/env bash
# usage: tests/kill_resume.sh SEPPO MODEL.sep TIMES SECONDS [OPTIONS..]: kills a run TIMES times, each at a random moment
# of its first SECONDS, resumes it from what is on disk, and compares with the undisturbed run, bit for bit. All
# attempts must agree. Records of metrics.jsonl are compared without their `seconds`.
set -uo pipefail
seppo=$1 model=$2 times=$3 seconds=$4; shift 4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
records() { sed -E 's/"seconds": [0-9.e+-]+, //' "$1/metrics.jsonl"; }
# GIFs are left out: after a kill at the wrong moment a resumed run can lack a frame (docs/running.md).
same_pictures() { # same_pictures DIR DIR
  local f
  for f in "$1"/*.png; do [ ! -f "$f" ] || cmp "$f" "$2/${f##*/}" || return 1; done
}
run() { "$seppo" run "$model" --progress none "$@" >"$work/log" 2>&1; }
run --seed 5 --out "$work/whole" "$@" || { cat "$work/log"; exit 1; }
same=0 torn=0
for ((i = 1; i <= times; i++)); do
  out=$work/run$i
  "$seppo" run "$model" --progress none --seed 5 --checkpoint-every 0 --out "$out" "$@" >/dev/null 2>&1 &
  sleep "$(awk -v s="$RANDOM" -v m="$seconds" 'BEGIN{printf "%.3f", m * s / 32768}')"
  kill -KILL $! 2>/dev/null && torn=$((torn + 1))
  wait $! 2>/dev/null
  [ -f "$out/config.json" ] || { same=$((same + 1)); continue; } # killed before the run began: nothing to resume
  if ! run --resume "$out"; then
    cat "$work/log"
  elif cmp "$work/whole/checkpoint.safetensors" "$out/checkpoint.safetensors" &&
    cmp <(records "$work/whole") <(records "$out") &&
    same_pictures "$work/whole" "$out" &&
    cmp <(jq -S .metrics "$work/whole/summary.json") <(jq -S .metrics "$out/summary.json"); then
    same=$((same + 1))
  fi
  rm -rf "$out"
done
echo "$model: killed $torn of $times runs; $same of $times ended in the same bits"
[ "$same" = "$times" ]
