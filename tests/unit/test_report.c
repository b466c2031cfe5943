/* report.html: well-formed, escaped, self-contained. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/base/strbuf.h"
#include "runtime/report.h"
#include "tests/support/files.h"
#include <stdlib.h>
#include <string.h>

static void whole_report(void **state) {
  (void)state;
  char *folder = folder_new();
  DiagSink sink = {0};
  char *png = file_write(folder, "a.png", "\x89PNG", 4);
  static const char *const name[] = {"seed", "lr"}, *const value[] = {"7", "<0.001>"};
  Report *r = report_new("mlp & friends");
  report_heading(r, "Configuration");
  report_pairs(r, name, value, 2);
  report_text(r, "dense  [784, 256]\n  a < b");
  report_picture(r, png, "samples \"1\"");
  report_picture(r, "/nowhere.gif", "lost");
  report_picture(r, "/etc/passwd", "no picture");
  report_svg(r, "<svg/>", 6, "graph");
  report_wide_svg(r, "<svg/>", 6, "large");
  StrBuf path = {0};
  sb_printf(&path, "%s/report.html", folder);
  assert_true(report_write(r, path.s, &sink));
  size_t n;
  char *html = file_read(path.s, &n);
  assert_int_equal(strncmp(html, "<!doctype html>", 15), 0);
  assert_non_null(strstr(html, "<h1>mlp &amp; friends</h1>"));
  assert_non_null(strstr(html, "<td>&lt;0.001&gt;</td>"));
  assert_non_null(strstr(html, "<pre>dense  [784, 256]\n  a &lt; b</pre>"));
  assert_non_null(strstr(html, "<img alt=\"samples &quot;1&quot;\" src=\"data:image/png;base64,iVBORw==\">"));
  assert_non_null(strstr(html, "data:image/svg+xml;base64,PHN2Zy8+\""));
  assert_non_null(strstr(html, "<figure class=\"wide\"><label><input type=\"checkbox\"><img alt=\"large\""));
  assert_non_null(strstr(html, "<p>/nowhere.gif: No such file"));
  assert_non_null(strstr(html, "<p>/etc/passwd: not a picture</p>"));
  assert_null(strstr(html, "src=\"http"));
  assert_string_equal(html + n - 15, "</body></html>\n");
  assert_false(report_write(r, "/nowhere/at/all.html", &sink));
  assert_int_equal(sink.exit_status, EXIT_FILES);
  report_free(r);
  free(html);
  free(png);
  sb_free(&path);
  diag_sink_free(&sink);
  folder_remove(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(whole_report)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
