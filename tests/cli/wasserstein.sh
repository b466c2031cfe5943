# Wasserstein critics: clipped weights, a penalty on the slope; the conditional network and its classifier.
seppo=$1; . tests/support/cli.sh

model wgan --epochs 2 --set rate=5e-4
largest=$(figure wgan score largest_weight)
holds "$largest <= 0.0100001 && $largest > 0.009" "weights clipped at c"
holds "$(figure wgan score mmd) < 0.45" "images of WGAN"  # those of the first step: 0.8

# The penalty holds the slope of the critic near 1.
model wgan_gp --epochs 1 --set rate=5e-4
holds "$(figure wgan_gp score mmd) < 0.45 && $(figure wgan_gp train distance) > 0" "images of WGAN-GP"
holds "$(figure wgan_gp score slope_error) < 0.5" "slope of the critic"

model cgan --set classify.epochs=1 --set play.epochs=2 --set hidden=64 --set rate=1e-3
holds "$(figure cgan classify accuracy) > 0.8" "the classifier of digits"
holds "$(figure cgan score mmd) < 0.55" "images of the conditional network"
finish
