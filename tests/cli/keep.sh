# `keep best` with patience, and tables by a field.
seppo=$1; . tests/support/cli.sh
cat >"$work/m.sep" <<'S'
param w : f32 = 0
state steps_seen : f32 = 0
data d = table(x = [1.0, 2.0, 3.0, 10.0, 20.0], group = [7, 7, 7, 2, 2])
train {
  steps 100
  minimize (w - 2)^2 using sgd(0.01)
  steps_seen = steps_seen + 1
  every 1 steps { keep best (w - 1)^2, patience = 5 }
}
task after { report w = w, steps_seen = steps_seen }
eval on d { report mean_x by group = x }
S
run 0 run "$work/m.sep" --seed 1 --progress none --out "$work/run"
# w = 2 - 2 * 0.98^n: nearest to 1 at n = 34; five more steps without improvement end the training.
holds "$(json "$work/run/summary.json" .metrics.after.steps_seen) == 34" "the best step is the 34th"
[ "$(json "$work/run/summary.json" .steps)" = 39 ] || fail "patience ends the training after 39 steps"
w=$(json "$work/run/summary.json" .metrics.after.w)
holds "$w > 0.98 && $w < 1.02" "w = $w is the best one"
run 0 ckpt "$work/run/best.safetensors"; out_has "step     34"; out_has "steps_seen"
[ "$(json "$work/run/summary.json" '.metrics.eval.mean_x | length')" = 2 ] || fail "two groups expected"
table=$(jq -c '.metrics.eval.mean_x[] | [.value, .mean, (.std * 1000 | round), .n]' "$work/run/summary.json")
[ "$table" = '[2.0,15.0,5000,2]
[7.0,2.0,816,3]' ] || [ "$table" = '[2,15,5000,2]
[7,2,816,3]' ] || { fail "the table by group is"; echo "$table" >&2; }

# A checkpoint with a name is a file of its own, and not that of `keep best`.
cat >"$work/named.sep" <<'S'
param w : f32 = 0
train {
  steps 10
  minimize (w - 2)^2 using sgd(0.1)
  every 4 steps { checkpoint "at_{step}" }
}
task after { checkpoint "the end" }
S
run 0 run "$work/named.sep" --seed 1 --progress none --out "$work/named"
for n in 4 8 10; do run 0 ckpt "$work/named/at_$n.safetensors"; out_has "step     $n"; done
run 0 run "$work/named.sep" after --seed 1 --progress none --load "$work/named/at_4.safetensors" --out "$work/loaded"
cmp -s "$work/loaded/the_end.safetensors" "$work/loaded/checkpoint.safetensors" || fail "a checkpoint of the last task is not that of the end"
sed -i 's/at_{step}/best/' "$work/named.sep"
run 1 run "$work/named.sep" --seed 1 --progress none --out "$work/taken"; err_has "give this checkpoint another name"

# A new run in an old folder moves the old checkpoints away first.
old=$(cksum <"$work/run/checkpoint.safetensors") best=$(cksum <"$work/run/best.safetensors")
run 2 run "$work/m.sep" --load "$work/run/best.safetensors" --out "$work/run"; err_has "begins anew"
[ "$old" = "$(cksum <"$work/run/checkpoint.safetensors")" ] || fail "a refused --load touched the folder"
printf 'param w : f32 = 1\ntask t { report bad = log(w[3]) }\n' >"$work/fails.sep"
run 1 run "$work/fails.sep" --seed 1 --progress none --out "$work/run"
[ "$old" = "$(cksum <"$work/run/checkpoint.safetensors")" ] || fail "a file that does not compile touched the folder"
cat >"$work/stops.sep" <<'S'
param w : f32 = 0
train { steps 5; minimize log(w - 1) using sgd(0.1) }
S
run 4 run "$work/stops.sep" --seed 1 --progress none --out "$work/run"
[ "$old" = "$(cksum <"$work/run/checkpoint.old.safetensors")" ] || fail "the old checkpoint is lost"
[ "$best" = "$(cksum <"$work/run/best.old.safetensors")" ] || fail "the old best.safetensors is lost"
[ ! -e "$work/run/checkpoint.safetensors" ] && [ ! -e "$work/run/best.safetensors" ] || fail "a new run with old checkpoints"
finish
