/* The C header of a built task: one struct of typed pointers and the functions around it. */
#include "driver/build/built.h"
#include <ctype.h>
#include <string.h>

static const char *const c_type[] = {
    [DT_BOOL] = "uint8_t", [DT_U8] = "uint8_t",   [DT_I32] = "int32_t", [DT_I64] = "int64_t",
    [DT_U32] = "uint32_t", [DT_U64] = "uint64_t", [DT_F32] = "float",   [DT_F64] = "double"};

/* The members of one role as a struct of their own. */
static const struct {
  SeppoRole role;
  const char *member, *comment;
} group[] = {{SEPPO_INPUT, "in", "written by you before a run"},
             {SEPPO_DATA, "data", "the data set, as stored"},
             {SEPPO_OUTPUT, "out", "written by a run"},
             {SEPPO_PARAM, "param", "trained parameters"},
             {SEPPO_STATE, "state", "states and constants"}};
enum { n_groups = sizeof group / sizeof *group };

static const char *upper(Arena *mem, const char *text) {
  char *out = arena_strdup(mem, text);
  for (char *p = out; *p; p++) *p = (char)toupper((unsigned char)*p);
  return out;
}

/* Text for a string or a comment: what would end either is escaped. */
static void put_text(StrBuf *out, const char *text) {
  for (const char *p = text; *p; p++) {
    if (*p == '"' || *p == '\\')
      sb_printf(out, "\\%c", *p);
    else if (*p == '*' || (unsigned char)*p < ' ')
      sb_printf(out, "\\%03o", (unsigned)(unsigned char)*p);
    else
      sb_putc(out, *p);
  }
}

static bool is_empty(const ImageTensor *t) { return t->elements == 0; }

/* "float (*", "x", ")[784]": a pointer to the rows of the tensor, so that x[i][j] is its element. */
static void put_pointer(StrBuf *out, const BuiltTensor *t, const char *member) {
  const char *constant = t->at.role == SEPPO_OUTPUT ? "const " : "";
  bool rows = t->at.rank > 1 && !is_empty(&t->at);
  sb_printf(out, rows ? "%s%s (*%s)" : "%s%s *%s", constant, c_type[t->at.dtype], member);
  for (uint32_t k = 1; rows && k < t->at.rank; k++) sb_printf(out, "[%lld]", (long long)t->at.dim[k]);
}

static void put_shape(StrBuf *out, const ImageTensor *t) {
  sb_putc(out, '[');
  for (uint32_t k = 0; k < t->rank; k++) sb_printf(out, k ? ", %lld" : "%lld", (long long)t->dim[k]);
  sb_putc(out, ']');
}

static bool shows(const BuiltTensor *t, SeppoRole role) { return t->member && t->at.role == role; }

static bool any_of(const Built *b, SeppoRole role) {
  for (uint32_t i = 0; i < b->tensor.n; i++)
    if (shows(&b->tensor.at[i], role)) return true;
  return false;
}

static void put_group(const Built *b, StrBuf *out, uint32_t g) {
  if (!any_of(b, group[g].role)) return;
  sb_printf(out, "  struct { /* %s */\n", group[g].comment);
  for (uint32_t i = 0; i < b->tensor.n; i++) {
    const BuiltTensor *t = &b->tensor.at[i];
    if (!shows(t, group[g].role)) continue;
    sb_puts(out, "    ");
    put_pointer(out, t, t->member);
    sb_puts(out, "; /* ");
    put_shape(out, &t->at);
    if (strcmp(t->name, t->member)) sb_putc(out, ' '), put_text(out, t->name);
    sb_puts(out, " */\n");
  }
  sb_printf(out, "  } %s;\n", group[g].member);
}

static void put_sizes(const Built *b, StrBuf *out, Arena *mem) {
  sb_puts(out, "/* Elements of each tensor. */\n");
  for (uint32_t g = 0; g < n_groups; g++)
    for (uint32_t i = 0; i < b->tensor.n; i++) {
      const BuiltTensor *t = &b->tensor.at[i];
      if (!shows(t, group[g].role)) continue;
      sb_printf(out, "#define %s_%s_%s_SIZE %llu\n", upper(mem, b->name), upper(mem, group[g].member),
                upper(mem, t->member), (unsigned long long)t->at.elements);
    }
}

static void put_struct(const Built *b, StrBuf *out) {
  sb_printf(out, "\ntypedef struct %s {\n  SeppoTask *task; /* for the functions of seppo.h */\n", b->name);
  for (uint32_t g = 0; g < n_groups; g++) put_group(b, out, g);
  sb_printf(out, "} %s;\n", b->name);
}

/* NAME_new fills the struct's pointers. */
static void put_new(const Built *b, StrBuf *out) {
  sb_printf(out,
            "\n/* Fills *m; `threads` counts the caller, 0: one per processor. Anything but SEPPO_OK: there is nothing "
            "to free. */\n"
            "static inline SeppoStatus %s_new(%s *m, int threads) {\n"
            "  SeppoStatus status = seppo_new(&%s_program, threads, &m->task);\n"
            "  if (status != SEPPO_OK) return status;\n",
            b->name, b->name, b->name);
  for (uint32_t g = 0; g < n_groups; g++)
    for (uint32_t i = 0; i < b->tensor.n; i++) {
      const BuiltTensor *t = &b->tensor.at[i];
      if (!shows(t, group[g].role)) continue;
      sb_printf(out, "  m->%s.%s = (", group[g].member, t->member);
      put_pointer(out, t, "");
      sb_puts(out, ")seppo_tensor(m->task, \"");
      put_text(out, t->name);
      sb_puts(out, "\")->data;\n");
    }
  sb_puts(out, "  return SEPPO_OK;\n}\n");
}

static void put_run(const Built *b, StrBuf *out) {
  const char *n = b->name;
  if (b->task->kind == TASK_TRAIN)
    sb_printf(out,
              "\n/* `steps` steps of training. */\n"
              "static inline SeppoStatus %s_run(%s *m, int64_t steps) { return seppo_run(m->task, steps); }\n",
              n, n);
  else
    sb_printf(out, "\nstatic inline SeppoStatus %s_run(%s *m) { return seppo_run(m->task, 1); }\n", n, n);
  for (uint32_t i = 0; i < b->tensor.n; i++) {
    const BuiltTensor *t = &b->tensor.at[i];
    if (!shows(t, SEPPO_LOG)) continue;
    sb_printf(out,
              "\n/* The mean of what was logged since the last call. */\n"
              "static inline double %s_log_%s(%s *m) { return seppo_log(m->task, \"",
              n, t->member, n);
    put_text(out, t->name);
    sb_puts(out, "\"); }\n");
  }
  sb_printf(out, "\nstatic inline void %s_free(%s *m) {\n  seppo_free(m->task);\n  m->task = NULL;\n}\n", n, n);
}

void built_header(const Built *b, StrBuf *out) {
  Arena mem = {0};
  const char *n = b->name, *guard = upper(&mem, n);
  sb_printf(out, "/* %s.h: the task `%s` of ", n, b->task->name);
  put_text(out, b->file);
  sb_printf(out,
            ", built ahead of time by `seppo build`;\n * its parameters are %s.\n *\n"
            " *   cc program.c %s.o libseppo.a -lpthread -ldl -lm\n *\n"
            " * Tensors are row-major. Their memory belongs to the task; what is not `const` may be written between "
            "runs. */\n",
            b->model, n);
  sb_printf(out, "#ifndef %s_H\n#define %s_H\n\n#include \"seppo.h\"\n\n", guard, guard);
  sb_printf(out, "#ifdef __cplusplus\nextern \"C\" {\n#endif\nextern const SeppoProgram %s_program; /* in %s.o */\n", n,
            n);
  sb_puts(out, "#ifdef __cplusplus\n}\n#endif\n\n");
  put_sizes(b, out, &mem);
  put_struct(b, out);
  put_new(b, out);
  put_run(b, out);
  sb_printf(out, "\n#endif\n");
  arena_free(&mem);
}
