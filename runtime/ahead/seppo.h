/* seppo.h: running tasks that `seppo build` compiled ahead of time.
 *
 * `seppo build model.sep --task predict` leaves model_predict.o, model_predict.h, this header and libseppo.a. A program
 * includes model_predict.h, whose struct gives typed pointers to the task's tensors, and links
 *   cc program.c model_predict.o libseppo.a -lpthread -ldl -lm
 *
 * Each SeppoTask is an independent copy of the task with its own parameters and memory; different ones may run in
 * different threads at the same time. Nothing here prints, exits or keeps state of its own. Every function that can
 * fail returns a SeppoStatus.
 */
#ifndef SEPPO_H
#define SEPPO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

typedef enum SeppoStatus {
  SEPPO_OK,
  SEPPO_NOT_FINITE, /* a loss is NaN or infinite: the step before it is the last that counts */
  SEPPO_BAD_INDEX,  /* an index computed at run time is out of range */
  SEPPO_SINGULAR,   /* a matrix is singular or not positive definite, or OpenBLAS is not installed */
  SEPPO_NO_MEMORY,
  SEPPO_NO_PROCESSOR, /* this processor lacks instructions the object was built with (`seppo build --cpu`) */
  SEPPO_NO_VERSION,   /* the object was built by another version than libseppo.a */
  SEPPO_NO_CHECKPOINT /* a checkpoint cannot be read or written, or is of another model */
} SeppoStatus;

/* One line of English. */
const char *seppo_status_text(SeppoStatus status);

typedef enum SeppoDtype {
  SEPPO_BOOL, /* one byte, 0 or 1 */
  SEPPO_U8,
  SEPPO_I32,
  SEPPO_I64,
  SEPPO_U32,
  SEPPO_U64,
  SEPPO_F32,
  SEPPO_F64
} SeppoDtype;

typedef enum SeppoRole {
  SEPPO_INPUT,     /* an argument of the task: the caller writes it */
  SEPPO_DATA,      /* a tensor of a data set the task reads, as stored: the caller writes it */
  SEPPO_OUTPUT,    /* what the task reports: the caller reads it after a run */
  SEPPO_PARAM,     /* trained parameters */
  SEPPO_STATE,     /* states, and tensors computed once when the task was built */
  SEPPO_OPTIMIZER, /* what optimisers remember */
  SEPPO_LOG        /* what a training logs: read it with seppo_log; data is NULL */
} SeppoRole;

/* A tensor of a task. `data` stays where it is as long as the task lives: row-major, 64-byte aligned. */
typedef struct SeppoTensor {
  const char *name; /* "net.dense_1.W", "mnist.train.x", "accuracy" */
  SeppoRole role;
  SeppoDtype dtype;
  int rank; /* 0: a scalar */
  int64_t dim[8];
  size_t elements, bytes;
  void *data;
} SeppoTensor;

typedef struct SeppoProgram SeppoProgram; /* in the object, called <name>_program */
typedef struct SeppoTask SeppoTask;

/* A task with the parameters it was built with. `threads` counts the caller; 0: one per processor. Results do not
 * depend on it. */
SeppoStatus seppo_new(const SeppoProgram *program, int threads, SeppoTask **out);
void seppo_free(SeppoTask *task); /* NULL is fine */

/* A training: n steps, over as many epochs as that takes, shuffled as `seppo run` does; another task: n times.
 * After an error `task` may be run again; what it had changed stays changed. */
SeppoStatus seppo_run(SeppoTask *task, int64_t n);

/* The seed of random draws and shuffles (at first the --seed of the build) and the count of runs so far, back to
 * none. The first run of a task that is no training draws what `seppo run --seed` draws, each later one anew. */
void seppo_seed(SeppoTask *task, uint64_t seed);
/* Steps done (another task: runs) since the start or the last seppo_seed. */
int64_t seppo_steps(const SeppoTask *task);
/* Steps of an epoch of a training on data; 0 elsewhere. */
int64_t seppo_steps_per_epoch(const SeppoTask *task);

/* All tensors: *list has as many as the call returns. */
size_t seppo_tensors(const SeppoTask *task, const SeppoTensor **list);
/* NULL when there is none of that name. */
const SeppoTensor *seppo_tensor(const SeppoTask *task, const char *name);
/* The mean of what a training logged under that name since it was last asked for; NaN when there is none. */
double seppo_log(SeppoTask *task, const char *name);

/* Parameters, states and what optimisers remember, from and to a checkpoint (safetensors) as `seppo run` writes it and
 * `--load` reads it. Loading wants every parameter in its shape, and changes nothing when one is missing. Programs that
 * use these two link -ljansson as well. */
SeppoStatus seppo_load(SeppoTask *task, const char *path);
SeppoStatus seppo_save(const SeppoTask *task, const char *path);

/* Where a run went wrong: for SEPPO_BAD_INDEX the index and the extent. Either pointer may be NULL. */
void seppo_bad_index(const SeppoTask *task, int64_t *index, int64_t *extent);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
