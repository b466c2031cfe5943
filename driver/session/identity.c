/* What makes two runs the same run: hashes of the model's text, the settings in force and the data. */
#include "codegen/object/cache.h"
#include "driver/session/session.h"
#include "runtime/base/strbuf.h"
#include <string.h>

static const char *hex_of(Session *s, const StrBuf *text, const char *what) {
  CacheKey k = cache_key(text->s ? text->s : "", text->n, what);
  return arena_printf(&s->engine.mem, "%016llx%016llx", (unsigned long long)k.h[0], (unsigned long long)k.h[1]);
}

/* The file itself and those it names with `use`; the library belongs to the program. */
static void put_files(const Session *s, StrBuf *b) {
  for (uint32_t i = 0; i < s->l->sources.source.n; i++) {
    const Source *file = &s->l->sources.source.at[i];
    if (!file->library) sb_write(b, file->text, file->length), sb_putc(b, 0);
  }
}

/* Hyperparameters and directives, the types of all cells (and so --dtype), and the tasks there are. */
static void put_settings(const Session *s, StrBuf *b) {
  for (uint32_t i = 0; i < s->l->elab.n_settings; i++)
    sb_printf(b, "%s=%s\n", s->l->elab.setting[i].name, s->l->elab.setting[i].value);
  for (CellId i = 0; i < s->m->cell.n; i++)
    sb_printf(b, "%s:%s\n", s->m->cell.at[i].name, ir_type_str(s->m, s->m->cell.at[i].type));
  for (TaskId i = 0; i < s->m->task.n; i++) {
    const Task *t = &s->m->task.at[i];
    sb_printf(b, "%s %lld %lld %lld\n", t->name, (long long)t->epochs, (long long)t->steps, (long long)t->batch);
  }
}

/* Names, types and both ends of every stored tensor: another data set differs somewhere there, and reading all of a
 * large one would take longer than starting the run. */
static void put_data(const Session *s, StrBuf *b) {
  enum { sample = 1 << 16 };
  for (uint32_t i = 0; i < s->m->field.n; i++) {
    const Field *f = &s->m->field.at[i];
    const Type *t = ir_type_get(s->m, f->type);
    size_t n = (size_t)ir_elements(t) * ir_dtype_size(t->dtype), k = n < sample ? n : sample;
    sb_printf(b, "%s:%s\n", f->name, ir_type_str(s->m, f->type));
    if (!f->bytes) continue;
    sb_write(b, f->bytes, k);
    sb_write(b, (const char *)f->bytes + (n - k), k);
  }
}

RunIdentity session_identity(Session *s) {
  StrBuf files = {0}, settings = {0};
  put_files(s, &files);
  put_settings(s, &settings);
  RunIdentity id = {hex_of(s, &files, "model"), hex_of(s, &settings, "settings"), NULL};
  sb_free(&files);
  sb_free(&settings);
  return id;
}

bool session_data(Session *s) {
  if (s->identity.data) return true;
  if (!elaborated_wait(&s->l->elab, s->sink)) return false;
  StrBuf data = {0};
  put_data(s, &data);
  s->identity.data = hex_of(s, &data, "data");
  sb_free(&data);
  return true;
}
