#include "driver/commands.h"
#include "driver/picture.h"
#include "driver/session/load.h"
#include "ir/passes/passes.h"

int cmd_opt(const Options *o) {
  Loaded l = {0};
  StrBuf text = {0};
  Module *m = NULL;
  PassOptions po = {.verify_each = o->verify_each, .print_after = o->print_after, .print_to = stderr};
  bool ok = load_source(&l, o->word[0]) && (m = ir_parse(&l.sources, l.source, &l.sink)) && ir_verify(m, &l.sink) &&
            pass_run_named(m, o->passes ? o->passes : "", &po, &l.sink);
  if (ok) ir_print(m, IR_NONE, &text);
  int status = load_report(&l, o);
  if (ok) status = write_text(NULL, text.s ? text.s : "", text.n);
  sb_free(&text);
  if (m) ir_module_free(m);
  load_free(&l);
  return status;
}
