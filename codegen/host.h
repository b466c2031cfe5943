/* The processor this program runs on, known without LLVM: what variants of kernels to choose and what keys the object
 * cache. */
#ifndef SEPPO_CODEGEN_HOST_H
#define SEPPO_CODEGEN_HOST_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Host {
  uint32_t
      vector_bytes; /* widest vectors worth using: 64 with AVX-512 (F, DQ, BW, VL), 32 with AVX2 and FMA, else 16 */
  bool fma;
  /* Rows of the widest GEMM register tile: 14 with 32 registers of 64 bytes, 6 with 16 registers. */
  uint32_t tile_rows;
  uint64_t id[2]; /* hash of vendor, model and every feature bit the operating system enables */
} Host;

Host host_describe(void);

#endif
