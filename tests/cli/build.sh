# Tasks built ahead of time: a C program gets the bits of seppo run.
seppo=$1; . tests/support/cli.sh
model=tests/data/build.sep
dir=$work/built
ckpt=$work/run/checkpoint.safetensors
run 0 run $model --seed 7 --threads 2 --progress none --out "$work/run"; cp "$work/out" "$work/results"
run 0 build $model --task train --seed 7 --out "$dir"
for task in predict eval draw pick; do run 0 build $model --task $task --seed 7 --load "$ckpt" --out "$dir"; done
out_has "cc -I$dir program.c $dir/build_pick.o $dir/libseppo.a -lpthread -ldl -lm"
for f in build_pick.o build_pick.h seppo.h libseppo.a; do [ -f "$dir/$f" ] || fail "no $f"; done

# numbers NAME: of a report of the run, as the C program prints them
numbers() { grep "^$1 = " "$work/results" | tr -d '[],' | sed 's/.* = //'; }
use() { # use COMPILER.. : compiles and runs the program, output in $work/used
  "$@" -I"$dir" -o "$work/program" tests/data/build.c "$dir"/build_*.o "$dir/libseppo.a" -ljansson -lpthread -ldl -lm \
    >"$work/cc" 2>&1 || { fail "$*"; cat "$work/cc" >&2; return; }
  [ -s "$work/cc" ] && { fail "$* warns"; cat "$work/cc" >&2; }
  "$work/program" "$ckpt" "$work/saved.safetensors" >"$work/used" || fail "the program ends with $?"
}
same() { # same NAME REPORT: up to the digits that are printed
  local mine theirs
  mine=$(grep "^$1 =" "$work/used" | sed 's/.* = //'); theirs=$(numbers "$2")
  awk -v a="$mine" -v b="$theirs" 'BEGIN { n = split(a, x, " "); m = split(b, y, " "); if (n != m || !n) exit 1
    for (i = 1; i <= n; i++) if (sprintf("%.6g", x[i]) != sprintf("%.6g", y[i])) exit 1 }' ||
    fail "$1: $mine, the run says $2 = $theirs"
}
use cc -std=c11 -Wall -Wextra -Werror
same y shown.y; same mse eval.mse; same head eval.head; same z draw.z
use cc -O2 -fPIE -pie
run 0 run $model eval --seed 7 --load "$work/saved.safetensors" --progress none --out "$work/loaded"
[ "$(cat "$work/out")" = "$(grep '^eval' "$work/results")" ] || fail "seppo run does not go on from what C saved"

# The header is C++ too.
if command -v c++ >/dev/null; then
  printf '#include "build_predict.h"\n#include "build_train.h"\nint main() { build_predict m; return build_predict_new(&m, 1); }\n' >"$work/a.cc"
  c++ -Wall -Wextra -Werror -I"$dir" -o "$work/a" "$work/a.cc" "$dir/build_predict.o" "$dir/libseppo.a" -lpthread -ldl \
    2>"$work/cc" && "$work/a" || { fail "as C++"; cat "$work/cc" >&2; }
fi

# Stored data: in the object, or filled by the program; linear algebra and its errors.
printf 'x,y\n1,2\n3,5\n4,6\n' >"$work/d.csv"
cat >"$work/stored.sep" <<'MODEL'
data d = csv("d.csv", target = "y")
eval on d { report m = mean(x[.., 0] * y) }
task line(a: [2, 2], b: [2]) { report z = solve(a, b) }
MODEL
cat >"$work/stored.c" <<'CODE'
#include "stored_eval.h"
#include "stored_line.h"
#include "empty.h"
#include <stdio.h>
int main(void) {
  stored_eval full;
  empty none;
  stored_line line;
  if (stored_eval_new(&full, 1) || empty_new(&none, 1) || stored_line_new(&line, 1)) return 1;
  if (stored_eval_run(&full) || empty_run(&none) || *none.out.m != 0) return 2;
  for (int i = 0; i < EMPTY_DATA_D_X_SIZE; i++) none.data.d_x[i][0] = i, none.data.d_y[i] = 2;
  if (empty_run(&none)) return 3;
  if (stored_line_run(&line) != SEPPO_SINGULAR) return 4;
  line.in.a[0][0] = line.in.a[1][1] = 2, line.in.b[0] = 4, line.in.b[1] = 6;
  if (stored_line_run(&line)) return 5;
  printf("%g %g %g %g\n", *full.out.m, *none.out.m, line.out.z[0], line.out.z[1]);
  stored_eval_free(&full), empty_free(&none), stored_line_free(&line);
  return 0;
}
CODE
run 0 build "$work/stored.sep" --task eval --embed-data --out "$work/stored"
run 0 build "$work/stored.sep" --task eval --name empty --out "$work/stored"
run 0 build "$work/stored.sep" --task line --out "$work/stored"
cc -I"$work/stored" -o "$work/program" "$work/stored.c" "$work"/stored/*.o "$work/stored/libseppo.a" -lpthread -ldl -lm 2>&1
"$work/program" >"$work/used" || fail "stored data: the program ends with $?"
[ "$(cat "$work/used")" = "13.6667 2 2 3" ] || fail "stored data: $(cat "$work/used")"

# Other levels of x86-64, another name, settings.
run 0 build $model --task predict --cpu v2 --name other --out "$work/v2" --set hidden=2
grep -q "OTHER_PARAM_NET_DENSE_2_W_SIZE 8" "$work/v2/other.h" || fail "--set does not reach the object"
grep -q "other_program" "$work/v2/other.h" || fail "--name does not reach the header"

# What cannot be done.
run 2 build $model;                      err_has "--task NAME"
run 2 build $model --task nothing;       err_has "E0701"
run 2 build $model --task eval --cpu v5; err_has "v2, v3 or v4"
run 3 build $model --task predict --load "$work/none.safetensors"; err_has "none.safetensors"
run 3 build $model --task predict --out /dev/null/x; err_has "cannot make"
run 1 run $model predict;                err_has "E0519"
run 1 build tests/data/resume.sep --task train; err_has "E0704"
finish
