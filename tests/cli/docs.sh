# docs/library.md is made from the library.
seppo=$1; . tests/support/cli.sh
awk -f docs/library.awk models/std/*.sep >"$work/library.md"
cmp -s "$work/library.md" docs/library.md ||
  fail "docs/library.md is behind the library: awk -f docs/library.awk models/std/*.sep > docs/library.md"
finish
