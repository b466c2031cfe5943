# Makes docs/library.md from the library, each function, layer and optimizer with the comment above it (./dev docs).
BEGIN {
  print "# The library\n"
  print "Written in Seppo, embedded in the program. This page is made from the sources in `models/std/` (`./dev docs`); what"
  print "the compiler itself provides is in [builtins.md](builtins.md).\n"
}
FNR == 1 {
  if (NR > 1) print ""
  name = FILENAME
  sub(/.*\//, "", name)
  print "## [" name "](../models/std/" name ")\n"
  comment = ""
  head = 1
}
/^# ----/ { comment = ""; next }
/^#/ {
  line = $0
  sub(/^# ?/, "", line)
  comment = comment (comment == "" ? "" : " ") line
  next
}
/^$/ {
  if (head && comment != "") { print comment "\n"; print "| | |"; print "|---|---|" }
  head = 0
  comment = ""
  next
}
/^(fn|layer|optimizer|model) / {
  text = $0
  while (text ~ /\($/ || (split(text, a, "(") > split(text, b, ")"))) {
    if ((getline more) <= 0) break
    sub(/^ +/, "", more)
    text = text (text ~ /\($/ ? "" : " ") more
  }
  sub(/^(fn|layer|optimizer|model) /, "", text)
  # the signature ends where its last list closes
  depth = 0
  end = 0
  for (i = 1; i <= length(text); i++) {
    c = substr(text, i, 1)
    if (c == "(") depth++
    if (c == ")" && --depth == 0) {
      end = i
      if (substr(text, i + 1, 1) != "(") break
    }
  }
  signature = substr(text, 1, end)
  gsub(/ \)/, ")", signature)
  if (comment == "" && substr(text, end + 1, 3) == " = ") comment = "`" substr(text, end + 4) "`"
  gsub(/\|/, "\\|", signature)
  gsub(/\|/, "\\|", comment)
  print "| `" signature "` | " comment " |"
  comment = ""
}
