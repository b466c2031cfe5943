#include "runtime/dtype.h"

typedef struct DTypeRow {
  const char *name;
  uint32_t size;
} DTypeRow;

static const DTypeRow rows[DT_COUNT] = {
    [DT_BOOL] = {"bool", 1}, [DT_U8] = {"u8", 1},   [DT_I32] = {"i32", 4}, [DT_I64] = {"i64", 8},
    [DT_U32] = {"u32", 4},   [DT_U64] = {"u64", 8}, [DT_F32] = {"f32", 4}, [DT_F64] = {"f64", 8},
};

uint32_t dtype_size(DType t) { return (uint32_t)t < DT_COUNT ? rows[t].size : 0; }

const char *dtype_name(DType t) { return (uint32_t)t < DT_COUNT ? rows[t].name : "?"; }
