# Autoencoders without a bound on the likelihood, principal components, other decoders and codes.
seppo=$1; . tests/support/cli.sh

model vae_2d --epochs 1 --set hidden=50 --set batch=256 --set side=4
holds "$(figure vae_2d eval kl) > 2" "two latent numbers are used"

model vae_gaussian --epochs 1 --set hidden=50 --set batch=256
holds "$(figure vae_gaussian eval error) < 0.05 && $(figure vae_gaussian eval elbo) > 0" "Gaussian decoder"

model autoencoder --epochs 1 --set "widths=[100, 50]"
model denoising_autoencoder --epochs 1 --set hidden=100
model sparse_autoencoder --epochs 1 --set hidden=100
holds "$(figure autoencoder eval error) < 0.7 * $(figure autoencoder eval variance)" "autoencoder"
holds "$(figure denoising_autoencoder eval error) < 0.7 * $(figure denoising_autoencoder eval error_damaged)" "denoising"
holds "$(figure sparse_autoencoder eval error) < 0.06" "sparse autoencoder"
holds "$(figure sparse_autoencoder eval activity) < 0.2" "few units are on"

model pca --set n=300 --set steps=600
holds "$(figure pca result angle) < 1e-3" "the linear autoencoder spans the principal components"
holds "$(figure pca result error_autoencoder) / $(figure pca result error_pca) < 1.0001" "and leaves their error"
finish
