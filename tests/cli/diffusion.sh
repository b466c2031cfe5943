# Diffusion: two forms of the bound agree, the learned density is that of the data.
seppo=$1; . tests/support/cli.sh

# Two forms of the diffusion bound: equal means, the second of smaller variance; the learned density.
model diffusion_2d --set steps=1500 --set T=40 --set points=20000
difference=$(figure diffusion_2d estimators difference) error=$(figure diffusion_2d estimators error)
holds "$difference < 4 * $error && $difference > -4 * $error" "the two forms of the bound agree"
holds "$(figure diffusion_2d estimators std_three) > 2 * $(figure diffusion_2d estimators std_two)" "variances"
holds "$(figure diffusion_2d density js) < 0.03" "samples of the mixture"
model diffusion_2d --set steps=300 --set T=40 --set points=5000 --set schedule=learned
holds "$(figure diffusion_2d estimators mean_two) > -40" "a learned schedule"

model diffusion --epochs 1 --set T=50 --set schedule=cosine --set width=64 --set batch=256
holds "$(figure diffusion eval loss) < 0.35" "noise is predicted"
holds "$(figure diffusion eval prior) < 0 && $(figure diffusion eval prior) > -1" "prior matching"
difference=$(figure diffusion estimators difference) error=$(figure diffusion estimators error)
holds "$difference < 4 * $error && $difference > -4 * $error" "two forms of the bound on images"
holds "$(figure diffusion estimators std_three) > 2 * $(figure diffusion estimators std_two)" "and their variances"
holds "$(figure diffusion score mmd) < 0.5" "samples of images"

finish
