/* `seppo data SET --out DIR`: fetches a named data set and checks it. */
#include "driver/commands.h"
#include "runtime/data.h"

int cmd_data(const Options *o) {
  bool ok;
  DiagFormat format = option_error_format(o, &ok);
  if (!ok) return EXIT_USAGE;
  DiagSink sink = {0};
  SourceMap none = {0};
  int status = data_fetch(o->word[0], o->out ? o->out : "data", stderr, &sink);
  diag_print(&sink, &none, format, false, stderr);
  diag_sink_free(&sink);
  return status;
}
