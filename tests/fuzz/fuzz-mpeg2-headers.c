/* deltacnn tests: fuzz target of the MPEG-1 and MPEG-2 header layer, through to the slices.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The input is a stream as mpegvideoparse would hand it out, cut into buffers: at picture start codes, or (last byte
 * odd) at places the bytes choose. */
#include "fuzz.h"
#include "mpeg2headers.h"
#include <stdlib.h>
#include <string.h>

#define KEEP 4

GST_DEBUG_CATEGORY(gst_delta_extract_debug);

#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (!(condition))                                                                              \
      abort();                                                                                     \
  } while (0)

static void
check_picture(const DcnPicture *picture)
{
  CHECK(picture->coded_width >= 1 && picture->coded_width <= 16384);
  CHECK(picture->cols == (picture->coded_width + 7) / 8);
  CHECK(picture->rows == (picture->coded_height + 7) / 8);
  if (!picture->complete)
    return;
  size_t blocks = (size_t)picture->cols * (size_t)picture->rows;
  for (size_t i = 0; i < blocks; i++)
    CHECK(picture->born[i] <= picture->number);
  CHECK(picture->known || (picture->unknown_reason && picture->vectors->len == 0));
  for (guint i = 0; i < picture->vectors->len; i++) {
    const DcnVector *v = &g_array_index(picture->vectors, DcnVector, i);
    CHECK(v->w == 16 && (v->h == 16 || v->h == 32) && v->x < picture->coded_width);
    CHECK(v->ref_number == DCN_NUMBER_NONE || v->ref_number <= picture->number + 1);
    CHECK(v->direction <= 1 && v->field <= 2 && v->ref_field <= 2);
  }
}

static size_t
next_cut(const uint8_t *data, size_t size, size_t from, int at_places)
{
  if (at_places)
    return MIN(size, from + 1 + data[from] * 4u);
  for (size_t i = from + 4; i + 4 <= size; i++)
    if (data[i] == 0 && data[i + 1] == 0 && data[i + 2] == 1 &&
        (data[i + 3] == 0 || data[i + 3] == 0xb3))
      /* a header and the picture behind it stay together */
      if (data[i + 3] == 0xb3 || i < from + 8 || memcmp(data + from, "\0\0\1\xb3", 4) != 0)
        return i;
  return size;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static gsize ready;
  if (g_once_init_enter(&ready)) {
    gst_init(NULL, NULL);
    GST_DEBUG_CATEGORY_INIT(gst_delta_extract_debug, "deltaextract", 0, "");
    g_once_init_leave(&ready, 1);
  }
  if (size < 2)
    return 0;
  int mode = data[size - 1], at_places = mode & 1, reset = mode & 2;
  DeltaMpeg2 *headers = delta_mpeg2_new();
  DcnPicture *kept[KEEP] = {NULL};
  unsigned n = 0;

  for (size_t from = 0; from < size;) {
    size_t to = next_cut(data, size, from, at_places);
    /* an allocation of its own size, so that reading past the end shows */
    uint8_t *copy = g_memdup2(data + from, to - from);
    DeltaResult result;
    if (n == 0 && (mode & 4))
      delta_mpeg2_headers(headers, copy, to - from);
    delta_mpeg2_buffer(headers, copy, to - from, &result);
    g_free(copy);
    CHECK(result.picture || result.reason);
    if (result.picture) {
      check_picture(result.picture);
      for (int k = 0; k < KEEP; k++) {
        size_t blocks = (size_t)result.picture->cols * (size_t)result.picture->rows;
        uint8_t *changed = g_malloc(blocks);
        if (kept[k])
          dcn_picture_compare(kept[k], result.picture, changed, NULL);
        g_free(changed);
      }
      dcn_picture_unref(kept[n % KEEP]);
      kept[n % KEEP] = result.picture;
    }
    n++;
    if (reset && n % 7 == 0)
      delta_mpeg2_reset(headers);
    from = to;
  }
  for (int k = 0; k < KEEP; k++)
    dcn_picture_unref(kept[k]);
  delta_mpeg2_free(headers);
  return 0;
}
