/* deltacnn tests: fuzz target of whole H.264 access units: headers, references, slices, the born rule.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The input is a byte stream as h264parse would hand it out, cut where a first slice follows another slice; the last
 * byte chooses other cuts and resets; or it is a stream as MP4 holds it: a decoder configuration record, then access
 * units, each with its size before it in two bytes. */
#include "fuzz.h"
#include "h264headers.h"
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
  CHECK(picture->coded_width >= 16 && picture->coded_width <= 16384);
  CHECK(picture->coded_width % 16 == 0 && picture->coded_height % 16 == 0);
  if (!picture->complete)
    return;
  size_t blocks = (size_t)picture->cols * (size_t)picture->rows;
  for (size_t i = 0; i < blocks; i++)
    CHECK(picture->born[i] <= picture->number);
  CHECK(picture->known || (picture->unknown_reason && picture->vectors->len == 0));
  CHECK(picture->crop_width > 0 && picture->crop_x + picture->crop_width <= picture->coded_width);
  CHECK(picture->crop_height > 0 &&
        picture->crop_y + picture->crop_height <= picture->coded_height);
  for (int i = 0; i < picture->n_past; i++)
    CHECK(picture->past[i] < picture->number);
  for (guint i = 0; i < picture->vectors->len; i++) {
    const DcnVector *v = &g_array_index(picture->vectors, DcnVector, i);
    CHECK(v->x + v->w <= picture->coded_width && v->y + v->h <= picture->coded_height);
    CHECK(v->ref_number == DCN_NUMBER_NONE || v->ref_number <= picture->number);
    CHECK(v->direction <= 1 && v->field <= 2 && v->ref_field <= 2);
  }
}

static size_t
next_cut(const uint8_t *data, size_t size, size_t from, int at_places)
{
  int slices = 0;
  if (at_places)
    return MIN(size, from + 1 + data[from] * 4u);
  for (size_t i = from; i + 5 <= size; i++) {
    if (data[i] || data[i + 1] || data[i + 2] != 1)
      continue;
    int type = data[i + 3] & 31;
    gboolean slice = type == 1 || type == 5;
    /* first_mb_in_slice 0 is a one */
    if (slices && (!slice || data[i + 4] & 0x80))
      return i;
    slices += slice;
  }
  return size;
}

/* The piece at *at and behind it, *to its end. */
static size_t
next_sized(const uint8_t *data, size_t size, size_t at, size_t *to)
{
  size_t from = MIN(size, at + 2);
  *to = size - at < 2 ? size : MIN(size, from + (size_t)(data[at] << 8 | data[at + 1]));
  return from;
}

static void
set_avc(DeltaH264 *headers, const uint8_t *data, size_t size)
{
  GstBuffer *record = size ? gst_buffer_new_memdup(data, size) : gst_buffer_new();
  GstStructure *caps = gst_structure_new("video/x-h264", "stream-format", G_TYPE_STRING, "avc",
                                         "codec_data", GST_TYPE_BUFFER, record, NULL);
  delta_h264_set_caps(headers, caps);
  gst_structure_free(caps);
  gst_buffer_unref(record);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static gsize ready;
  if (g_once_init_enter(&ready)) {
    gst_init(NULL, NULL);
    gst_debug_set_active(FALSE);
    GST_DEBUG_CATEGORY_INIT(gst_delta_extract_debug, "deltaextract", 0, "");
    g_once_init_leave(&ready, 1);
  }
  if (size < 2)
    return 0;
  int mode = data[size - 1], at_places = mode % 16 == 1, reset = mode % 16 == 2;
  int avc = mode % 16 == 3;
  DeltaH264 *headers = delta_h264_new();
  DcnPicture *kept[KEEP] = {NULL};
  unsigned n = 0;
  size_t from = 0, to;

  if (avc) {
    from = next_sized(data, size, 0, &to);
    set_avc(headers, data + from, to - from);
    from = to;
  }
  while (from < size) {
    if (avc)
      from = next_sized(data, size, from, &to);
    else
      to = next_cut(data, size, from, at_places);
    /* an allocation of its own size, so that reading past the end shows */
    uint8_t *copy = g_memdup2(data + from, to - from);
    DeltaResult result;
    delta_h264_buffer(headers, copy, to - from, &result);
    g_free(copy);
    CHECK(result.picture || result.reason);
    if (result.picture) {
      check_picture(result.picture);
      size_t blocks = (size_t)result.picture->cols * (size_t)result.picture->rows;
      uint8_t *changed = g_malloc(blocks);
      for (int k = 0; k < KEEP; k++)
        if (kept[k])
          dcn_picture_compare(kept[k], result.picture, changed, NULL);
      g_free(changed);
      dcn_picture_unref(kept[n % KEEP]);
      kept[n % KEEP] = result.picture;
    }
    n++;
    if (reset && n % 7 == 0)
      delta_h264_reset(headers);
    from = to;
  }
  for (int k = 0; k < KEEP; k++)
    dcn_picture_unref(kept[k]);
  delta_h264_free(headers);
  return 0;
}
