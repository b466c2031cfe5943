/* How much work a kernel does, read off its IR: what `seppo profile` holds its time against. */
#ifndef SEPPO_CODEGEN_WORK_H
#define SEPPO_CODEGEN_WORK_H

#include "codegen/kernel/kir.h"

typedef struct KWork {
  double flops;  /* additions, multiplications, comparisons 1; fused 2; divisions, roots 4; elementary functions 20 */
  double bytes;  /* elements touched, each counted once for reading and once for writing */
  double widest; /* bytes of the float type most of the flops are in: 4 or 8 */
} KWork;

/* All tasks of one launch together. Trip counts that depend on data count in full. */
KWork k_work(const KKernel *k, int64_t tasks);

#endif
