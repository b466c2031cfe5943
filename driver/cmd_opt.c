#include "driver/commands.h"
#include "driver/picture.h"
#include "driver/session/load.h"
#include "ir/passes.h"

int cmd_opt(const Options *o) {
  Loaded l = {0};
  StrBuf text = {0};
  PassOptions po = {.verify_each = o->verify_each, .print_after = o->print_after, .print_to = stderr};
  bool ok = load_source(&l, o->word[0]) && (l.elab.module = ir_parse(&l.sources, l.source, &l.sink)) &&
            ir_verify(l.elab.module, &l.sink) &&
            pass_run_named(l.elab.module, o->passes ? o->passes : "", &po, &l.sink);
  if (ok) ir_print(l.elab.module, IR_NONE, &text);
  int status = load_report(&l, o);
  if (ok) status = write_text(NULL, text.s ? text.s : "", text.n);
  sb_free(&text);
  load_free(&l);
  return status;
}
