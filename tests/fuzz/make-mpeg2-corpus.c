/* deltacnn tests: writes seeds for the MPEG-2 fuzz target into a folder: small streams of all
 * kinds. SPDX-License-Identifier: LGPL-2.1-or-later */
#include "random-stream.h"
#include <stdio.h>

static const struct {
  const char *name;
  StreamPlan plan;
} seeds[] = {
    {"frames",
     {{.horizontal_size = 44,
       .vertical_size = 36,
       .chroma_format = 1,
       .progressive_sequence = TRUE},
      4,
      FALSE,
      TRUE,
      2}},
    {"interlaced",
     {{.horizontal_size = 48, .vertical_size = 64, .chroma_format = 1}, 4, FALSE, TRUE, 1}},
    {"fields",
     {{.horizontal_size = 32, .vertical_size = 64, .chroma_format = 1}, 4, TRUE, TRUE, 1}},
    {"dual-prime",
     {{.horizontal_size = 48, .vertical_size = 96, .chroma_format = 1}, 4, TRUE, FALSE, 1}},
    {"422", {{.horizontal_size = 32, .vertical_size = 32, .chroma_format = 2}, 4, TRUE, TRUE, 1}},
    {"444", {{.horizontal_size = 32, .vertical_size = 32, .chroma_format = 3}, 4, FALSE, TRUE, 1}},
    {"mpeg1",
     {{.mpeg1 = TRUE,
       .horizontal_size = 40,
       .vertical_size = 48,
       .chroma_format = 1,
       .progressive_sequence = TRUE},
      4,
      FALSE,
      TRUE,
      0}},
};

int
main(int argc, char **argv)
{
  if (argc != 2) {
    fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  for (gsize i = 0; i < G_N_ELEMENTS(seeds); i++) {
    Stream *stream = stream_new(&seeds[i].plan, 3);
    GByteArray *bytes = stream_bytes(stream);
    char *path = g_strdup_printf("%s/%s.m2v", argv[1], seeds[i].name);
    GError *error = NULL;
    if (!g_file_set_contents(path, (const char *)bytes->data, bytes->len, &error)) {
      fprintf(stderr, "%s\n", error->message);
      return 1;
    }
    g_free(path);
    g_byte_array_unref(bytes);
    stream_free(stream);
  }
  return 0;
}
