# Langevin chains, energy network, diffusion, flow: known densities come back, bounds agree.
seppo=$1; . tests/support/cli.sh

figure() { json "$work/$1/summary.json" ".metrics.$2.$3"; } # MODEL TASK NAME
model() { # model NAME OPTIONS..
  local name=$1; shift
  run 0 run "models/$name.sep" --seed 1 --progress none --out "$work/$name" "$@"
}

model langevin
holds "$(figure langevin sample covariance_error) < 0.02" "moments of the mixture within 2 %"
holds "$(figure langevin sample right) > 0.47 && $(figure langevin sample right) < 0.53" "both modes"

# The flow is invertible, its density sums to one, and it beats a Gaussian of the data's covariance (-1.95 nats).
model flow --set steps=500
holds "$(figure flow result inverse_error) < 1e-4" "inverse of the flow"
holds "$(figure flow result total) > 0.99 && $(figure flow result total) < 1.01" "total probability"
holds "$(figure flow result log_p) > -1.6 && $(figure flow result log_p) < -0.9" "likelihood of the flow"

# Two forms of the diffusion bound: equal means, the second of smaller variance; the learned density.
model diffusion_2d --set steps=1500
difference=$(figure diffusion_2d estimators difference) error=$(figure diffusion_2d estimators error)
holds "$difference < 4 * $error && $difference > -4 * $error" "the two forms of the bound agree"
holds "$(figure diffusion_2d estimators std_three) > 2 * $(figure diffusion_2d estimators std_two)" "variances"
holds "$(figure diffusion_2d density js) < 0.03" "samples of the mixture"
model diffusion_2d --set steps=300 --set schedule=learned
holds "$(figure diffusion_2d estimators mean_two) > -40" "a learned schedule"

model diffusion --epochs 1 --set T=50 --set schedule=cosine --set width=64 --set batch=512
holds "$(figure diffusion eval loss) < 0.6" "noise is predicted"
holds "$(figure diffusion eval prior) < 0" "prior matching"

model ebm --epochs 1 --set k=5 --set buffer=256 --set hidden=64 --set batch=256
holds "$(figure ebm eval energy) < $(figure ebm eval energy_of_noise) - 0.5" "data below noise"
finish
