/* deltacnn tests: reads the slice data of byte streams.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 *   check-slices [--time] FILE...
 *
 * A slice that is misread by one bit practically never ends at its stop bit, nor covers its macroblocks once: so this
 * is a check of all of clause 9 and 7.3.5 by whatever encoder made the stream.  Per file one line; exit status 1 where
 * any slice failed. */
#include "stream.h"
#include <stdio.h>
#include <string.h>

typedef struct {
  int slices, pictures, intra, inter, skipped, pcm, field, mixed, big, direct;
  int failed;
  uint64_t mvd_sum;
  uint64_t bytes;
} Counts;

typedef struct {
  DcnH264Macroblocks *m;
  int next;
} Order;

static void
count_order(void *user, int mb_addr, int count)
{
  Order *order = user;
  if (order->next >= 0 && mb_addr != order->next)
    order->next = G_MININT;
  else
    order->next = mb_addr + count;
}

static void
end_picture(const DcnH264Macroblocks *m, Counts *counts, const char *path, gboolean whole)
{
  int size = m->mb_width * m->mb_height;
  if (m->n_slices == 0)
    return;
  counts->pictures++;
  if (whole && m->n_decoded != size) {
    counts->failed++;
    printf("%s: picture %d: %d of %d macroblocks\n", path, counts->pictures, m->n_decoded, size);
  }
  for (int i = 0; i < size; i++) {
    const DcnH264Mb *mb = &m->mbs[i];
    counts->intra += mb->slice && dcn_h264_mb_is_intra(mb);
    counts->inter +=
        mb->slice && mb->type > DCN_H264_MB_LAST_INTRA && mb->type < DCN_H264_MB_P_SKIP;
    counts->skipped += mb->type >= DCN_H264_MB_P_SKIP;
    counts->pcm += mb->slice && mb->type == DCN_H264_MB_I_PCM;
    counts->field += mb->flags & DCN_H264_MB_FIELD;
    if (m->mbaff && (i / 2) % m->mb_width)
      counts->mixed += (mb->flags ^ mb[-2].flags) & DCN_H264_MB_FIELD;
    counts->big += !!(mb->flags & DCN_H264_MB_TRANSFORM_8X8);
    counts->direct += mb->type == DCN_H264_MB_DIRECT;
  }
}

static gboolean
check(const char *path, gboolean timed)
{
  char *data;
  gsize size;
  GError *error = NULL;
  if (!g_file_get_contents(path, &data, &size, &error)) {
    fprintf(stderr, "%s\n", error->message);
    g_error_free(error);
    return FALSE;
  }
  StreamHeaders *headers = g_new0(StreamHeaders, 1);
  DcnH264Macroblocks m = {0};
  DcnH264SliceHeader last = {0}, header;
  Counts counts = {0};
  gboolean open = FALSE, whole = TRUE;
  int not_ours = 0;
  gint64 spent = 0;
  size_t at = 0, nal_size, bits;
  const uint8_t *nal;
  while ((nal = stream_next_nal((const uint8_t *)data, size, &at, &nal_size))) {
    if (!stream_nal(headers, nal, nal_size, &header, &bits))
      continue;
    const DcnH264Sps *sps = stream_sps(headers, &header);
    const DcnH264Pps *pps = stream_pps(headers, &header);
    if (header.nal_unit_type == 2 || pps->num_slice_groups_minus1 || header.redundant_pic_cnt) {
      not_ours++;
      whole = FALSE;
      continue;
    }
    gboolean new_plane =
        open && sps->separate_colour_plane_flag && header.colour_plane_id != last.colour_plane_id;
    if (!open || new_plane || dcn_h264_first_slice_of_picture(sps, &last, &header)) {
      if (open)
        end_picture(&m, &counts, path, whole);
      whole = TRUE;
      g_assert_true(dcn_h264_macroblocks_begin(&m, sps, header.field_pic_flag));
      open = TRUE;
    }
    last = header;
    uint8_t *copy = g_memdup2(nal, nal_size); /* so that reading past its end shows */
    Order order = {.m = &m, .next = header.first_mb_in_slice * (m.mbaff ? 2 : 1)};
    gint64 start = g_get_monotonic_time();
    const char *wrong =
        dcn_h264_slice_data(&m, pps, &header, copy, nal_size, bits, count_order, &order);
    spent += g_get_monotonic_time() - start;
    g_free(copy);
    counts.slices++;
    counts.bytes += nal_size;
    if (!wrong && order.next < 0)
      wrong = "macroblocks out of order";
    if (wrong) {
      counts.failed++;
      if (counts.failed < 5)
        printf("%s: slice %d, picture %d, type %d, first %d: %s after %d macroblocks\n", path,
               counts.slices, counts.pictures, header.slice_type, header.first_mb_in_slice, wrong,
               m.n_decoded);
    }
  }
  if (open)
    end_picture(&m, &counts, path, whole);
  printf("%s: %d pictures, %d slices, %d intra (%d PCM), %d inter, %d direct, %d skipped, ", path,
         counts.pictures, counts.slices, counts.intra, counts.pcm, counts.inter, counts.direct,
         counts.skipped);
  printf("%d 8x8 transform, %d field (%d beside frame), %d slices not for us, %d failed",
         counts.big, counts.field, counts.mixed, not_ours, counts.failed);
  if (timed)
    printf("; %.1f ms, %.1f Mbit/s", (double)spent / 1e3,
           8.0 * (double)counts.bytes / (double)MAX(spent, 1));
  printf("\n");
  dcn_h264_macroblocks_clear(&m);
  g_free(headers);
  g_free(data);
  return counts.failed == 0 && (counts.slices > 0 || not_ours > 0);
}

int
main(int argc, char **argv)
{
  gboolean ok = TRUE, timed = FALSE;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--time"))
      timed = TRUE;
    else
      ok = check(argv[i], timed) && ok;
  }
  return !ok;
}
