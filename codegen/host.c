#include "codegen/host.h"
#include "codegen/object/hash.h"
#include <cpuid.h>

/* Bits of the feature leaves that differ between cores of one machine: the initial APIC id. */
static void describe_leaves(Hash *h) {
  static const uint32_t leaf[][2] = {{0, 0}, {1, 0}, {7, 0}, {7, 1}, {0xd, 0}, {0x80000001, 0}, {0x80000008, 0}};
  for (unsigned i = 0; i < sizeof leaf / sizeof *leaf; i++) {
    uint32_t r[4] = {0};
    __get_cpuid_count(leaf[i][0], leaf[i][1], &r[0], &r[1], &r[2], &r[3]);
    if (leaf[i][0] == 1) r[1] = 0;
    hash_add(h, r, sizeof r);
  }
}

Host host_describe(void) {
  __builtin_cpu_init();
  const bool fma = __builtin_cpu_supports("fma"), avx2 = fma && __builtin_cpu_supports("avx2");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  Host host = {.vector_bytes = avx512 ? 64 : avx2 ? 32 : 16, .fma = fma, .tile_rows = avx512 ? 14 : 6};
  Hash h = HASH_INIT;
  describe_leaves(&h);
  hash_add(&h, &host.vector_bytes, sizeof host.vector_bytes);
  hash_end(&h, host.id);
  return host;
}
