/* Uses what tests/cli/build.sh built of build.sep. argv[1]: the checkpoint of the run that everything must equal;
 * argv[2]: where to save one. */
#define _GNU_SOURCE
#include "build_draw.h"
#include "build_eval.h"
#include "build_pick.h"
#include "build_predict.h"
#include "build_train.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(int ok, const char *what) {
  if (!ok) fprintf(stderr, "FAILED: %s\n", what), exit(1);
}

static void print(const char *name, const float *v, int n) {
  printf("%s =", name);
  for (int i = 0; i < n; i++) printf(" %.9g", (double)v[i]);
  printf("\n");
}

/* Every parameter is somewhere in the file, bit for bit. */
static int all_in(const SeppoTask *t, const char *file, size_t n) {
  const SeppoTensor *list;
  size_t tensors = seppo_tensors(t, &list), found = 0, params = 0;
  for (size_t i = 0; i < tensors; i++) {
    if (list[i].role != SEPPO_PARAM || list[i].elements < 2) continue;
    params++;
    found += memmem(file, n, list[i].data, list[i].bytes) != NULL;
  }
  return params == 3 && found == params;
}

/* The whole training in calls of `chunk` steps, on `threads`, without the checkpoint's parameters. */
static void train(const char *file, size_t n, int chunk, int threads) {
  build_train m;
  check(build_train_new(&m, threads) == SEPPO_OK, "train_new");
  check(seppo_steps_per_epoch(m.task) == 4, "steps of an epoch");
  check(!all_in(m.task, file, n), "parameters before training are others");
  for (int left = 24; left > 0; left -= chunk)
    check(build_train_run(&m, chunk < left ? chunk : left) == SEPPO_OK, "train_run");
  check(seppo_steps(m.task) == 24, "steps counted");
  check(all_in(m.task, file, n), "trained parameters equal those of seppo run");
  check(build_train_log_loss(&m) > 0 && build_train_log_loss(&m) != build_train_log_loss(&m), "log of nothing is NaN");
  build_train_free(&m);
}

/* What was trained here goes to a file and comes back; what is no checkpoint of the model changes nothing. */
static void checkpoints(const char *file, size_t n, const char *path) {
  build_train m, other;
  check(build_train_new(&m, 1) == SEPPO_OK && build_train_new(&other, 1) == SEPPO_OK, "two trainings");
  check(build_train_run(&m, 24) == SEPPO_OK && seppo_save(m.task, path) == SEPPO_OK, "save");
  check(seppo_load(other.task, "/nowhere") == SEPPO_NO_CHECKPOINT, "a file there is not");
  check(seppo_load(other.task, "tests/data/package.safetensors") == SEPPO_NO_CHECKPOINT, "a file of another model");
  check(!all_in(other.task, file, n), "a refused checkpoint changes nothing");
  check(seppo_load(other.task, path) == SEPPO_OK && all_in(other.task, file, n), "load");
  check(seppo_save(m.task, "/nowhere/x") == SEPPO_NO_CHECKPOINT, "a place there is not");
  build_train_free(&m), build_train_free(&other);
}

static void predict(void) {
  static const float x[2][4] = {{0.5f, -1, 2, 0.25f}, {1, 1, -3, 0}};
  build_predict m;
  check(build_predict_new(&m, 1) == SEPPO_OK, "predict_new");
  check(BUILD_PREDICT_IN_X_SIZE == 8 && sizeof x == seppo_tensor(m.task, "x")->bytes, "size of x");
  memcpy(m.in.x, x, sizeof x);
  check(build_predict_run(&m) == SEPPO_OK, "predict_run");
  print("y", m.out.y, 2);
  float before = m.out.y[0], h = 1e-2f, slope = m.out.slope[0][1];
  m.in.x[0][1] += h;
  check(build_predict_run(&m) == SEPPO_OK, "predict_run");
  float found = (m.out.y[0] - before) / h;
  check(found - slope < 0.1f && slope - found < 0.1f, "slope is the derivative");
  m.param.net_dense_1_b[0] += 1;
  m.in.x[0][1] -= h;
  check(build_predict_run(&m) == SEPPO_OK && m.out.y[0] != before, "a parameter that is written counts");
  check(seppo_tensor(m.task, "nothing") == NULL, "a tensor there is not");
  build_predict_free(&m);
}

static void evaluate(void) {
  build_eval m;
  check(build_eval_new(&m, 2) == SEPPO_OK && build_eval_run(&m) == SEPPO_OK, "eval");
  print("mse", m.out.mse, 1);
  print("head", m.out.head, 3);
  build_eval_free(&m);
}

static void draw(void) {
  build_draw m;
  check(build_draw_new(&m, 1) == SEPPO_OK && build_draw_run(&m) == SEPPO_OK, "draw");
  print("z", m.out.z, 3);
  float first = m.out.z[0];
  check(build_draw_run(&m) == SEPPO_OK && m.out.z[0] != first, "the second run draws anew");
  seppo_seed(m.task, 7);
  check(build_draw_run(&m) == SEPPO_OK && m.out.z[0] == first, "the seed brings the first draw back");
  build_draw_free(&m);
}

static void go_wrong(void) {
  build_pick m;
  int64_t index, extent;
  check(build_pick_new(&m, 1) == SEPPO_OK, "pick");
  m.in.x[0] = 9;
  check(build_pick_run(&m) == SEPPO_BAD_INDEX, "an index out of range is a status");
  seppo_bad_index(m.task, &index, &extent);
  check(index == 9 && extent == 4, "the index and its extent");
  m.in.x[0] = 2;
  check(build_pick_run(&m) == SEPPO_OK && m.out.y[0] == 2, "the task goes on after an error");
  check(*seppo_status_text(SEPPO_BAD_INDEX), "a status has a text");
  build_pick_free(&m);
}

int main(int argc, char **argv) {
  static char file[1 << 20];
  FILE *f = argc > 2 ? fopen(argv[1], "rb") : NULL;
  check(f != NULL, "no checkpoint");
  size_t n = fread(file, 1, sizeof file, f);
  fclose(f);
  train(file, n, 24, 1);
  train(file, n, 1, 2);
  train(file, n, 5, 2);
  checkpoints(file, n, argv[2]);
  predict();
  evaluate();
  draw();
  go_wrong();
  return 0;
}
