/* deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Writes a random valid stream with what no encoder at hand uses: field pictures, 16x8 and dual prime prediction,
 * concealment vectors, slices that skip macroblocks, 4:4:4.
 *   generated SEED FILE
 */
#include "mpeg2/random-stream.h"
#include <stdio.h>
#include <stdlib.h>

int
main (int argc, char **argv)
{
  static const int sizes[][2] =
      { {176, 96}, {96, 80}, {64, 64}, {175, 143}, {48, 160} };
  guint32 seed;
  StreamPlan plan = { 0, };
  Stream *stream;
  GByteArray *bytes;
  GError *error = NULL;
  int ok;

  if (argc != 3)
    return 2;
  seed = strtoul (argv[1], NULL, 10);
  plan.sequence.horizontal_size = sizes[seed % 5][0];
  plan.sequence.vertical_size = sizes[seed % 5][1];
  plan.sequence.chroma_format = 1 + seed / 5 % 3;
  plan.n_frames = 30;
  plan.field_pictures = TRUE;
  plan.b_pictures = seed % 4 != 3;
  plan.slices_per_row = 1 + seed % 3;

  stream = stream_new (&plan, seed);
  bytes = stream_bytes (stream);
  ok = g_file_set_contents (argv[2], (const char *) bytes->data, bytes->len,
      &error);
  if (!ok)
    fprintf (stderr, "%s\n", error->message);
  g_clear_error (&error);
  g_byte_array_unref (bytes);
  stream_free (stream);
  return ok ? 0 : 1;
}
