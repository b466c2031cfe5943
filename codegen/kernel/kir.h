/* Kernel IR: what the graph is lowered to and what LLVM IR is emitted from.
 *
 * A KKernel is one flat list of instructions in program order; loops are bracketed by K_FOR .. K_END. An instruction's
 * index is the name of its value (SSA): it may be used by later instructions of the same block or of blocks nested in
 * it. Semantics are scalar: a kernel means the same when every loop is run serially, one iteration after the other
 * (codegen/kernel/kir_eval.c does just that). A `vector` loop additionally promises that its iterations may be run
 * `width` at a time.
 *
 * Kernel function: void kernel(Context *c, void *const *args, int64_t task); `args` are the addresses of the KB_ARG
 * buffers. Which task runs on which thread is not its concern; the number of tasks is a function of shapes alone.
 *
 * A KProgram is one compiled graph: the ordered list of kernel launches, loops, checks that the exported function
 * `int32_t <name>(Context *c, int64_t n)` runs n times.
 *
 * Values: i64 for everything that addresses; dtypes of ir/ir.h otherwise. A bool value is one bit in a register and a
 * byte 0/1 in memory. Integer arithmetic wraps; op semantics are those of ir/ops.def (the reference is ir/eval.h).
 *
 * Vector loops (kind KL_VECTOR, width W): never nested in one another; they may hold serial loops whose trip counts do
 * not vary with the vector iv. A value in the body is uniform (does not depend on the iv) or has one value per lane.
 *   - Loads and stores: the address is linear in the iv (coefficient 0: one element, splat; 1: contiguous; other:
 *     strided gather) or depends on it through other values (general gather). A store whose address does not vary
 *     with the lane does not occur; two lanes never store to one address.
 *   - The trip count need not be a multiple of W: the last, partial iteration computes under a lane mask (loads yield
 *     0 in lanes that are off, stores and K_SET leave them alone). With `overrun` set the remainder may be run as a
 *     full vector: every buffer stored to is padded for it, and nothing read from it again.
 *   - W may be a multiple of the machine's vector (e.g. 64 lanes of f32): LLVM splits it, which is how reductions get
 *     several independent accumulators.
 * Accumulators: K_ACC declares a mutable scalar; K_SET inside loops makes it a phi of those loops. With width W > 1 it
 * has W lanes, is set inside vector loops of the same width only, and is read after them by K_LANES, which combines
 * the lanes in the fixed tree x[0..W/2) op x[W/2..W), and so on down to one. The initial value of such an accumulator
 * is the neutral element of the combination, in every lane. (Run serially, iteration iv belongs to lane iv % W.) A
 * K_ACC declared inside a vector loop is an ordinary value of that loop: one per lane.
 */
#ifndef SEPPO_CODEGEN_KIR_H
#define SEPPO_CODEGEN_KIR_H

#include "ir/ir.h"

#define K_NONE UINT32_MAX
typedef uint32_t KVal; /* index of an instruction */

/* The processor as lowering sees it: a parameter, never a constant. Equal targets give equal kernel IR. */
typedef struct KTarget {
  uint32_t vector_bytes; /* 64 with AVX-512, 32 with AVX2, 16 otherwise */
  uint32_t tile_rows;    /* largest MR of a micro-GEMM with two vectors of columns: 14, 6, 4 */
  bool portable;         /* code for every processor of that x86-64 level (v4, v3, v2), not for this very one */
} KTarget;
/* Of the machine this runs on (cpuid). */
KTarget k_target_host(void);
/* Of every processor with vectors of 64, 32 or 16 bytes: the levels v4, v3 and v2 of x86-64. */
KTarget k_target_level(uint32_t vector_bytes);
/* Lanes of one machine vector of a dtype (bool counts as u8 in memory, computes with the lanes of its neighbours). */
static inline uint32_t k_lanes(const KTarget *t, DType d) { return t->vector_bytes / ir_dtype_size(d); }

/* ---------------------------------------------------------------- kernels */

typedef enum KBufKind {
  KB_ARG,    /* args[arg]; 64-byte aligned at element 0 unless `unaligned` */
  KB_SCRATCH /* `elems` elements private to the call (stack, 64-byte aligned, not initialised) */
} KBufKind;

enum { KA_READ = 1, KA_WRITE = 2 };

typedef struct KBuf {
  uint8_t kind, dtype, access; /* access: KA_READ | KA_WRITE */
  bool unaligned;              /* only element-aligned: slices of stacks, rows of stored fields */
  bool noalias;                /* no other argument reaches its elements */
  uint32_t arg;                /* KB_ARG: position in args */
  int64_t elems;               /* extent; an argument has 128 readable bytes behind it */
} KBuf;

/* Element address: buf[c0 + sum coef_i * value_i], values i64. */
typedef struct KTerm {
  KVal value;
  int64_t coef;
} KTerm;
typedef struct KAddr {
  uint32_t buf, first, n; /* terms: kernel->term[first .. first+n) */
  int64_t c0;
} KAddr;

typedef enum KKind {
  /* values */
  K_LIT,    /* literal: bits (low bytes of the dtype: f32 as its 32 bits) */
  K_TASK,   /* i64: the task number */
  K_OP,     /* elementwise row `op` of ir/ops.def (also key_fold) on a[0..2]; dtype = result's */
  K_FMA,    /* a[0]*a[1] + a[2], rounded once; floats */
  K_UDIV,   /* a[0] / a[1], i64, both known >= 0 (a[1] > 0; usually a literal) */
  K_UREM,   /* a[0] % a[1], likewise */
  K_LOAD,   /* addr; with mask a[0] (bool) != K_NONE: `bits` where the mask is false, and no access there */
  K_RANDOM, /* element a[1] (i64, row-major index of the draw) of the draw with key a[0] (u64), dist and site: what
               OP_random yields for that element */
  K_CHECK,  /* index check: a[0] (i64) when 0 <= a[0] < extent; else records RUN_BAD_INDEX (status, bad_node =
               node, bad_region, bad_index, bad_extent of the Context) and yields 0 */
  K_ACC,    /* accumulator of `width` lanes, initial value a[0]; used as an operand of K_GET, K_SET, K_LANES only */
  K_GET,    /* present value of accumulator a[0] */
  K_LANES,  /* lanes of accumulator a[0] combined with `op` (add mul max min and or) */
  K_FOR,    /* opens loop `loop`; its value is the iv (i64; in a vector loop one per lane): 0, 1, .. trip-1 */
  /* effects */
  K_END,      /* closes the innermost open loop; a[0] = its K_FOR */
  K_SET,      /* accumulator a[0] = a[1] */
  K_STORE,    /* addr, value a[0]; where mask a[1] (bool, K_NONE = always) */
  K_MICRO,    /* micro-GEMM: kernel->micro[micro] */
  K_CALL,     /* runtime function: kernel->call[call] */
  K_PREFETCH, /* the line of addr will be read soon: changes nothing */
  K_KIND_COUNT
} KKind;

typedef struct KInst {
  uint8_t kind, dtype;
  uint16_t op;   /* K_OP, K_LANES: a row of the op table */
  KVal a[3];     /* K_NONE where unused */
  uint32_t aux;  /* K_LOAD, K_STORE, K_PREFETCH: index in addr; K_FOR: in loop; K_MICRO: in micro; K_CALL: in call;
                    K_CHECK: in check; K_RANDOM: in draw; K_ACC: width */
  uint64_t bits; /* K_LIT; K_LOAD: fill under a false mask */
} KInst;

typedef enum { KL_SERIAL, KL_VECTOR, KL_UNROLL } KLoopKind;
typedef struct KLoop {
  uint8_t kind; /* unroll: extent is small and constant, cap is K_NONE; emit as straight code */
  bool overrun; /* vector: see above */
  uint32_t width;
  int64_t extent; /* trip count = max(0, min(extent, cap)) */
  KVal cap;       /* i64 value, or K_NONE */
} KLoop;

/* c[i*c_row + j] (+)= sum_k a[i*a_row + k*a_k] * b[k*b_k + j], i < mr, j < nv vectors of columns, k = 0, 1, .. depth-1
 * in order. C is scratch; A is any strided matrix; B has unit column stride and may be read up to the full width past
 * its row end (the result is discarded). Addresses name element (0, 0). Vectors of columns that begin at or beyond
 * columns_cap are left alone: the last panel of a matrix need not multiply what is outside it. */
typedef struct KMicro {
  uint8_t dtype, mr, nv; /* f32 or f64 */
  uint16_t columns;      /* in nv vectors of the target */
  KVal columns_cap;      /* i64 value above 0, or K_NONE */
  bool accumulate;       /* += instead of = */
  uint32_t a, b, c;      /* indices in addr */
  int64_t a_row, a_k, b_k, c_row;
  int64_t depth;  /* K */
  KVal depth_cap; /* K = min(depth, cap) when not K_NONE */
} KMicro;

/* Columns in whole vectors that the micro-kernel computes when `left` are left of the matrix. */
static inline int64_t k_micro_columns(const KMicro *m, int64_t left) {
  int64_t lanes = m->columns / m->nv, vectors = (left + lanes - 1) / lanes;
  return vectors < m->nv ? vectors * lanes : m->columns;
}

/* With a cap on the columns it is one of several micro-kernels, as many vectors wide as there are columns left. */
static inline uint32_t k_micro_least(const KMicro *m) { return m->columns_cap == K_NONE ? m->nv : 1; }
static inline KMicro k_micro_narrow(const KMicro *m, uint32_t nv) {
  KMicro n = *m;
  n.columns = (uint16_t)(m->columns / m->nv * nv), n.nv = (uint8_t)nv, n.columns_cap = K_NONE;
  return n;
}

/* A call through Context.api (fields of RuntimeApi, same order of arguments). Buffers go as addresses, everything else
 * as integers. A function with a status records RUN_LAPACK and the node when it is not 0. */
typedef enum {
  KC_SGEMM,
  KC_DGEMM,
  KC_CHOLESKY,
  KC_TRI_SOLVE,
  KC_SOLVE,
  KC_SLOGDET,
  KC_EIGH,
  KC_SVD,
  KC_SORT,
  KC_COUNT
} KCallee;
typedef struct KCallArg {
  uint8_t kind; /* 0: integer literal `i`; 1: integer value `v`; 2: address `v` (index in addr); 3: null pointer */
  KVal v;
  int64_t i;
} KCallArg;
enum { KCA_INT, KCA_VALUE, KCA_ADDR, KCA_NULL };
typedef struct KCall {
  uint8_t callee, n;
  KCallArg arg[12];
  NodeId node;
  RegionId region;
} KCall;
typedef struct KCheck {
  int64_t extent;
  NodeId node;
  RegionId region;
} KCheck;
typedef struct KDraw {
  uint8_t dist;
  uint64_t site;
} KDraw;

typedef struct KKernel {
  const char *name; /* readable: template and first node; not part of its identity */
  uint32_t n_args;
  Vec(KInst) inst;
  Vec(KBuf) buf;
  Vec(KLoop) loop;
  Vec(KAddr) addr;
  Vec(KTerm) term;
  Vec(KMicro) micro;
  Vec(KCall) call;
  Vec(KCheck) check;
  Vec(KDraw) draw;
  double cost_ns; /* estimate of all tasks together on one core */
} KKernel;

/* ---------------------------------------------------------------- step programs */

typedef enum PSpace {
  PS_CELLS,   /* Context.cells + offset */
  PS_TEMPS,   /* Context.temps + offset */
  PS_CONSTS,  /* the program's constant bytes (KProgram.consts) + offset; read only */
  PS_FIELD,   /* Context.field[index] + offset; read only */
  PS_ROWS,    /* (char *)(Context.order + Context.position) + offset; read only */
  PS_CONTEXT, /* (char *)Context + offset: step, epoch, key */
  PS_VALUE    /* Context.value[index] + offset */
} PSpace;

/* An address that depends on the loops around it. */
typedef struct PTerm {
  uint32_t loop;  /* index of its P_LOOP */
  bool parity;    /* stride * (trips so far & 1) instead of stride * iv: two buffers swapped by pointer */
  int64_t stride; /* bytes */
} PTerm;
typedef struct PRef {
  uint8_t space;
  uint32_t index;
  int64_t offset;    /* bytes */
  uint32_t first, n; /* terms: program->term[first .. first+n) */
} PRef;

typedef enum PKind {
  P_LAUNCH,       /* kernel[index] on args ref[first .. first+n), `tasks` tasks; tasks == 1: a plain call, or the
                     body itself when `in_line`; else Context.api->parallel */
  P_LOOP,         /* count trips; iv = 0 .. count-1, or count-1 .. 0 when reverse; closed by P_END. Nests. */
  P_END,          /* index = its P_LOOP */
  P_SET_IV,       /* *(int64_t *)ref = iv of loop `index` */
  P_BREAK_UNLESS, /* leaves loop `index`, the innermost, when the bool at ref is 0 */
  P_TRIPS,        /* *(int64_t *)ref = completed trips of loop `index`, which stands before */
  P_CHECK_FINITE  /* the float scalar of `dtype` at ref: not finite -> return RUN_NOT_FINITE with bad_node = node */
} PKind;

typedef struct PInst {
  uint8_t kind, dtype;
  bool in_line, reverse;
  uint32_t index;
  uint32_t first, n; /* refs: program->ref[first .. first+n) */
  int64_t tasks, count;
  NodeId node;
  RegionId region;
} PInst;

/* What the exported function does, n times: every instruction in order; then, when Context.status is set, returns it;
 * then step += 1, position += rows; then returns RUN_STOPPED when *stop is not 0 (and stop is not NULL). Returns
 * RUN_OK after n steps. */
typedef struct KProgram {
  const char *name; /* of the exported function */
  Vec(KKernel *) kernel;
  Vec(PInst) inst;
  Vec(PRef) ref;
  Vec(PTerm) term;
  int64_t rows;  /* by which Context.position advances a step; 0 without data */
  bool measured; /* every launch goes through Context.api->parallel, so that the host can time it; none is in line */
  uint64_t temp_bytes;
  uint8_t *consts; /* literals and constant tensors, 64-byte aligned blocks; not part of the code's identity */
  uint64_t n_consts;
} KProgram;

KKernel *k_kernel_new(void);
void k_kernel_free(KKernel *k);
KProgram *k_program_new(const char *name);
void k_program_free(KProgram *p); /* with its kernels */

extern const char *const k_kind_names[K_KIND_COUNT];
extern const char *const k_callee_names[KC_COUNT];

/* Text forms. Without the name a kernel's text is canonical: equal text means equal code. */
void k_print_kernel(const KKernel *k, bool with_name, StrBuf *out);
void k_print_program(const KProgram *p, StrBuf *out); /* kernels, then the step */
/* The step alone, without kernels' names nor constants' values: identity of its code. */
void k_print_steps(const KProgram *p, StrBuf *out);
/* Operands defined before use and in scope, dtypes, loops closed, addresses' terms i64, accumulators' rules. Returns
 * NULL, or what is wrong (static or arena text). */
const char *k_verify(const KKernel *k, Arena *mem);

struct Context;
/* Interpreter (tests): runs the program's step n times on the Context, everything serial. */
int32_t k_run(const KProgram *p, struct Context *c, int64_t n);

#endif
