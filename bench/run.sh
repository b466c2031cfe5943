#!/usr/bin/env bash
# ./dev bench [compare.py options]: our workloads, beside the peers' when --peers names their folder.
set -euo pipefail
exec python3 "$(dirname "$0")/compare.py" "$@"
