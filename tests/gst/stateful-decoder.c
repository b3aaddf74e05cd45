/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "stateful-decoder.h"
#include <gst/video/video.h>
#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <libavutil/log.h>
#include <string.h>

/* As V4L2 capture queues have: when all are full the decoder takes no more input. */
#define CAPTURE_BUFFERS 4
#define TOO_OLD 100

typedef struct
{
  GstVideoDecoder parent;

  GstVideoCodecState *input_state;
  guint lose;                   /* object lock */

  /* under the lock */
  GMutex lock;
  GCond changed;
  AVCodecContext *codec;
  GQueue decoded;               /* AVFrame, owned */
  gboolean flushing;            /* nobody may wait */
  gboolean drained;             /* no more frames will be queued */
  gboolean running;             /* the output thread */
  GstFlowReturn output_flow;

  /* output thread only */
  guint n_decoded;
  GstVideoInfo info;
} Decoder;

typedef struct
{
  GstVideoDecoderClass parent_class;
} DecoderClass;

static GType decoder_get_type (void);
G_DEFINE_TYPE (Decoder, decoder, GST_TYPE_VIDEO_DECODER);
#define DECODER(object) ((Decoder *) (object))

enum
{
  PROP_0,
  PROP_LOSE
};

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE ("sink",
    GST_PAD_SINK, GST_PAD_ALWAYS,
    GST_STATIC_CAPS ("video/x-h264, stream-format = (string) byte-stream, "
        "alignment = (string) au; "
        "video/mpeg, mpegversion = (int) 2, systemstream = (boolean) false, "
        "parsed = (boolean) true"));
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE ("src",
    GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS ("video/x-raw"));

static GQuark
type_quark (void)
{
  return g_quark_from_static_string ("test-stateful-dec-picture-type");
}

gchar
test_stateful_dec_picture_type (GstBuffer * buffer)
{
  return GPOINTER_TO_INT (gst_mini_object_get_qdata (GST_MINI_OBJECT (buffer),
          type_quark ()));
}

static void
free_frame (gpointer data)
{
  AVFrame *frame = data;

  av_frame_free (&frame);
}

/* --- what the driver would do --- */

static GstVideoFormat
format_of (enum AVPixelFormat format)
{
  switch (format) {
    case AV_PIX_FMT_YUV420P:
    case AV_PIX_FMT_YUVJ420P:
      return GST_VIDEO_FORMAT_I420;
    case AV_PIX_FMT_YUV422P:
    case AV_PIX_FMT_YUVJ422P:
      return GST_VIDEO_FORMAT_Y42B;
    case AV_PIX_FMT_YUV444P:
    case AV_PIX_FMT_YUVJ444P:
      return GST_VIDEO_FORMAT_Y444;
    case AV_PIX_FMT_GRAY8:
      return GST_VIDEO_FORMAT_GRAY8;
    case AV_PIX_FMT_YUV420P10LE:
      return GST_VIDEO_FORMAT_I420_10LE;
    case AV_PIX_FMT_YUV422P10LE:
      return GST_VIDEO_FORMAT_I422_10LE;
    default:
      return GST_VIDEO_FORMAT_UNKNOWN;
  }
}

/* Coded bytes in (NULL: the end), decoded frames into the queue.  Called without the stream lock, so that the output
 * thread can finish frames meanwhile. */
static gboolean
queue_coded (Decoder * self, const guint8 * bytes, gsize size, guint32 key)
{
  AVPacket *packet = NULL;
  gboolean ok;

  g_mutex_lock (&self->lock);
  while (self->decoded.length >= CAPTURE_BUFFERS && !self->flushing)
    g_cond_wait (&self->changed, &self->lock);
  ok = self->codec && !self->flushing;
  if (ok) {
    if (bytes) {
      packet = av_packet_alloc ();
      av_new_packet (packet, size);
      memcpy (packet->data, bytes, size);
      packet->pts = key;
    }
    /* An error means that nothing comes out, as with hardware. */
    avcodec_send_packet (self->codec, packet);
    av_packet_free (&packet);
    for (;;) {
      AVFrame *frame = av_frame_alloc ();

      if (avcodec_receive_frame (self->codec, frame) < 0) {
        av_frame_free (&frame);
        break;
      }
      g_queue_push_tail (&self->decoded, frame);
    }
    if (!bytes)
      self->drained = TRUE;
    g_cond_broadcast (&self->changed);
  }
  g_mutex_unlock (&self->lock);
  return ok;
}

/* NULL: no more. */
static AVFrame *
dequeue_decoded (Decoder * self)
{
  AVFrame *frame = NULL;

  g_mutex_lock (&self->lock);
  while (!self->decoded.length && !self->flushing && !self->drained)
    g_cond_wait (&self->changed, &self->lock);
  if (!self->flushing)
    frame = g_queue_pop_head (&self->decoded);
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  return frame;
}

/* --- the output thread --- */

static gboolean
set_output (Decoder * self, const AVFrame * decoded)
{
  GstVideoDecoder *decoder = GST_VIDEO_DECODER (self);
  GstVideoFormat format = format_of (decoded->format);
  GstVideoCodecState *state;
  gboolean ok;

  if (format == GST_VIDEO_FORMAT_UNKNOWN)
    return FALSE;
  if (self->info.finfo && GST_VIDEO_INFO_FORMAT (&self->info) == format
      && GST_VIDEO_INFO_WIDTH (&self->info) == decoded->width
      && GST_VIDEO_INFO_HEIGHT (&self->info) == decoded->height)
    return TRUE;
  GST_VIDEO_DECODER_STREAM_LOCK (decoder);
  state = gst_video_decoder_set_output_state (decoder, format, decoded->width,
      decoded->height, self->input_state);
  ok = gst_video_decoder_negotiate (decoder);
  self->info = state->info;
  gst_video_codec_state_unref (state);
  GST_VIDEO_DECODER_STREAM_UNLOCK (decoder);
  return ok;
}

static GstBuffer *
filled_buffer (Decoder * self, const AVFrame * decoded)
{
  GstBuffer *buffer =
      gst_video_decoder_allocate_output_buffer (GST_VIDEO_DECODER (self));
  GstVideoFrame video;

  if (!buffer || !gst_video_frame_map (&video, &self->info, buffer,
          GST_MAP_WRITE)) {
    gst_clear_buffer (&buffer);
    return NULL;
  }
  for (guint p = 0; p < GST_VIDEO_FRAME_N_PLANES (&video); p++)
    av_image_copy_plane (GST_VIDEO_FRAME_PLANE_DATA (&video, p),
        GST_VIDEO_FRAME_PLANE_STRIDE (&video, p), decoded->data[p],
        decoded->linesize[p],
        GST_VIDEO_FRAME_COMP_WIDTH (&video, p) *
        GST_VIDEO_FRAME_COMP_PSTRIDE (&video, p),
        GST_VIDEO_FRAME_COMP_HEIGHT (&video, p));
  gst_video_frame_unmap (&video);
  gst_mini_object_set_qdata (GST_MINI_OBJECT (buffer), type_quark (),
      GINT_TO_POINTER (av_get_picture_type_char (decoded->pict_type)), NULL);
  return buffer;
}

static void
drop_old (GstVideoDecoder * decoder, guint32 number)
{
  GstVideoCodecFrame *oldest;

  while ((oldest = gst_video_decoder_get_oldest_frame (decoder))) {
    if (oldest->system_frame_number + TOO_OLD >= number) {
      gst_video_codec_frame_unref (oldest);
      return;
    }
    gst_video_decoder_drop_frame (decoder, oldest);
  }
}

static GstFlowReturn
put_out (Decoder * self, const AVFrame * decoded)
{
  GstVideoDecoder *decoder = GST_VIDEO_DECODER (self);
  GstVideoCodecFrame *frame;
  guint lose;

  GST_OBJECT_LOCK (self);
  lose = self->lose;
  GST_OBJECT_UNLOCK (self);
  /* gst_v4l2_buffer_pool_process() gives these back at once */
  if (decoded->flags & AV_FRAME_FLAG_CORRUPT || decoded->decode_error_flags)
    return GST_FLOW_OK;
  if (lose && ++self->n_decoded % lose == 0)
    return GST_FLOW_OK;
  if (!set_output (self, decoded))
    return GST_FLOW_NOT_NEGOTIATED;
  frame = gst_video_decoder_get_frame (decoder, decoded->pts);
  if (!frame)
    return GST_FLOW_OK;
  drop_old (decoder, frame->system_frame_number);
  frame->output_buffer = filled_buffer (self, decoded);
  if (!frame->output_buffer) {
    gst_video_codec_frame_unref (frame);
    return GST_FLOW_FLUSHING;
  }
  return gst_video_decoder_finish_frame (decoder, frame);
}

static void
output_loop (gpointer user_data)
{
  Decoder *self = user_data;
  AVFrame *decoded = dequeue_decoded (self);
  GstFlowReturn flow = GST_FLOW_EOS;

  if (decoded) {
    flow = put_out (self, decoded);
    av_frame_free (&decoded);
    if (flow == GST_FLOW_OK)
      return;
  }
  g_mutex_lock (&self->lock);
  self->output_flow = flow;
  self->running = FALSE;
  if (flow != GST_FLOW_EOS)
    self->flushing = TRUE;      /* nobody takes frames any more */
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  gst_pad_pause_task (GST_VIDEO_DECODER_SRC_PAD (self));
}

/* Called with the stream lock, which the thread may need to come to its end. */
static void
stop_output (Decoder * self, gboolean locked)
{
  g_mutex_lock (&self->lock);
  self->flushing = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  if (locked)
    GST_VIDEO_DECODER_STREAM_UNLOCK (self);
  gst_pad_stop_task (GST_VIDEO_DECODER_SRC_PAD (self));
  if (locked)
    GST_VIDEO_DECODER_STREAM_LOCK (self);
}

static void
start_over (Decoder * self)
{
  g_mutex_lock (&self->lock);
  g_queue_clear_full (&self->decoded, free_frame);
  if (self->codec)
    avcodec_flush_buffers (self->codec);
  self->flushing = self->drained = self->running = FALSE;
  self->output_flow = GST_FLOW_OK;
  g_mutex_unlock (&self->lock);
}

/* --- GstVideoDecoder --- */

static gboolean
decoder_set_format (GstVideoDecoder * decoder, GstVideoCodecState * state)
{
  Decoder *self = DECODER (decoder);
  GstStructure *s = gst_caps_get_structure (state->caps, 0);
  enum AVCodecID id = gst_structure_has_name (s, "video/x-h264") ?
      AV_CODEC_ID_H264 : AV_CODEC_ID_MPEG2VIDEO;
  gboolean ok;

  if (self->input_state)
    gst_video_codec_state_unref (self->input_state);
  self->input_state = gst_video_codec_state_ref (state);
  g_mutex_lock (&self->lock);
  if (!self->codec || self->codec->codec_id != id) {
    avcodec_free_context (&self->codec);
    self->codec = avcodec_alloc_context3 (avcodec_find_decoder (id));
    self->codec->thread_count = 1;
    if (avcodec_open2 (self->codec, NULL, NULL) < 0)
      avcodec_free_context (&self->codec);
  }
  ok = self->codec != NULL;
  g_mutex_unlock (&self->lock);
  return ok;
}

static GstFlowReturn
decoder_handle_frame (GstVideoDecoder * decoder, GstVideoCodecFrame * frame)
{
  Decoder *self = DECODER (decoder);
  GstBuffer *coded = gst_buffer_ref (frame->input_buffer), *metas;
  GstFlowReturn flow = GST_FLOW_OK;
  gboolean ok, running;
  GstMapInfo map;

  g_mutex_lock (&self->lock);
  running = self->running || self->flushing;
  if (!running)
    self->running = TRUE;
  g_mutex_unlock (&self->lock);
  if (!running)
    gst_pad_start_task (GST_VIDEO_DECODER_SRC_PAD (decoder), output_loop, self,
        NULL);

  GST_VIDEO_DECODER_STREAM_UNLOCK (decoder);
  ok = gst_buffer_map (coded, &map, GST_MAP_READ);
  if (ok) {
    ok = queue_coded (self, map.data, map.size, frame->system_frame_number);
    gst_buffer_unmap (coded, &map);
  }
  GST_VIDEO_DECODER_STREAM_LOCK (decoder);

  if (ok) {
    /* The bytes are the driver's now. */
    metas = gst_buffer_new ();
    gst_buffer_copy_into (metas, frame->input_buffer, GST_BUFFER_COPY_FLAGS |
        GST_BUFFER_COPY_TIMESTAMPS | GST_BUFFER_COPY_META, 0, 0);
    gst_buffer_unref (frame->input_buffer);
    frame->input_buffer = metas;
    gst_video_codec_frame_unref (frame);
  } else {
    g_mutex_lock (&self->lock);
    flow = self->output_flow != GST_FLOW_OK ? self->output_flow :
        GST_FLOW_FLUSHING;
    g_mutex_unlock (&self->lock);
    gst_video_decoder_drop_frame (decoder, frame);
  }
  gst_buffer_unref (coded);
  return flow;
}

static GstFlowReturn
decoder_finish (GstVideoDecoder * decoder)
{
  Decoder *self = DECODER (decoder);
  GstVideoCodecFrame *left;

  GST_VIDEO_DECODER_STREAM_UNLOCK (decoder);
  queue_coded (self, NULL, 0, 0);
  g_mutex_lock (&self->lock);
  while (self->running && !self->flushing)
    g_cond_wait (&self->changed, &self->lock);
  g_mutex_unlock (&self->lock);
  GST_VIDEO_DECODER_STREAM_LOCK (decoder);
  stop_output (self, TRUE);
  while ((left = gst_video_decoder_get_oldest_frame (decoder)))
    gst_video_decoder_drop_frame (decoder, left);
  start_over (self);
  return GST_FLOW_OK;
}

static gboolean
decoder_flush (GstVideoDecoder * decoder)
{
  stop_output (DECODER (decoder), TRUE);
  start_over (DECODER (decoder));
  return TRUE;
}

static gboolean
decoder_start (GstVideoDecoder * decoder)
{
  DECODER (decoder)->n_decoded = 0;
  gst_video_info_init (&DECODER (decoder)->info);
  DECODER (decoder)->info.finfo = NULL;
  start_over (DECODER (decoder));
  return TRUE;
}

static gboolean
decoder_stop (GstVideoDecoder * decoder)
{
  Decoder *self = DECODER (decoder);

  start_over (self);
  g_mutex_lock (&self->lock);
  avcodec_free_context (&self->codec);
  g_mutex_unlock (&self->lock);
  g_clear_pointer (&self->input_state, gst_video_codec_state_unref);
  return TRUE;
}

static GstStateChangeReturn
decoder_change_state (GstElement * element, GstStateChange transition)
{
  /* before the pads are taken down, or they wait for the thread for ever */
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    stop_output (DECODER (element), FALSE);
  return GST_ELEMENT_CLASS (decoder_parent_class)->change_state (element,
      transition);
}

/* A flush downstream wakes the thread where it pushes; here where it waits, and the input side where that waits. */
static gboolean
decoder_sink_event (GstVideoDecoder * decoder, GstEvent * event)
{
  Decoder *self = DECODER (decoder);

  if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_START) {
    g_mutex_lock (&self->lock);
    self->flushing = TRUE;
    g_cond_broadcast (&self->changed);
    g_mutex_unlock (&self->lock);
  }
  return GST_VIDEO_DECODER_CLASS (decoder_parent_class)->sink_event (decoder,
      event);
}

static void
decoder_set_property (GObject * object, guint id, const GValue * value,
    GParamSpec * pspec)
{
  GST_OBJECT_LOCK (object);
  if (id == PROP_LOSE)
    DECODER (object)->lose = g_value_get_uint (value);
  GST_OBJECT_UNLOCK (object);
}

static void
decoder_finalize (GObject * object)
{
  Decoder *self = DECODER (object);

  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  G_OBJECT_CLASS (decoder_parent_class)->finalize (object);
}

static void
decoder_class_init (DecoderClass * klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstVideoDecoderClass *decoder_class = GST_VIDEO_DECODER_CLASS (klass);

  object_class->set_property = decoder_set_property;
  object_class->finalize = decoder_finalize;
  g_object_class_install_property (object_class, PROP_LOSE,
      g_param_spec_uint ("lose", "Lose",
          "Each so manieth frame never comes out", 0, G_MAXUINT, 0,
          G_PARAM_WRITABLE | G_PARAM_STATIC_STRINGS));
  element_class->change_state = decoder_change_state;
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (element_class, "Stateful decoder",
      "Codec/Decoder/Video", "Decodes as V4L2 stateful decoders do",
      "the deltacnn authors");
  decoder_class->set_format = decoder_set_format;
  decoder_class->handle_frame = decoder_handle_frame;
  decoder_class->finish = decoder_finish;
  decoder_class->drain = decoder_finish;
  decoder_class->flush = decoder_flush;
  decoder_class->start = decoder_start;
  decoder_class->stop = decoder_stop;
  decoder_class->sink_event = decoder_sink_event;
}

static void
decoder_init (Decoder * self)
{
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  g_queue_init (&self->decoded);
  gst_video_decoder_set_packetized (GST_VIDEO_DECODER (self), TRUE);
  gst_video_decoder_set_use_default_pad_acceptcaps (GST_VIDEO_DECODER (self),
      TRUE);
}

gboolean
test_stateful_dec_register (void)
{
  av_log_set_level (AV_LOG_QUIET);
  return gst_element_register (NULL, "statefuldec", GST_RANK_NONE,
      decoder_get_type ());
}
