# Every code that a diagnostic carries has its row in frontend/diag_codes.def, so that `seppo explain` knows it.
seppo=$1; . tests/support/cli.sh
for code in $(grep -rhoE '"[EW][0-9]{4}"' frontend ir codegen runtime driver --include=*.c | tr -d '"' | sort -u); do
  grep -q "^DIAG($code," frontend/diag_codes.def || fail "$code has no row"
done
run 0 explain E0305
out_has "E0305"
out_has "mended"
run 2 explain E9999
finish
