# Every gradient of the generative models, in the middle of their chains, penalties and games, against finite differences.
seppo=$1; . tests/support/cli.sh

# right LEAST MODEL SETTINGS AND TASKS..: at least so many gradients, none of them wrong
right() {
  local least=$1 name=$2 arguments=() a; shift 2
  for a; do case $a in *=*) arguments+=(--set "$a") ;; *) arguments+=("$a") ;; esac; done
  run 0 gradcheck "models/$name.sep" "${arguments[@]}"
  out_has " 0 wrong"
  [ "$(grep -c ' ok$' "$work/out")" -ge "$least" ] || { fail "$name: too few gradients checked"; cat "$work/out" >&2; }
}

right 3 rbm hidden=6 train
right 3 rbm_pcd hidden=6 chains=4
right 3 rbm_loglik hidden=6 chains=4 betas=4
right 6 dbn "hidden=[6, 5]"
right 3 rbm_softmax hidden=5 levels=3
for units in binary gaussian relu; do right 3 rbm_gaussian hidden=6 units=$units sigma=0.7; done
right 6 ebm hidden=5 k=2 buffer=64
right 10 vae hidden=6 latent=2
right 10 vae_gaussian hidden=6 latent=2
right 10 iwae hidden=6 latent=2 samples=3 test_samples=3
right 10 cvae hidden=6 latent=2
right 30 hvae T=3 "hidden=[6, 5, 4]" "latent=[4, 3, 2]"
right 8 diffusion T=5 width=6 code=4
right 9 diffusion T=5 width=6 code=4 objective=bound schedule=learned
right 8 diffusion_2d T=5 n=4 schedule=learned
right 7 gan hidden=6 latent=3
right 6 wgan hidden=6 latent=3 n_critic=2 rows=2
right 5 wgan_gp hidden=6 latent=3 n_critic=2 rows=2 train
right 12 cgan hidden=6 latent=3
right 12 ssgan hidden=6 latent=3 labelled=20 train
right 8 flow depth=2 width=4
finish
