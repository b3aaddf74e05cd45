/* deltacnn tests: the quantiser of each macroblock against libavcodec's.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 *   check-qp FILE...
 *
 * libavcodec exports QP_Y per macroblock of each frame it puts out (AVVideoEncParams).  Frames find their coded pictures by
 * timestamps that count access units.  Field pictures are not compared. */
#include "stream.h"
#include <libavcodec/avcodec.h>
#include <libavutil/video_enc_params.h>
#include <stdio.h>

typedef struct {
  GPtrArray *
      pictures; /* by coding order: QP_Y of the macroblocks in raster order, or NULL where not compared */
  int64_t compared, wrong;
} Check;

static void
keep_picture(Check *check, const DcnH264Macroblocks *m, gboolean good)
{
  int size = m->mb_width * m->mb_height;
  int8_t *qp = NULL;
  if (good && m->n_decoded == size && !m->field) {
    qp = g_malloc((gsize)size);
    for (int i = 0; i < size; i++) {
      int x, y;
      dcn_h264_mb_position(m, i, &x, &y);
      /* libavcodec counts from 0 at every bit depth; I_PCM is 0 to both. */
      gboolean pcm = m->mbs[i].type == DCN_H264_MB_I_PCM;
      qp[y * m->mb_width + x] = (int8_t)(m->mbs[i].qp + (pcm ? 0 : 6 * (m->bit_depth_luma - 8)));
    }
  }
  g_ptr_array_add(check->pictures, qp);
}

static void
compare(Check *check, const AVFrame *frame)
{
  const AVFrameSideData *side = av_frame_get_side_data(frame, AV_FRAME_DATA_VIDEO_ENC_PARAMS);
  if (!side || frame->pts < 0 || frame->pts >= check->pictures->len)
    return;
  const int8_t *qp = g_ptr_array_index(check->pictures, (guint)frame->pts);
  AVVideoEncParams *params = (AVVideoEncParams *)side->data;
  for (unsigned i = 0; qp && i < params->nb_blocks; i++) {
    const AVVideoBlockParams *block = av_video_enc_params_block(params, i);
    check->compared++;
    check->wrong += qp[i] != params->qp + block->delta_qp;
  }
}

static void
decode(Check *check, AVCodecContext *context, AVPacket *packet, AVFrame *frame)
{
  avcodec_send_packet(context, packet);
  while (avcodec_receive_frame(context, frame) == 0) {
    compare(check, frame);
    av_frame_unref(frame);
  }
}

static gboolean
check_file(const char *path)
{
  char *data;
  gsize size;
  if (!g_file_get_contents(path, &data, &size, NULL))
    return FALSE;
  AVCodecContext *context = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_H264));
  context->export_side_data = AV_CODEC_EXPORT_DATA_VIDEO_ENC_PARAMS;
  context->thread_count = 1;
  g_assert_cmpint(avcodec_open2(context, NULL, NULL), ==, 0);
  AVPacket *packet = av_packet_alloc();
  AVFrame *frame = av_frame_alloc();
  Check check = {.pictures = g_ptr_array_new_with_free_func(g_free)};

  /* An access unit is what lies before the next picture's first slice; parameter sets in between go with the picture
   * before, which is as good. */
  StreamHeaders *headers = g_new0(StreamHeaders, 1);
  DcnH264Macroblocks m = {0};
  DcnH264SliceHeader last = {0}, header = {0};
  gboolean open = FALSE, good = TRUE;
  GByteArray *unit = g_byte_array_new();
  size_t at = 0, nal_size, bits = 0;
  const uint8_t *nal;
  do {
    nal = stream_next_nal((const uint8_t *)data, size, &at, &nal_size);
    gboolean slice = nal && stream_nal(headers, nal, nal_size, &header, &bits);
    const DcnH264Sps *sps = slice ? stream_sps(headers, &header) : NULL;
    gboolean first = slice && (!open || dcn_h264_first_slice_of_picture(sps, &last, &header));
    if (open && (!nal || first)) {
      keep_picture(&check, &m, good);
      g_assert_cmpint(av_new_packet(packet, (int)unit->len), ==, 0);
      memcpy(packet->data, unit->data, unit->len);
      packet->pts = packet->dts = check.pictures->len - 1;
      decode(&check, context, packet, frame);
      av_packet_unref(packet);
      g_byte_array_set_size(unit, 0);
    }
    if (first) {
      g_assert_true(dcn_h264_macroblocks_begin(&m, sps, header.field_pic_flag));
      open = good = TRUE;
    }
    if (slice) {
      const DcnH264Pps *pps = stream_pps(headers, &header);
      last = header;
      good = good && header.nal_unit_type != 2 && !pps->num_slice_groups_minus1;
      if (good && header.redundant_pic_cnt == 0)
        good = !dcn_h264_slice_data(&m, pps, &header, nal, nal_size, bits, NULL, NULL);
    }
    if (nal) {
      g_byte_array_append(unit, (const guint8 *)"\0\0\0\1", 4);
      g_byte_array_append(unit, nal, (guint)nal_size);
    }
  } while (nal);
  decode(&check, context, NULL, frame);

  printf("%s: %" PRId64 " macroblocks compared, %" PRId64 " differ\n", path, check.compared,
         check.wrong);
  gboolean ok = check.wrong == 0 && check.compared > 0;
  g_byte_array_unref(unit);
  g_ptr_array_unref(check.pictures);
  dcn_h264_macroblocks_clear(&m);
  av_frame_free(&frame);
  av_packet_free(&packet);
  avcodec_free_context(&context);
  g_free(headers);
  g_free(data);
  return ok;
}

int
main(int argc, char **argv)
{
  gboolean ok = TRUE;
  av_log_set_level(AV_LOG_QUIET);
  for (int i = 1; i < argc; i++)
    ok = check_file(argv[i]) && ok;
  return !ok;
}
