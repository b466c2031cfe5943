/* Shared inside the vector mathematics: a builder bound to one floating type, and polynomials for it. */
#ifndef SEPPO_CODEGEN_LLVM_VECMATH_H
#define SEPPO_CODEGEN_LLVM_VECMATH_H

#include "codegen/llvm/emit.h"

typedef struct Math {
  Emit *e;
  LLVMBuilderRef b;
  LLVMTypeRef t, it; /* the operand's type; integers of the same size and lanes */
  bool wide;         /* f64 */
  unsigned mantissa; /* 23 or 52 */
  int64_t bias;      /* 127 or 1023 */
} Math;

Math math_of(Emit *e, Val v);

Val m_const(const Math *m, double v);
Val m_int(const Math *m, int64_t v);
Val m_add(const Math *m, Val a, Val b);
Val m_sub(const Math *m, Val a, Val b);
Val m_mul(const Math *m, Val a, Val b);
Val m_div(const Math *m, Val a, Val b);
Val m_fma(const Math *m, Val a, Val b, Val c);
Val m_neg(const Math *m, Val a);
Val m_abs(const Math *m, Val a);
/* |a| with the sign of b */
Val m_copysign(const Math *m, Val a, Val b);
Val m_compare(const Math *m, LLVMRealPredicate p, Val a, double b);
Val m_to_int_bits(const Math *m, Val v);
Val m_from_int_bits(const Math *m, Val v);
/* The nearest integer (|v| below 2^22 or 2^51), as a float and as an integer. NaN gives NaN and some integer. */
Val m_round(const Math *m, Val v, Val *integer);

typedef struct Coefficients {
  const double *f32, *f64;
  unsigned n32, n64;
} Coefficients;
#define COEFFICIENTS(name)                                                                                             \
  ((Coefficients){name##32, name##64, sizeof name##32 / sizeof *name##32, sizeof name##64 / sizeof *name##64})
/* sum c_i x^i by Horner's rule */
Val m_poly(const Math *m, Val x, Coefficients c);
/* Part i of a constant split over several floats. */
#define M_PART(m, name, i) m_const(m, (m)->wide ? name##_64[i] : name##_32[i])

Val math_sin_cos(const Math *m, Val x, bool cosine);
/* Sine and cosine of 2 pi u, 0 <= u <= 1: relative accuracy up to the zeros. */
typedef struct Wave {
  Val sine, cosine;
} Wave;
Wave math_turns(const Math *m, Val u);
Val math_atan(const Math *m, Val x);
Val math_pow(const Math *m, Val a, Val b);
Val math_exp(const Math *m, Val x);
/* exp(x + low) for |low| far below the spacing of x */
Val math_exp_pair(const Math *m, Val x, Val low);
/* x = 2^e (1 + f), sqrt(1/2) <= 1 + f < sqrt(2), for x > 0; e as a float. `normal`: x is not denormal. */
typedef struct LogParts {
  Val e, f;
} LogParts;
LogParts math_log_parts(const Math *m, Val x, bool normal);

#endif
