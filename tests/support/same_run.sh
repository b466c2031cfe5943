# Sourced by tests that stop runs and resume them: is this run folder that of the undisturbed run, bit for bit?
# Records are compared without their `seconds`; report.html and the rest of summary.json tell of clock and machine.
records() { sed -E 's/"seconds": [0-9.e+-]+, //' "$1/metrics.jsonl"; }
# same_run WHOLE RUN: says what differs, false when anything does
same_run() {
  local f differs=0
  for f in "$1"/*.safetensors "$1"/*.png "$1"/*.gif "$1"/*.svg "$1"/*.csv; do
    [ ! -f "$f" ] || [ "${f##*/}" = best.safetensors ] || cmp "$f" "$2/${f##*/}" || differs=1
  done
  cmp <(records "$1") <(records "$2") || differs=1
  cmp <(jq -S .metrics "$1/summary.json") <(jq -S .metrics "$2/summary.json") || differs=1
  [ -s "$2/report.html" ] || { echo "no report.html"; differs=1; }
  return $differs
}
