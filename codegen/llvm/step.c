/* The exported step function: launches, loops and checks of a KProgram, run n times.
 *
 * Addresses that do not depend on the step are computed once, at entry; each launch has its own argument array there,
 * and only what changes (slices of a loop, the rows of the batch) is stored again before the call. LLVM's time grows
 * faster than the length of a function, so a long program is cut into internal functions of some launches each, which
 * compute their addresses themselves.
 */
#include "codegen/llvm/emit.h"
#include "runtime/context.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum { CUT_FROM = 192, PART = 48 };

typedef struct StepLoop {
  uint32_t inst; /* its P_LOOP */
  LLVMBasicBlockRef body, after;
  Val trip, iv;  /* trips so far; the loop's own counter */
  Val completed; /* phi in `after` */
} StepLoop;

typedef struct StepEmit {
  Emit *e;
  LLVMBuilderRef b;
  const Unit *u;
  const KProgram *p;
  Val context, cells, temps, consts, rows;
  Val *base;      /* by ref: pointer loaded at entry for a field or value, else NULL */
  Val *arguments; /* by instruction: argument array of a launch */
  StepLoop *loop; /* by instruction */
  uint32_t *open; /* stack of open loops */
  uint32_t n_open;
  bool cut; /* into functions of PART instructions */
  uint32_t n_parts;
  LLVMBasicBlockRef leave; /* returns `result` */
  Val result;              /* phi there */
} StepEmit;

static Val field_at(StepEmit *s, size_t offset) {
  return emit_byte_address(s->e, s->context, emit_i64(s->e, (int64_t)offset));
}

static Val load_field(StepEmit *s, LLVMTypeRef type, size_t offset) {
  return LLVMBuildLoad2(s->b, type, field_at(s, offset), "");
}

static Val indexed(StepEmit *s, size_t table, uint32_t index) {
  Val at = load_field(s, s->e->ptr, table);
  return LLVMBuildLoad2(s->b, s->e->ptr, emit_byte_address(s->e, at, emit_i64(s->e, 8 * (int64_t)index)), "");
}

static Val space_base(StepEmit *s, uint32_t n) {
  const PRef *r = &s->p->ref.at[n];
  switch ((PSpace)r->space) {
  case PS_CELLS: return s->cells;
  case PS_TEMPS: return s->temps;
  case PS_CONSTS: return s->consts;
  case PS_FIELD: return s->base[n] ? s->base[n] : indexed(s, offsetof(Context, field), r->index);
  case PS_VALUE: return s->base[n] ? s->base[n] : indexed(s, offsetof(Context, value), r->index);
  case PS_ROWS: return s->rows;
  case PS_CONTEXT: return s->context;
  }
  emit_fail(s->e, "step program names space %u", r->space);
  return s->context;
}

/* The same address in every step. */
static bool is_fixed(const PRef *r) { return r->n == 0 && r->space != PS_ROWS; }

static Place ref_place(StepEmit *s, uint32_t n) {
  const PRef *r = &s->p->ref.at[n];
  Place p = {space_base(s, n), r->offset};
  for (uint32_t t = 0; t < r->n; t++) {
    const PTerm *term = &s->p->term.at[r->first + t];
    const StepLoop *l = &s->loop[term->loop];
    Val v = term->parity ? LLVMBuildAnd(s->b, l->trip, emit_i64(s->e, 1), "") : l->iv;
    p.base = emit_byte_address(s->e, p.base, LLVMBuildMul(s->b, v, emit_i64(s->e, term->stride), ""));
  }
  return p;
}

static Val ref_address(StepEmit *s, uint32_t n) {
  const Place p = ref_place(s, n);
  return p.offset ? emit_byte_address(s->e, p.base, emit_i64(s->e, p.offset)) : p.base;
}

/* ---------------------------------------------------------------- instructions */

static void store_argument(StepEmit *s, Val array, uint32_t i, Val address) {
  LLVMBuildStore(s->b, address, emit_byte_address(s->e, array, emit_i64(s->e, 8 * (int64_t)i)));
}

static void emit_inline(StepEmit *s, const PInst *i) {
  Place *args = calloc(i->n + 1, sizeof *args);
  for (uint32_t a = 0; a < i->n; a++) args[a] = ref_place(s, i->first + a);
  emit_kernel_body(s->e, s->p->kernel.at[i->index], s->context, args, emit_i64(s->e, 0));
  free(args);
}

static void emit_launch(StepEmit *s, uint32_t n) {
  const PInst *i = &s->p->inst.at[n];
  Emit *e = s->e;
  if (i->in_line && i->tasks == 1) {
    emit_inline(s, i);
    return;
  }
  Val array = s->arguments[n], f = emit_declare(e, s->u->kernel_symbol[i->index], emit_kernel_type(e));
  for (uint32_t a = 0; a < i->n; a++)
    if (s->cut || !is_fixed(&s->p->ref.at[i->first + a])) store_argument(s, array, a, ref_address(s, i->first + a));
  if (i->tasks == 1 && !s->p->measured) {
    LLVMBuildCall2(s->b, emit_kernel_type(e), f, (Val[]){s->context, array, emit_i64(e, 0)}, 3, "");
    return;
  }
  LLVMTypeRef params[] = {e->ptr, e->ptr, e->ptr, e->i64};
  Val api = load_field(s, e->ptr, offsetof(Context, api)), args[] = {s->context, f, array, emit_i64(e, i->tasks)};
  Val at = emit_byte_address(e, api, emit_i64(e, offsetof(RuntimeApi, parallel)));
  LLVMBuildCall2(s->b, LLVMFunctionType(e->none, params, 4, false), LLVMBuildLoad2(s->b, e->ptr, at, ""), args, 4, "");
}

static void open_loop(StepEmit *s, uint32_t n) {
  const PInst *i = &s->p->inst.at[n];
  Emit *e = s->e;
  LLVMBasicBlockRef before = emit_here(e);
  StepLoop *l = &s->loop[n];
  *l = (StepLoop){.inst = n, .body = emit_block(e, "trip"), .after = emit_block(e, "done")};
  emit_at(e, l->after);
  l->completed = LLVMBuildPhi(s->b, e->i64, "");
  emit_at(e, before);
  if (i->count > 0) {
    LLVMBuildBr(s->b, l->body);
  } else {
    LLVMBuildCondBr(s->b, LLVMConstInt(e->i1, 1, false), l->after, l->body);
    LLVMAddIncoming(l->completed, (Val[]){emit_i64(e, 0)}, &before, 1);
  }
  emit_at(e, l->body);
  l->trip = LLVMBuildPhi(s->b, e->i64, "");
  LLVMAddIncoming(l->trip, (Val[]){emit_i64(e, 0)}, &before, 1);
  l->iv = i->reverse ? LLVMBuildSub(s->b, emit_i64(e, i->count - 1), l->trip, "") : l->trip;
  s->open[s->n_open++] = n;
}

static void close_loop(StepEmit *s) {
  StepLoop *l = &s->loop[s->open[--s->n_open]];
  Emit *e = s->e;
  Val next = LLVMBuildAdd(s->b, l->trip, emit_i64(e, 1), "");
  LLVMBasicBlockRef latch = emit_here(e);
  LLVMAddIncoming(l->trip, &next, &latch, 1);
  LLVMAddIncoming(l->completed, &next, &latch, 1);
  Val more = LLVMBuildICmp(s->b, LLVMIntSLT, next, emit_i64(e, s->p->inst.at[l->inst].count), "");
  LLVMBuildCondBr(s->b, more, l->body, l->after);
  emit_at(e, l->after);
}

static void break_unless(StepEmit *s, const PInst *i) {
  StepLoop *l = &s->loop[i->index];
  Emit *e = s->e;
  LLVMBasicBlockRef here = emit_here(e), go_on = emit_block(e, "go_on");
  Val flag = LLVMBuildLoad2(s->b, e->i8, ref_address(s, i->first), "");
  LLVMBuildCondBr(s->b, LLVMBuildICmp(s->b, LLVMIntNE, flag, LLVMConstNull(e->i8), ""), go_on, l->after);
  LLVMAddIncoming(l->completed, &l->trip, &here, 1);
  emit_at(e, go_on);
}

/* Ends the run with a status when `when` holds. */
static void leave_when(StepEmit *s, Val when, Val status) {
  LLVMBasicBlockRef here = emit_here(s->e), go_on = emit_block(s->e, "go_on");
  LLVMBuildCondBr(s->b, when, s->leave, go_on);
  LLVMAddIncoming(s->result, &status, &here, 1);
  emit_at(s->e, go_on);
}

static void check_finite(StepEmit *s, const PInst *i) {
  Emit *e = s->e;
  LLVMTypeRef t = emit_type(e, i->dtype);
  Val v = LLVMBuildLoad2(s->b, t, ref_address(s, i->first), "");
  Val good = LLVMBuildFCmp(s->b, LLVMRealOLT, emit_abs(e, v), emit_float(t, __builtin_inf()), "");
  LLVMBasicBlockRef bad = emit_block(e, "not_finite"), go_on = emit_block(e, "finite");
  LLVMBuildCondBr(s->b, good, go_on, bad);
  emit_at(e, bad);
  LLVMBuildStore(s->b, emit_i32(e, (int32_t)i->node), field_at(s, offsetof(Context, bad_node)));
  LLVMBuildStore(s->b, emit_i32(e, (int32_t)i->region), field_at(s, offsetof(Context, bad_region)));
  LLVMBuildBr(s->b, s->leave);
  LLVMAddIncoming(s->result, (Val[]){emit_i32(e, RUN_NOT_FINITE)}, &bad, 1);
  emit_at(e, go_on);
}

static void emit_instruction(StepEmit *s, uint32_t n) {
  const PInst *i = &s->p->inst.at[n];
  switch ((PKind)i->kind) {
  case P_LAUNCH: emit_launch(s, n); break;
  case P_LOOP: open_loop(s, n); break;
  case P_END: close_loop(s); break;
  case P_SET_IV: LLVMBuildStore(s->b, s->loop[i->index].iv, ref_address(s, i->first)); break;
  case P_BREAK_UNLESS: break_unless(s, i); break;
  case P_TRIPS: LLVMBuildStore(s->b, s->loop[i->index].completed, ref_address(s, i->first)); break;
  case P_CHECK_FINITE: check_finite(s, i); break;
  }
}

/* ---------------------------------------------------------------- the function */

static Val constants_address(StepEmit *s) {
  char name[256];
  snprintf(name, sizeof name, "%s.consts", s->p->name);
  Val at = LLVMGetNamedGlobal(s->e->module, name);
  if (!at) {
    at = LLVMAddGlobal(s->e->module, s->e->ptr, name);
    LLVMSetInitializer(at, LLVMConstNull(s->e->ptr));
    LLVMSetVisibility(at, LLVMHiddenVisibility);
  }
  return LLVMBuildLoad2(s->b, s->e->ptr, at, "");
}

static void emit_bases(StepEmit *s) {
  s->cells = load_field(s, s->e->ptr, offsetof(Context, cells));
  s->temps = load_field(s, s->e->ptr, offsetof(Context, temps));
  s->consts = constants_address(s);
}

/* First of the batch's row numbers. */
static void emit_rows(StepEmit *s) {
  if (!s->p->rows) return;
  Val position = load_field(s, s->e->i64, offsetof(Context, position));
  Val order = load_field(s, s->e->ptr, offsetof(Context, order));
  s->rows = emit_byte_address(s->e, order, LLVMBuildMul(s->b, position, emit_i64(s->e, sizeof(int32_t)), ""));
}

static bool is_call(const PInst *i) { return i->kind == P_LAUNCH && !(i->in_line && i->tasks == 1); }

/* The argument array of every launch, and in it what is the same in every step. Addresses are made where they are
 * stored: many values alive at once would cost LLVM more than the code. */
static void emit_arguments(StepEmit *s) {
  Emit *e = s->e;
  for (uint32_t n = 0; n < s->p->inst.n; n++) {
    const PInst *i = &s->p->inst.at[n];
    bool call = is_call(i);
    if (call) s->arguments[n] = LLVMBuildAlloca(s->b, LLVMArrayType2(e->ptr, i->n), "args");
    for (uint32_t a = 0; a < i->n; a++) {
      const PRef *r = &s->p->ref.at[i->first + a];
      if (r->space == PS_FIELD) s->base[i->first + a] = indexed(s, offsetof(Context, field), r->index);
      if (r->space == PS_VALUE) s->base[i->first + a] = indexed(s, offsetof(Context, value), r->index);
      if (call && is_fixed(r)) store_argument(s, s->arguments[n], a, ref_address(s, i->first + a));
    }
  }
}

/* One array serves all launches of a part, one after the other. */
static void emit_shared_array(StepEmit *s, uint32_t begin, uint32_t end) {
  uint32_t most = 1;
  for (uint32_t n = begin; n < end; n++)
    if (is_call(&s->p->inst.at[n]) && s->p->inst.at[n].n > most) most = s->p->inst.at[n].n;
  Val array = LLVMBuildAlloca(s->b, LLVMArrayType2(s->e->ptr, most), "args");
  for (uint32_t n = begin; n < end; n++) s->arguments[n] = array;
}

/* ---------------------------------------------------------------- long programs */

/* Opens a part's function (context, trips of the open loops): the builder and everything of `s` that belongs to a
 * function now belong to it. */
static Val open_part(StepEmit *s, LLVMTypeRef type) {
  Emit *e = s->e;
  char name[300];
  snprintf(name, sizeof name, "%s.part%u", s->p->name, s->n_parts++);
  Val f = emit_function(e, name, type, false);
  s->context = LLVMGetParam(f, 0);
  for (uint32_t l = 0; l < s->n_open; l++) {
    StepLoop *loop = &s->loop[s->open[l]];
    const PInst *i = &s->p->inst.at[loop->inst];
    loop->trip = LLVMGetParam(f, l + 1);
    loop->iv = i->reverse ? LLVMBuildSub(s->b, emit_i64(e, i->count - 1), loop->trip, "") : loop->trip;
  }
  emit_bases(s);
  emit_rows(s);
  LLVMBasicBlockRef entry = emit_here(e);
  s->leave = emit_block(e, "leave");
  emit_at(e, s->leave);
  s->result = LLVMBuildPhi(s->b, e->i32, "");
  LLVMBuildRet(s->b, s->result);
  emit_at(e, entry);
  return f;
}

/* Instructions begin .. end as a function of their own, and its call. */
static void emit_part(StepEmit *s, uint32_t begin, uint32_t end) {
  Emit *e = s->e;
  StepEmit outer = *s;
  Val function = e->function;
  LLVMBasicBlockRef here = emit_here(e);
  LLVMTypeRef *params = calloc(s->n_open + 1, sizeof *params);
  Val *args = calloc(s->n_open + 1, sizeof *args), *iv = calloc(s->n_open + 1, sizeof *iv);
  params[0] = e->ptr, args[0] = s->context;
  for (uint32_t l = 0; l < s->n_open; l++)
    params[l + 1] = e->i64, args[l + 1] = s->loop[s->open[l]].trip, iv[l] = s->loop[s->open[l]].iv;
  LLVMTypeRef type = LLVMFunctionType(e->i32, params, s->n_open + 1, false);
  Val part = open_part(s, type), ok = emit_i32(e, RUN_OK);
  emit_shared_array(s, begin, end);
  for (uint32_t i = begin; i < end && !e->error; i++) emit_instruction(s, i);
  LLVMBasicBlockRef last = emit_here(e);
  LLVMBuildBr(s->b, s->leave);
  LLVMAddIncoming(s->result, &ok, &last, 1);
  outer.n_parts = s->n_parts;
  *s = outer;
  for (uint32_t l = 0; l < s->n_open; l++) s->loop[s->open[l]].trip = args[l + 1], s->loop[s->open[l]].iv = iv[l];
  e->function = function;
  emit_at(e, here);
  Val status = LLVMBuildCall2(s->b, type, part, args, s->n_open + 1, "");
  leave_when(s, LLVMBuildICmp(s->b, LLVMIntNE, status, ok, ""), status);
  free(params), free(args), free(iv);
}

static bool stays_outside(const PInst *i) {
  return i->kind != P_LAUNCH && i->kind != P_CHECK_FINITE && i->kind != P_SET_IV;
}

static void emit_instructions(StepEmit *s) {
  const KProgram *p = s->p;
  for (uint32_t i = 0; i < p->inst.n && !s->e->error;) {
    uint32_t end = i;
    while (s->cut && end < p->inst.n && end - i < PART && !stays_outside(&p->inst.at[end])) end++;
    if (end > i)
      emit_part(s, i, end);
    else
      emit_instruction(s, end++);
    i = end;
  }
}

static void add_to_field(StepEmit *s, size_t offset, int64_t by) {
  Val v = LLVMBuildAdd(s->b, load_field(s, s->e->i64, offset), emit_i64(s->e, by), "");
  LLVMBuildStore(s->b, v, field_at(s, offset));
}

/* What follows the instructions of a step: a failure ends the run, a wish to stop does so after counting the step. */
static void emit_step_end(StepEmit *s) {
  Emit *e = s->e;
  Val status = load_field(s, e->i32, offsetof(Context, status));
  leave_when(s, LLVMBuildICmp(s->b, LLVMIntNE, status, emit_i32(e, 0), ""), status);
  add_to_field(s, offsetof(Context, step), 1);
  if (s->p->rows) add_to_field(s, offsetof(Context, position), s->p->rows);
  Val stop = load_field(s, e->ptr, offsetof(Context, stop));
  LLVMBasicBlockRef here = emit_here(e), ask = emit_block(e, "ask"), go_on = emit_block(e, "next");
  (void)here;
  LLVMBuildCondBr(s->b, LLVMBuildIsNull(s->b, stop, ""), go_on, ask);
  emit_at(e, ask);
  Val wish = LLVMBuildLoad2(s->b, e->i32, stop, "");
  LLVMSetVolatile(wish, true);
  LLVMBuildCondBr(s->b, LLVMBuildICmp(s->b, LLVMIntNE, wish, emit_i32(e, 0), ""), s->leave, go_on);
  LLVMAddIncoming(s->result, (Val[]){emit_i32(e, RUN_STOPPED)}, &ask, 1);
  emit_at(e, go_on);
}

static void emit_steps(StepEmit *s, Val n) {
  Emit *e = s->e;
  LLVMBasicBlockRef entry = emit_here(e), step = emit_block(e, "step");
  s->leave = emit_block(e, "leave");
  emit_at(e, s->leave);
  s->result = LLVMBuildPhi(s->b, e->i32, "");
  LLVMBuildRet(s->b, s->result);
  emit_at(e, entry);
  Val ok = emit_i32(e, RUN_OK);
  LLVMBuildCondBr(s->b, LLVMBuildICmp(s->b, LLVMIntSGT, n, emit_i64(e, 0), ""), step, s->leave);
  LLVMAddIncoming(s->result, &ok, &entry, 1);
  emit_at(e, step);
  Val count = LLVMBuildPhi(s->b, e->i64, "");
  emit_rows(s);
  emit_instructions(s);
  emit_step_end(s);
  Val next = LLVMBuildAdd(s->b, count, emit_i64(e, 1), "");
  LLVMBasicBlockRef latch = emit_here(e);
  LLVMAddIncoming(count, (Val[]){emit_i64(e, 0), next}, (LLVMBasicBlockRef[]){entry, latch}, 2);
  LLVMBuildCondBr(s->b, LLVMBuildICmp(s->b, LLVMIntSLT, next, n, ""), step, s->leave);
  LLVMAddIncoming(s->result, &ok, &latch, 1);
}

void emit_step(Emit *e, const Unit *u) {
  const KProgram *p = u->program;
  StepEmit s = {.e = e, .b = e->builder, .u = u, .p = p};
  LLVMTypeRef params[] = {e->ptr, e->i64};
  Val f = emit_function(e, p->name, LLVMFunctionType(e->i32, params, 2, false), true);
  s.context = LLVMGetParam(f, 0);
  s.base = calloc(p->ref.n + 1, sizeof *s.base);
  s.arguments = calloc(p->inst.n + 1, sizeof *s.arguments);
  s.loop = calloc(p->inst.n + 1, sizeof *s.loop);
  s.open = calloc(p->inst.n + 1, sizeof *s.open);
  s.cut = p->inst.n > CUT_FROM;
  emit_bases(&s);
  if (!s.cut) emit_arguments(&s);
  emit_steps(&s, LLVMGetParam(f, 1));
  free(s.base);
  free(s.arguments);
  free(s.loop);
  free(s.open);
}
