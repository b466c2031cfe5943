# Langevin chains, an energy network, a flow: known densities come back.
seppo=$1; . tests/support/cli.sh

model langevin
holds "$(figure langevin sample covariance_error) < 0.02" "moments of the mixture within 2 %"
holds "$(figure langevin sample right) > 0.47 && $(figure langevin sample right) < 0.53" "both modes"

# The flow is invertible, its density sums to one, and it beats a Gaussian of the data's covariance (-1.95 nats).
model flow --set steps=500
holds "$(figure flow result inverse_error) < 1e-4" "inverse of the flow"
holds "$(figure flow result total) > 0.99 && $(figure flow result total) < 1.01" "total probability"
holds "$(figure flow result log_p) > -1.6 && $(figure flow result log_p) < -0.9" "likelihood of the flow"

model ebm --epochs 1 --set k=5 --set buffer=256 --set hidden=64 --set batch=256
holds "$(figure ebm eval energy) < $(figure ebm eval energy_of_noise) - 0.5" "data below noise"
finish
