# Turns what `gst-launch-1.0 -m` prints of deltacnn's element messages into a line of JSON each.
# Run with LC_ALL=C: bytes pass as they are.

# The value of a field of a serialised GstStructure, without its quotes and escapes; "" where it is absent.
function field(line, name,    value, out, i, c, n) {
  if (!match(line, "[ ,]" name "=\\([a-z0-9]+\\)(\"([^\"\\\\]|\\\\.)*\"|[^,; ]+)"))
    return ""
  value = substr(line, RSTART, RLENGTH)
  sub(/^[^)]*\)/, "", value)
  if (value !~ /^"/)
    return value
  value = substr(value, 2, length(value) - 2)
  out = ""
  for (i = 1; i <= length(value); i++) {
    c = substr(value, i, 1)
    if (c == "\\" && match(substr(value, i + 1, 3), /^[0-7][0-7][0-7]$/)) {
      n = substr(value, i + 1, 1) * 64 + substr(value, i + 2, 1) * 8 + substr(value, i + 3, 1)
      out = out sprintf("%c", n)
      i += 3
    } else if (c == "\\") {
      out = out substr(value, ++i, 1)
    } else {
      out = out c
    }
  }
  return out
}

function string(text) {
  gsub(/\\/, "\\\\", text)
  gsub(/"/, "\\\"", text)
  gsub(/[\001-\037]/, " ", text)
  return "\"" text "\""
}

function number(text) {
  return text == "" ? "null" : text + 0
}

# of nanoseconds; 2^64-1 says that there is none
function milliseconds(text) {
  return (text == "" || length(text) > 18) ? "null" : sprintf("%.6f", text / 1e6)
}

/^Got message .*[(]element[)]: deltacnn, / {
  # the first five fields are of the best class; the list of all classes repeats their names
  sub(/ results=.*/, "")
  time = field($0, "stream-time")
  # 2^64-1 says that there is none
  seconds = (time == "" || length(time) > 18) ? "null" : sprintf("%.6f", time / 1e9)
  printf("{\"time\": %s, \"type\": %s, \"label\": %s, \"index\": %s, \"confidence\": %s, \"changed\": %s, " \
         "\"multiplies\": %s, \"reuse\": %s, \"redone\": %s, \"extract_ms\": %s, \"changes_ms\": %s, " \
         "\"tensor_ms\": %s, \"network_ms\": %s}\n", seconds, string(field($0, "picture-type")), string(field($0, "label")),
         number(field($0, "index")), number(field($0, "confidence")), number(field($0, "changed")),
         number(field($0, "multiplies")), string(field($0, "reuse")), field($0, "redone"),
         milliseconds(field($0, "time-extract")), milliseconds(field($0, "time-changes")),
         milliseconds(field($0, "time-tensor")), milliseconds(field($0, "time-network")))
  fflush()
}

# what went wrong is for the reader as well
/^ERROR|^WARNING/ {
  print | "cat 1>&2"
}
