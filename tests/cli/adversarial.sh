# Adversarial networks: the best discriminator between known densities, and the game on images.
seppo=$1; . tests/support/cli.sh

# D = p_r / (p_r + p_g), L = 2 JS - 2 log 2, and -2 log 2 between equal densities.
model gan_gaussian --set steps=1500 --set n=256
holds "$(figure gan_gaussian compare error) < 0.02" "the best discriminator"
holds "$(figure gan_gaussian compare value) - $(figure gan_gaussian compare value_best) < 0.02" "value below its best"
holds "$(figure gan_gaussian compare value_best) - $(figure gan_gaussian compare value) < 0.02" "value near its best"
same=$(figure gan_gaussian compare value_same)
holds "$same < -1.380 && $same > -1.392" "-2 log 2 at equality"

# After four epochs the images have left the noise; D still tells them from real ones.
model gan --epochs 4 --set hidden=64
holds "$(figure gan score mmd) < 0.6 * $(figure gan score mmd_of_noise)" "the generator against noise"
holds "$(figure gan score mmd_of_real_images) < 0.1" "real images against real images"
holds "$(figure gan train d_fake) < 0.5 && $(figure gan train d_real) > 0.5" "D tells generated images"

# A classifier that meets its few labels and learns what is real besides.
model ssgan --set train.epochs=1 --set hidden=64 --set labels_only.steps=200
holds "$(figure ssgan eval accuracy) > 0.65" "few labels"
holds "$(figure ssgan train d_real) > 0.6 && $(figure ssgan train d_fake) < 0.5" "real and generated"
finish
