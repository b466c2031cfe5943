# Wasserstein critics: clipped weights, a penalty on the slope; the conditional network and its classifier.
seppo=$1; . tests/support/cli.sh

figure() { json "$work/$1/summary.json" ".metrics.$2.$3"; } # MODEL TASK NAME
model() { # model NAME OPTIONS..
  local name=$1; shift
  run 0 run "models/$name.sep" --seed 1 --progress none --out "$work/$name" "$@"
}

model wgan --epochs 1
largest=$(figure wgan score largest_weight)
holds "$largest <= 0.0100001 && $largest > 0.009" "weights clipped at c"

model wgan_gp --epochs 1
holds "$(figure wgan_gp score mmd) < 0.9 && $(figure wgan_gp train distance) > 0" "WGAN-GP"
model cgan --epochs 1 --set batch=512 --set hidden=32
holds "$(figure cgan classify accuracy) > 0.6" "the classifier of digits"
finish
