/* Built-in functions that are not there yet: a clear error. */
#include "frontend/elab/internal.h"

static Val later(BuiltinCall *c) { return elab_error(c->E, "E0900", c->span, "`%s` is not there yet", c->row->name); }

Val bi_einsum(BuiltinCall *c) { return later(c); }
Val bi_solve(BuiltinCall *c) { return later(c); }
Val bi_inv(BuiltinCall *c) { return later(c); }
Val bi_det(BuiltinCall *c) { return later(c); }
Val bi_slogdet(BuiltinCall *c) { return later(c); }
Val bi_cholesky(BuiltinCall *c) { return later(c); }
Val bi_tri_solve(BuiltinCall *c) { return later(c); }
Val bi_eigh(BuiltinCall *c) { return later(c); }
Val bi_svd(BuiltinCall *c) { return later(c); }
Val bi_convolve(BuiltinCall *c) { return later(c); }
Val bi_convolve_transpose(BuiltinCall *c) { return later(c); }
Val bi_pool(BuiltinCall *c) { return later(c); }
