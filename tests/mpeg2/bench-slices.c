/* How long the macroblock layer takes: per bit of coded pictures, and for pictures that skip
 * everything. SPDX-License-Identifier: LGPL-2.1-or-later */
#include "random-stream.h"
#include <stdio.h>
#include <time.h>

/* Processor time in microseconds: the machine may have other work. */
static double
now(void)
{
  return (double)clock() * 1e6 / CLOCKS_PER_SEC;
}

/* A P picture of 1920 x 1088 whose rows skip all but their ends. */
static void
bench_skipped(void)
{
  DcnMpeg2Sequence sequence = {.horizontal_size = 1920,
                               .vertical_size = 1080,
                               .chroma_format = 1,
                               .progressive_sequence = TRUE};
  DcnMpeg2PictureHeader header = {.picture_coding_type = 1,
                                  .picture_structure = 3,
                                  .frame_pred_frame_dct = TRUE,
                                  .f_code = {{1, 1}, {15, 15}}};
  Encoder i, p;
  encoder_init(&i, &sequence, &header, 1);
  header.picture_coding_type = 2;
  encoder_init(&p, &sequence, &header, 1);
  Mb intra = {.intra = TRUE}, zero = {.forward = TRUE};
  for (int row = 0; row < p.mb_height; row++) {
    encode_slice(&i, row, 5, 0);
    encode_slice(&p, row, 5, 0);
    for (int col = 0; col < p.mb_width; col++)
      encode_macroblock(&i, 0, &intra);
    encode_macroblock(&p, 0, &zero);
    encode_macroblock(&p, p.mb_width - 2, &zero);
    encode_slice_end(&i);
    encode_slice_end(&p);
  }
  DcnMpeg2Extractor *extractor = dcn_mpeg2_extractor_new();
  dcn_mpeg2_extractor_set_sequence(extractor, &sequence, NULL);
  dcn_picture_unref(dcn_mpeg2_extractor_begin_picture(extractor, &i.header, NULL));
  feed_slices(extractor, i.bits.bytes->data, i.bits.bytes->len);
  dcn_mpeg2_extractor_end_picture(extractor);
  const int n = 500;
  double start = now();
  for (int k = 0; k < n; k++) {
    dcn_picture_unref(dcn_mpeg2_extractor_begin_picture(extractor, &p.header, NULL));
    feed_slices(extractor, p.bits.bytes->data, p.bits.bytes->len);
    dcn_mpeg2_extractor_end_picture(extractor);
  }
  printf("1920x1080 all skipped: %.1f us per picture\n", (now() - start) / n);
  dcn_mpeg2_extractor_free(extractor);
  encoder_clear(&i);
  encoder_clear(&p);
}

static void
bench_random(const char *name, const StreamPlan *plan)
{
  Stream *stream = stream_new(plan, 1);
  gsize bytes = 0;
  double best = G_MAXDOUBLE;
  for (int round = 0; round < 10; round++) {
    DcnMpeg2Extractor *extractor = dcn_mpeg2_extractor_new();
    dcn_mpeg2_extractor_set_sequence(extractor, &stream->sequence, NULL);
    bytes = 0;
    double start = now();
    for (guint i = 0; i < stream->frames->len; i++) {
      const Frame *frame = g_ptr_array_index(stream->frames, i);
      for (int k = 0; k < frame->n_coded; k++) {
        dcn_picture_unref(dcn_mpeg2_extractor_begin_picture(extractor, &frame->header[k], NULL));
        feed_slices(extractor, frame->slices[k]->data, frame->slices[k]->len);
        dcn_mpeg2_extractor_end_picture(extractor);
        bytes += frame->slices[k]->len;
      }
    }
    best = MIN(best, now() - start);
    dcn_mpeg2_extractor_free(extractor);
  }
  printf("%s: %.0f Mbit/s, %.1f us per picture of %zu bytes\n", name, 8. * (double)bytes / best,
         best / stream->frames->len, bytes / stream->frames->len);
  stream_free(stream);
}

int
main(void)
{
  static const StreamPlan frames = {
      {.horizontal_size = 720, .vertical_size = 576, .chroma_format = 1}, 8, FALSE, TRUE, 1};
  static const StreamPlan fields = {
      {.horizontal_size = 720, .vertical_size = 576, .chroma_format = 1}, 8, TRUE, TRUE, 1};
  bench_skipped();
  bench_random("random modes, frame pictures", &frames);
  bench_random("random modes, field pictures", &fields);
  return 0;
}
