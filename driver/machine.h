/* What this machine can do, measured: the yardstick of `seppo profile`. */
#ifndef SEPPO_DRIVER_MACHINE_H
#define SEPPO_DRIVER_MACHINE_H

#include "runtime/pool.h"

enum { MACHINE_SIZES = 4 };

typedef struct Machine {
  double flops[2];             /* a second, all threads of the pool, fused multiply-adds in registers: f32, f64 */
  double bytes[MACHINE_SIZES]; /* a second, reading and writing, by working set */
  double size[MACHINE_SIZES];  /* of these working sets, bytes */
} Machine;

/* Takes about 0.2 s. */
Machine machine_measure(ThreadPool *pool);
/* Bytes a second for a working set of this size. */
double machine_bandwidth(const Machine *m, double bytes);

#endif
