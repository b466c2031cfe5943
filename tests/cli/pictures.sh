# image, gif and plot: the files of the run folder, and report.html with all of them inside.
seppo=$1; . tests/support/cli.sh

cat >"$work/model.sep" <<'END'
param w : [4] = 0
train {
  steps 50
  loss = sum((w - [1, 2, 3, 4])^2)
  minimize loss using sgd(0.1)
  log loss
  at start { image "w" = grid(w, 2, 2) }
  every 20 steps {
    image "w" = grid(w, 2, 2)
    gif "growing" = heatmap(reshape(w, [2, 2]))
  }
  at end {
    image "weights" = heatmap(reshape(w, [2, 2]))
    plot "the loss" = history(loss)
    plot "lines" = lines(w, twice = 2 * w)
    plot "points" = scatter(w, 2 * w)
    plot "counts" = histogram(w)
    image "pair" = grid(w, 2, 2), heatmap(reshape(w, [2, 2]))
    image "maps" = [heatmap(w), heatmap(reshape(w, [2, 2]))]
    gif "pairs" = [grid(w, 2, 2), grid(-w, 2, 2)]
  }
}
task after { image "w" = grid(w, 2, 2) }
END

is() { # is FILE KIND: what `file` would say, from the first bytes
  local magic; magic=$(head -c 5 "$work/out-dir/$1" | od -An -tx1 | tr -d ' ')
  case "$2:$magic" in
  png:89504e470d | gif:4749463839 | svg:3c3f786d6c) ;;
  *) fail "$1 is no $2 ($magic)" ;;
  esac
}

run 0 run "$work/model.sep" --seed 1 --progress none --out "$work/out-dir"
for f in w_start w_step_000020 w_step_000040 w_step_000050 w weights the_loss lines points counts pair maps; do is $f.png png; done
for f in weights the_loss lines points counts maps curves_train; do is $f.svg svg; done
is growing.gif gif
is pairs.gif gif
grep -qF '0,"twice",' "$work/out-dir/lines.csv" || fail "lines.csv lacks the named line"
[ "$(grep -c '^0,"loss",' "$work/out-dir/the_loss.csv")" = 10 ] || fail "ten reports of the loss expected"
report=$work/out-dir/report.html
[ "$(grep -o 'data:image/png;base64' "$report" | wc -l)" = 8 ] || fail "eight PNGs in the report expected"
[ "$(grep -o 'data:image/gif;base64' "$report" | wc -l)" = 2 ] || fail "two GIFs in the report expected"
grep -qF 'src="http' "$report" && fail "the report needs the network"
grep -qF 'param w : [4] = 0' "$report" || fail "the model file is not in the report"

# Without pictures the report has all the rest; what was logged once stands there as a number, without a curve.
cat >"$work/plain.sep" <<'END'
param w = 1
data d = table(x = [1.0, 2.0, 3.0, 4.0])
train on d {
  epochs 1
  batch 2
  minimize mean((w - x)^2) using sgd(0.1)
  log loss_of_the_epoch = mean((w - x)^2)
}
task t { report twice = 2 * w }
END
run 0 run "$work/plain.sep" --seed 1 --progress none --out "$work/plain"
report=$work/plain/report.html
for part in "<td>loss_of_the_epoch" "<td>t.twice" "<td>seed" "param w = 1" "Graph of train"; do
  grep -qF "$part" "$report" || fail "the report lacks: $part"
done
[ "$(grep -o 'data:image/' "$report" | wc -l)" = 1 ] || fail "the report of one epoch shows more than the graph"
[ ! -e "$work/plain/curves_train.svg" ] || fail "a curve of one point"
run 0 run "$work/plain.sep" --seed 1 --progress none --epochs 2 --out "$work/plain"
[ "$(json "$work/plain/config.json" '.settings["train.epochs"]')" = 2 ] || fail "--epochs is not in config.json"
grep -qF "Curves of train" "$report" || fail "the report of two epochs lacks its curves"

# A logarithmic axis is another picture.
printf 'let decades = false\ntask t { plot "p" = lines(exp(iota(5)), log_y = decades) }\n' >"$work/log.sep"
for decades in true false; do run 0 run "$work/log.sep" --set decades=$decades --seed 1 --progress none --out "$work/$decades"; done
[ -s "$work/true/p.svg" ] && cmp -s "$work/true/p.csv" "$work/false/p.csv" || fail "log_y changes the numbers"
cmp -s "$work/true/p.svg" "$work/false/p.svg" && fail "log_y changes nothing"

# Pictures that cannot be: an error at the line of the model file.
printf 'let x = iota(5)\ntask t { plot "p" = scatter(x, x[0:3]) }\n' >"$work/wrong.sep"
run 1 run "$work/wrong.sep" --seed 1 --progress none --out "$work/wrong"
err_has "wrong.sep:2"
sed 's/history(loss)/history(los)/' "$work/model.sep" >"$work/misspelt.sep"
run 1 run "$work/misspelt.sep" --seed 1 --progress none --out "$work/wrong"
err_has "nothing is logged as \`los\`"; err_has "did you mean \`loss\`?"; err_has "misspelt.sep:14"
finish
