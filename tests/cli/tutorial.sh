# Every program of the tutorial runs, and its figures come out; no page is missing from the index, no link leads nowhere.
seppo=$1; . tests/support/cli.sh

for page in docs/*.md; do
  [ "$page" = docs/README.md ] || grep -qF "(${page#docs/})" docs/README.md || fail "docs/README.md lacks $page"
done
for page in README.md docs/*.md bench/README.md; do
  for link in $(grep -o ']([^)#]*' "$page" | cut -c3- | grep -v '^http'); do
    [ -e "$(dirname "$page")/$link" ] || fail "$page links to $link, which is not there"
  done
done

awk -v dir="$work" '/^```sep$/ {n++; on=1; next} /^```$/ {on=0} on {print > (dir "/" n ".sep")}' docs/tutorial.md
[ "$(ls "$work"/*.sep | wc -l)" = 9 ] || fail "nine programs expected"
for i in 1 2 3 4 5 6 7 8 9; do
  run 0 run "$work/$i.sep" --seed 0 --quiet --out "$work/$i"
done
value() { json "$work/$1/summary.json" ".metrics.$2"; }
holds "$(value 1 result.prediction) > 8.99 && $(value 1 result.prediction) < 9.01" "1: the line is learned"
holds "$(value 3 look.first) == -16 && $(value 3 look.second) == 32" "3: first and second derivative"
holds "$(value 4 result.c) > 4.98 && $(value 4 result.c) < 5.02" "4: the constant of the surface"
holds "$(value 5 eval.mse) < 0.01" "5: the product is learned"
holds "$(value 6 result.value) < 1e-3" "6: the valley's end"
holds "$(value 7 circle.error) < 0.03 && $(value 7 circle.error) > -0.03" "7: pi"
holds "$(value 8 pendulum.sensitivity) > 0.5 && $(value 8 pendulum.sensitivity) < 1" "8: through the loop"
holds "$(value 9 eval.accuracy) > 0.9" "9: digits"
finish
