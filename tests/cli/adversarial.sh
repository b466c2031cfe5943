# Adversarial networks: the best discriminator between known densities, and the game on images.
seppo=$1; . tests/support/cli.sh

figure() { json "$work/$1/summary.json" ".metrics.$2.$3"; } # MODEL TASK NAME
model() { # model NAME OPTIONS..
  local name=$1; shift
  run 0 run "models/$name.sep" --seed 1 --progress none --out "$work/$name" "$@"
}

# D = p_r / (p_r + p_g), L = 2 JS - 2 log 2, and -2 log 2 between equal densities.
model gan_gaussian --set steps=1500 --set n=256
holds "$(figure gan_gaussian compare error) < 0.02" "the best discriminator"
holds "$(figure gan_gaussian compare value) - $(figure gan_gaussian compare value_best) < 0.02" "value below its best"
holds "$(figure gan_gaussian compare value_best) - $(figure gan_gaussian compare value) < 0.02" "value near its best"
same=$(figure gan_gaussian compare value_same)
holds "$same < -1.380 && $same > -1.392" "-2 log 2 at equality"

model gan --epochs 1 --set batch=128
holds "$(figure gan score mmd) < $(figure gan score mmd_of_noise) + 0.3" "the generator is no worse than noise"
d=$(figure gan train d_fake)
holds "$d > 0 && $d < 0.5" "D tells generated images"

finish
