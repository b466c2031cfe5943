/* Square blocks transposed in registers. */
#include "codegen/llvm/emit.h"

/* Which lane of the pair (a, b) goes to each lane of the first result (upper = 0) or the second: bit `s` of row and
 * lane changes places. */
static Val exchange(Emit *e, Val a, Val b, unsigned n, unsigned s, unsigned upper) {
  Val index[64];
  for (unsigned l = 0; l < n; l++) {
    const unsigned from_b = l & s ? 1 : 0, lane = upper ? (from_b ? l : l + s) : (from_b ? l - s : l);
    index[l] = emit_i32(e, (int32_t)(from_b * n + lane));
  }
  return LLVMBuildShuffleVector(e->builder, a, b, LLVMConstVector(index, n), "");
}

void emit_transpose(Emit *e, Val *row, unsigned n) {
  for (unsigned s = 1; s < n; s *= 2)
    for (unsigned i = 0; i < n; i++) {
      if (i & s) continue;
      Val a = row[i], b = row[i + s];
      row[i] = exchange(e, a, b, n, s, 0);
      row[i + s] = exchange(e, a, b, n, s, 1);
    }
}
