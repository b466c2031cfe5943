# Every code that a diagnostic carries has its row in frontend/diag_codes.def, so that `seppo explain` knows it.
seppo=$1; . tests/support/cli.sh
for code in $(grep -rhoE '"[EW][0-9]{4}"' frontend ir codegen runtime driver --include=*.c | tr -d '"' | sort -u); do
  grep -q "^DIAG($code," frontend/diag_codes.def || fail "$code has no row"
done
# E10xx come out of a run.
example() { sed -n "/^$1:/,/^[a-z]*:\$/{s/^    //p}" "$work/explained" >"$work/example.sep"; }
for code in E1001 E1002 E1003 E1004; do
  "$seppo" explain $code >"$work/explained"
  example "gets it"; "$seppo" run "$work/example.sep" --seed 1 --out "$work/o" 2>"$work/err" && fail "$code passes"
  err_has "error[$code]"
  example mended; run 0 run "$work/example.sep" --seed 1 --out "$work/o"
done
run 0 explain E0305
out_has "E0305"
out_has "mended"
run 2 explain E9999
finish
