# Checkpoints, interrupts and --resume: a stopped run goes on as if it had never stopped.
seppo=$1; . tests/support/cli.sh
. tests/support/same_run.sh
model=tests/data/resume.sep
same_as_whole() { # same_as_whole RUN WHAT
  same_run "$work/whole" "$work/$1" >"$work/out" || { fail "$2"; cat "$work/out" >&2; }
}
start() { # start OUT OPTIONS..: in the background, pid in $pid
  "$seppo" run $model --seed 5 --progress none --out "$work/$1" "${@:2}" >"$work/out" 2>"$work/err" </dev/null &
  pid=$!
}
run 0 run $model --seed 5 --progress none --out "$work/whole"
[ -f "$work/whole/best.safetensors" ] || fail "keep best leaves no best.safetensors"

# Killed when the checkpoint of each of these moments was the last one: everything written since is taken back.
for moment in train_20 train_120 again_6000; do
  cp -r "$work/whole" "$work/$moment"
  cp "$work/$moment/$moment.safetensors" "$work/$moment/checkpoint.safetensors"
  rm "$work/$moment/report.html"
  run 0 run $model --resume "$work/$moment" --progress none
  same_as_whole $moment "resumed from $moment"
  rm -r "$work/$moment"
done

# A GIF that a crash of the machine cut short begins anew, and the run says so.
cp -r "$work/whole" "$work/short"
cp "$work/short/train_100.safetensors" "$work/short/checkpoint.safetensors"
head -c 100 "$work/whole/guess.gif" >"$work/short/guess.gif"
run 0 run $model --resume "$work/short" --progress plain; err_has "guess.gif has lost frames"
[ "$(head -c 6 "$work/short/guess.gif")" = GIF89a ] || fail "a GIF that begins anew is none"
rm -r "$work/short"

# Killed without warning, at random moments.
bash tests/kill_resume.sh "$seppo" $model 3 0.6 >"$work/out" 2>&1 || { fail "killed and resumed"; cat "$work/out" >&2; }

# Interrupted: exit status 130 after the checkpoint, whatever the time since the last one.
for signal in INT TERM; do
  start $signal --set train.epochs=120 --set again.steps=200000000
  for i in $(seq 600); do grep -q again "$work/$signal/metrics.jsonl" 2>/dev/null && break; sleep 0.05; done
  kill -$signal $pid; wait $pid; status=$?
  [ $status = 130 ] || fail "SIG$signal ends with $status"
  run 0 ckpt "$work/$signal/checkpoint.safetensors"; out_has "task     again"; out_has "task_step"
done

# A complete run stays as it is; a run without a checkpoint starts anew with the same seed and settings.
before=$(cat "$work/whole/metrics.jsonl")
run 0 run $model --resume "$work/whole" --progress none; err_has "is complete"
[ "$before" = "$(cat "$work/whole/metrics.jsonl")" ] || fail "resuming a complete run changed its records"
mkdir "$work/early"; cp "$work/whole/config.json" "$work/early"
printf '{"task": "train", "epoch": 1, "st' >"$work/early/metrics.jsonl"
run 0 run $model --resume "$work/early" --progress none
same_as_whole early "resumed without a checkpoint"

# What does not belong to the run is refused, and nothing is written.
sum=$(cksum <"$work/INT/checkpoint.safetensors")
sed 's/tanh/relu/' $model >"$work/other.sep"
run 3 run "$work/other.sep" --resume "$work/INT"; err_has "the model file has changed"
run 3 run $model --resume "$work/INT" --seed 6;   err_has "seed is not the one"
run 3 run $model --resume "$work/INT" --set noise=0.2; err_has "settings are not those"
run 3 run $model --resume "$work/nowhere";        err_has "no config.json"
run 2 run $model --resume "$work/INT" --out "$work/x"; err_has "leave --out away"
[ "$sum" = "$(cksum <"$work/INT/checkpoint.safetensors")" ] || fail "a refused resume changed the checkpoint"
head -c 3000 "$work/INT/checkpoint.safetensors" >"$work/torn"; mv "$work/torn" "$work/INT/checkpoint.safetensors"
run 3 run $model --resume "$work/INT"; err_has "E0604"

# A disk that is full loses no earlier checkpoint: files may not grow beyond 128 KiB here.
sum=$(cksum <"$work/TERM/checkpoint.safetensors")
(ulimit -f 128; exec "$seppo" run $model --resume "$work/TERM" --checkpoint-every 0 --progress none) \
  >"$work/out" 2>"$work/err" </dev/null
[ $? = 3 ] || fail "a full disk does not end with status 3"
err_has "could not be written"
[ "$sum" = "$(cksum <"$work/TERM/checkpoint.safetensors")" ] || fail "a full disk cost the earlier checkpoint"
(ulimit -f 1; exec "$seppo" run tests/data/resume.sep --seed 1 --progress none --out "$work/small") \
  >"$work/out" 2>"$work/err" </dev/null
[ $? = 3 ] || fail "a picture or record that cannot be written does not end with status 3"
err_has "File too large"
if [ -c /dev/full ]; then
  "$seppo" run $model between --seed 1 --progress none --load "$work/TERM/checkpoint.safetensors" --out "$work/full" \
    >/dev/full 2>"$work/err" </dev/null
  [ $? = 3 ] || fail "results that cannot be written do not end with status 3"
  err_has "the output could not be written"
fi
finish
