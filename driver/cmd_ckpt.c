/* `seppo ckpt FILE`: what a checkpoint holds. */
#include "driver/commands.h"
#include "runtime/checkpoint.h"

int cmd_ckpt(const Options *o) {
  bool ok;
  DiagFormat format = option_error_format(o, &ok);
  if (!ok) return EXIT_USAGE;
  DiagSink sink = {0};
  SourceMap none = {0};
  Checkpoint *c = checkpoint_open(o->word[0], &sink, SPAN_NONE);
  StrBuf text = {0};
  if (c) checkpoint_list(c, &text);
  if (text.s) fputs(text.s, stdout);
  diag_print(&sink, &none, format, false, stderr);
  int status = c ? EXIT_DONE : EXIT_FILES;
  sb_free(&text);
  checkpoint_close(c);
  diag_sink_free(&sink);
  return status;
}
