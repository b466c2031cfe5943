# Boltzmann machines: exact gradients, invariance of the chains, AIS against enumeration, the Ising chain.
seppo=$1; . tests/support/cli.sh

# The likelihood gradient by enumeration equals the symbolic one, and the expectation of CD-k nears it.
model rbm_exact
holds "$(figure rbm_exact gradients error) < 1e-10" "symbolic gradient = difference of moments"
holds "$(figure rbm_exact gradients invariant) < 1e-12" "the Gibbs chain keeps p"
last=1e9
for k in 1 2 5 10 20; do
  distance=$(figure rbm_exact gradients "distance_$k")
  holds "$distance < $last" "CD-$k is nearer than with fewer steps"
  last=$distance
done
holds "$last < 1e-4" "CD-20 is near the likelihood gradient"
holds "$(figure rbm_exact result kl) < 0.5 && $(figure rbm_exact result kl) >= 0" "the machine learns a table of 64 shares"

# CD-k on images: free energy, joint energy and moments give one gradient.
model rbm --epochs 1 --set hidden=64
holds "$(figure rbm eval reconstruction) < 0.05" "one epoch of CD-1: images come back from the hidden units"
model rbm gradients
norm=$(figure rbm gradients norm)
holds "$norm > 1" "a gradient that is not zero"
holds "$(figure rbm gradients free_energy_error) < 1e-5 * $norm" "free energy against moments"
holds "$(figure rbm gradients joint_energy_error) < 1e-5 * $norm" "joint energy against moments"

# log Z of a trained machine of 16 hidden units: annealed importance sampling within half a nat of enumeration.
model rbm_loglik --epochs 1 --set betas=2000
error=$(figure rbm_loglik eval ais_error)
holds "$error > -0.5 && $error < 0.5" "AIS within 0.5 nat"
holds "$(figure rbm_loglik eval log_p) > -200" "a likelihood of images"
# Its checkpoint evaluates to the same log Z: the visible biases, whose first values come from the mean image, are loaded too.
run 0 run models/rbm_loglik.sep eval --seed 1 --set betas=10 --progress none --out "$work/again" \
  --load "$work/rbm_loglik/checkpoint.safetensors"
holds "$(figure again eval log_z) == $(figure rbm_loglik eval log_z)" "log Z of the checkpoint"

# Ising chain: the machine's energy per spin is that of its samples.
model ising --epochs 12
exact=$(figure ising result exact)
for name in energy_enumerated energy; do
  energy=$(figure ising result $name)
  holds "$energy < 0.95 * $exact && $energy > 1.05 * $exact" "$name of the Ising chain"
done
finish
