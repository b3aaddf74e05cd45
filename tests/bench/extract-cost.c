/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Benchmark: what deltaextract costs beside decoding, over clips of H.264 or MPEG-2.  Figures, not a test.
 *
 *   extract-cost [--runs 3] [--decoder "avdec_h264 max-threads=1"] [--max-frames N] [--no-decode] [--csv] CLIP...
 *
 * Each clip is parsed once; then its access units go through deltaextract and through the decoder in turn, both in
 * this thread and out of memory.  Times are processor time of the whole process, the least of --runs; so that a busy
 * machine matters little.  --no-decode leaves the decoder out (for profilers).
 *
 * A line for each clip, and one for all together; with --csv comma separated, with a head line:
 *   ratio       deltaextract's time / the decoder's: at most 0.25 is wanted
 *   extract_ms, decode_ms   of the whole clip
 *   frames, width, height, entropy (cabac or cavlc, of the last picture parameter set; mpeg2)
 *   kbit_frame  coded bits of a frame, thousands
 *   mb_s        coded megabytes that deltaextract takes in a second
 *   ns_bit, us_frame, ns_mb    its time for a coded bit, a frame, a macroblock of the frame
 */
#include <gst/check/gstharness.h>
#include <time.h>
#include "clip.h"
#include "gstdeltaextract.h"

static gint runs = 3, max_frames;
static gboolean no_decode, csv;
static gchar *decoder;

static const GOptionEntry entries[] = {
  {"runs", 0, 0, G_OPTION_ARG_INT, &runs, "the least time of so many", "N"},
  {"decoder", 0, 0, G_OPTION_ARG_STRING, &decoder, "element and properties",
      "ELEMENT"},
  {"max-frames", 0, 0, G_OPTION_ARG_INT, &max_frames, "of each clip", "N"},
  {"no-decode", 0, 0, G_OPTION_ARG_NONE, &no_decode, "deltaextract alone",
      NULL},
  {"csv", 0, 0, G_OPTION_ARG_NONE, &csv, "comma separated", NULL},
  {NULL}
};

typedef struct
{
  GPtrArray *buffers;           /* of GstBuffer: access units, in memory of their own */
  GstCaps *caps;
  guint64 bytes;
  gint width, height;
  gboolean h264, cabac;
} Units;

/* Of a picture parameter set: entropy_coding_mode_flag is the bit behind two ue(v). */
static gboolean
pps_is_cabac (const guint8 * rbsp, gsize size)
{
  gsize bit = 0;

  for (gint i = 0; i < 2; i++) {
    gsize zeros = 0;

    while (bit < 8 * size && !(rbsp[bit / 8] >> (7 - bit % 8) & 1)) {
      zeros++;
      bit++;
    }
    bit += zeros + 1;
  }
  return bit < 8 * size && (rbsp[bit / 8] >> (7 - bit % 8) & 1);
}

/* byte-stream is asked for: see collect(). */
static void
look_for_pps (Units * units, const guint8 * data, gsize size)
{
  for (gsize i = 0; i + 5 < size; i++)
    if (data[i] == 0 && data[i + 1] == 0 && data[i + 2] == 1
        && (data[i + 3] & 31) == 8)
      units->cabac = pps_is_cabac (data + i + 4, MIN (size - i - 4, 16));
}

static void
on_coded (GstBuffer * buffer, gpointer user_data)
{
  Units *units = user_data;
  GstMapInfo map;

  if (max_frames && units->buffers->len >= (guint) max_frames)
    return;
  if (gst_buffer_map (buffer, &map, GST_MAP_READ)) {
    GstBuffer *copy = gst_buffer_new_memdup (map.data, map.size);

    gst_buffer_copy_into (copy, buffer,
        GST_BUFFER_COPY_FLAGS | GST_BUFFER_COPY_TIMESTAMPS, 0, -1);
    GST_BUFFER_FLAG_UNSET (copy, GST_BUFFER_FLAG_DISCONT);
    if (units->h264 && units->buffers->len < 30)
      look_for_pps (units, map.data, map.size);
    units->bytes += map.size;
    g_ptr_array_add (units->buffers, copy);
    gst_buffer_unmap (buffer, &map);
  }
}

static gboolean
collect (const gchar * path, Units * units)
{
  Clip clip = {.clip = path,.coded = on_coded,.user_data = units,.caps =
        &units->caps
  };
  GstStructure *s;

  memset (units, 0, sizeof (*units));
  units->h264 = clip_is_h264 (path);
  if (units->h264)
    clip.between =
        "identity silent=true ! video/x-h264,stream-format=byte-stream";
  units->buffers =
      g_ptr_array_new_with_free_func ((GDestroyNotify) gst_buffer_unref);
  if (!clip_run (&clip, NULL) || units->buffers->len == 0 || !units->caps)
    return FALSE;
  s = gst_caps_get_structure (units->caps, 0);
  return gst_structure_get_int (s, "width", &units->width)
      && gst_structure_get_int (s, "height", &units->height);
}

static gdouble
processor_time (void)
{
  struct timespec t;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

/* Seconds that an element takes for all the buffers. */
static gdouble
time_element (const gchar * element, const Units * units)
{
  GstHarness *h = gst_harness_new_parse (element);
  gdouble start;

  gst_harness_set_drop_buffers (h, TRUE);
  gst_harness_set_src_caps (h, gst_caps_ref (units->caps));
  start = processor_time ();
  for (guint i = 0; i < units->buffers->len; i++)
    gst_harness_push (h, gst_buffer_ref (g_ptr_array_index (units->buffers,
                i)));
  gst_harness_push_event (h, gst_event_new_eos ());
  start = processor_time () - start;
  gst_harness_teardown (h);
  return start;
}

static void
print_clip (const gchar * name, const Units * units, gdouble extract,
    gdouble decode)
{
  gdouble n = units->buffers->len;
  gdouble mbs = ((units->width + 15) / 16) * ((units->height + 15) / 16);

  g_print (csv ? "%s,%.3f,%.2f,%.2f,%u,%d,%d,%s,%.1f,%.1f,%.2f,%.1f,%.1f\n" :
      "%-50s ratio %.3f  extract %.2f ms  decode %.2f ms  %u frames %dx%d %s  %.1f kbit/frame  %.1f MB/s  "
      "%.2f ns/bit  %.1f us/frame  %.1f ns/macroblock\n", name,
      decode > 0 ? extract / decode : 0, 1e3 * extract, 1e3 * decode,
      units->buffers->len, units->width, units->height,
      !units->h264 ? "mpeg2" : units->cabac ? "cabac" : "cavlc",
      8e-3 * units->bytes / n, 1e-6 * units->bytes / extract,
      1e9 * extract / (8.0 * units->bytes), 1e6 * extract / n,
      1e9 * extract / (n * mbs));
}

int
main (int argc, char **argv)
{
  GOptionContext *context = g_option_context_new ("CLIP...");
  gdouble all_extract = 0, all_decode = 0;
  gint status = 0;

  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_add_group (context, gst_init_get_option_group ());
  if (!g_option_context_parse (context, &argc, &argv, NULL) || argc < 2)
    return 2;
  g_option_context_free (context);
  GST_ELEMENT_REGISTER (deltaextract, NULL);

  if (csv)
    g_print ("clip,ratio,extract_ms,decode_ms,frames,width,height,entropy,"
        "kbit_frame,mb_s,ns_bit,us_frame,ns_mb\n");
  for (gint i = 1; i < argc; i++) {
    gdouble extract = G_MAXDOUBLE, decode = no_decode ? 0 : G_MAXDOUBLE;
    gchar *name = g_path_get_basename (argv[i]);
    Units units;

    if (collect (argv[i], &units)) {
      for (gint run = 0; run < runs; run++) {
        extract = MIN (extract, time_element ("deltaextract", &units));
        if (!no_decode)
          decode = MIN (decode, time_element (decoder ? decoder : units.h264 ?
                  "avdec_h264 max-threads=1" :
                  "avdec_mpeg2video max-threads=1", &units));
      }
      print_clip (name, &units, extract, decode);
      all_extract += extract;
      all_decode += decode;
    } else {
      g_printerr ("%s: neither H.264 nor MPEG-2\n", argv[i]);
      status = 1;
    }
    g_ptr_array_unref (units.buffers);
    gst_clear_caps (&units.caps);
    g_free (name);
  }
  if (!csv && all_decode > 0)
    g_print ("all: ratio %.3f\n", all_extract / all_decode);
  return status;
}
