# Variational autoencoders: the bound, its closed forms, the order of the bounds, the use of the digit.
seppo=$1; . tests/support/cli.sh

least=-200; real_mnist && least=-175

model vae --epochs 1 --set hidden=100 --set batch=256
elbo=$(figure vae eval elbo)
holds "$elbo > $least && $elbo < -60" "ELBO $elbo after an epoch"
holds "$(figure vae closed_form kl_error) < 1e-3" "KL by components = KL by matrices"
holds "$(figure vae eval kl) > 5" "the code says something"

# One level of the hierarchy is the plain VAE: with its parameters (under other names of the same length) the same
# divergence, and the same bound up to the one draw of z; trained, as good. Two levels learn too.
LC_ALL=C sed 's/"encoder\.\(dense_[123]\.[Wb]\)"/"q.0.\1"    /g' "$work/vae/checkpoint.safetensors" >"$work/renamed"
model hvae eval --set T=1 --set "hidden=[100]" --set "latent=[20]" --load "$work/renamed"
holds "$(figure hvae eval kl) / $(figure vae eval kl) - 1 < 1e-6 && 1 - $(figure hvae eval kl) / $(figure vae eval kl) < 1e-6" \
  "the divergence of hvae with T = 1"
holds "$(figure hvae eval elbo) - $elbo < 0.3 && $elbo - $(figure hvae eval elbo) < 0.3" "its bound"
model hvae --epochs 1 --set T=1 --set "hidden=[100]" --set "latent=[20]" --set batch=256
one=$(figure hvae eval elbo)
holds "$one - $elbo < 2 && $elbo - $one < 2" "hvae with T = 1 ($one) is vae ($elbo)"
model hvae --epochs 1 --set "hidden=[100, 50]" --set "latent=[20, 10]" --set batch=256
holds "$(figure hvae eval elbo) > $least" "hvae with T = 2"

# More samples, tighter bound.
model iwae --epochs 1 --set hidden=64 --set samples=2 --set test_samples=20 --set batch=256
low=$(figure iwae eval elbo) middle=$(figure iwae eval bound) high=$(figure iwae eval log_p)
holds "$low + 0.5 < $middle && $middle + 0.5 < $high" "elbo < bound of 2 < bound of 20: $low $middle $high"

model cvae --epochs 1 --set hidden=64 --set batch=256
holds "$(figure cvae eval elbo) > $(figure cvae eval elbo_of_wrong_digit) + 1" "the digit matters to the bound"

finish
