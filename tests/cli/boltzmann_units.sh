# Boltzmann machines with other units and other chains: what they learn in one epoch.
seppo=$1; . tests/support/cli.sh

model() { # model RUN MODEL OPTIONS..
  local out=$1 name=$2; shift 2
  run 0 run "models/$name.sep" --seed 1 --epochs 1 --progress none --out "$work/$out" "$@"
}

# Gaussian visible units: the mean of p(x | h) comes near x, and a draw differs from it by the noise, sigma^2 = 1.
for units in binary gaussian relu; do
  model $units rbm_gaussian --set hidden=64 --set units=$units
  error=$(figure $units eval reconstruction)
  holds "$error < 0.5 * $(figure $units eval reconstruction_of_a)" "$units hidden units: reconstruction"
  distance=$(figure $units eval distance)
  holds "$distance > 0.9 + $error && $distance < 1.3 + $error" "$units hidden units: a Gibbs step adds the noise"
done

# Grey levels, one draw a pixel and two.
for trials in 1 2; do
  model levels$trials rbm_softmax --set hidden=24 --set levels=2 --set trials=$trials --set batch=128 --set rate=0.03
  holds "$(figure levels$trials eval reconstruction) < 0.06" "$trials draws a pixel: reconstruction"
  holds "$(figure levels$trials eval level_accuracy) > 0.88" "$trials draws a pixel: level"
done

# Chains that go on: their images come nearer to real ones than the first chains, uniform noise (0.6 and more).
model chains rbm_pcd --set hidden=64
holds "$(figure chains eval reconstruction) < 0.06" "PCD: reconstruction"
holds "$(figure chains score mmd) < 0.45" "PCD: chains"
model stack dbn --set "hidden=[64, 64]"
holds "$(figure stack eval reconstruction_lower) < 0.05" "lower machine"
holds "$(figure stack eval reconstruction) < 0.06" "both machines"
holds "$(figure stack score mmd) < 0.45" "samples of the stack"
finish
