#!/usr/bin/env bash
# usage: tests/kill_resume.sh SEPPO MODEL.sep TIMES SECONDS [OPTIONS..]: kills a run TIMES times, each at a random moment
# of its first SECONDS, resumes it from what is on disk, and compares checkpoint, records and pictures with those of the
# undisturbed run, bit for bit. All attempts must agree.
set -uo pipefail
seppo=$1 model=$2 times=$3 seconds=$4; shift 4
. "$(dirname "$0")/support/same_run.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
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
  if run --resume "$out"; then
    same_run "$work/whole" "$out" && same=$((same + 1))
  else
    cat "$work/log"
  fi
  rm -rf "$out"
done
echo "$model: killed $torn of $times runs; $same of $times ended in the same bits"
[ "$same" = "$times" ]
