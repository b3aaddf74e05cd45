/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Two things that decoders may take from SEI messages make other samples than the slices say:
 *
 * - Film grain (D.1.21, D.2.21): libavcodec adds it to what it puts out, another pattern on each picture, so that a block that
 *   was copied is not what it was.
 * - The version of x264 in a message of its own: libavcodec decodes streams of early versions as those meant them, which is
 *   not as the standard says: before build 34 in spatial direct prediction, before build 151 in 4:4:4.
 */
#include "h264sei.h"

#include <stdio.h>
#include <string.h>

#define USER_DATA_UNREGISTERED     5
#define FILM_GRAIN_CHARACTERISTICS 19

#define UUID_BYTES 16
#define X264_TEXT 80            /* what is looked at of its message */
/* The first builds that do as the standard does */
#define X264_PLAIN_DIRECT 34
#define X264_PLAIN_444    151

/* 7.3.1: without emulation prevention bytes.  Returns the bytes that are left. */
static gsize
unescape (const guint8 * in, gsize size, guint8 * out)
{
  gsize n = 0;
  guint zeros = 0;

  for (gsize i = 0; i < size; i++) {
    if (zeros >= 2 && in[i] == 3) {
      zeros = 0;
      continue;
    }
    zeros = in[i] == 0 ? zeros + 1 : 0;
    out[n++] = in[i];
  }
  return n;
}

/* payloadType or payloadSize, 7.3.2.3.1.  FALSE where the data ends in it. */
static gboolean
read_number (const guint8 * data, gsize size, gsize * at, gsize * number)
{
  *number = 0;
  while (*at < size) {
    *number += data[*at];
    if (data[(*at)++] != 255)
      return TRUE;
  }
  return FALSE;
}

static void
read_version (DeltaH264Sei * sei, const guint8 * payload, gsize size)
{
  gchar text[X264_TEXT + 1] = { 0 };
  gint build;

  if (size <= UUID_BYTES)
    return;
  memcpy (text, payload + UUID_BYTES, MIN (size - UUID_BYTES, X264_TEXT));
  /* Zeros in full stand for no number at all, in builds much later than those. */
  if (sscanf (text, "x264 - core %5d", &build) == 1 && build > 0)
    sei->x264_build = g_str_has_prefix (text, "x264 - core 0000") ?
        X264_PLAIN_444 : build;
}

void
delta_h264_sei_read (DeltaH264Sei * sei, const guint8 * nal, gsize size)
{
  guint8 *data = g_malloc (size + 1);
  gsize end = size > 1 ? unescape (nal + 1, size - 1, data) : 0, at = 0;
  gboolean cancelled = FALSE;

  /* rbsp_trailing_bits() are a byte of their own: messages are whole bytes. */
  while (end > 0 && data[end - 1] == 0)
    end--;
  while (at + 2 < end) {
    gsize type, bytes;

    if (!read_number (data, end, &at, &type)
        || !read_number (data, end, &at, &bytes) || at >= end)
      break;
    /* film_grain_characteristics_cancel_flag; also of a message that is cut off, as nobody knows what is made of it */
    if (type == FILM_GRAIN_CHARACTERISTICS) {
      cancelled = data[at] & 0x80;
      if (!cancelled)
        sei->film_grain = TRUE;
    }
    if (bytes > end - at)
      break;
    if (type == USER_DATA_UNREGISTERED)
      read_version (sei, data + at, bytes);
    at += bytes;
  }
  if (cancelled && at + 1 == end && data[at] == 0x80)
    sei->film_grain = FALSE;
  g_free (data);
}

const gchar *
delta_h264_sei_doubt (const DeltaH264Sei * sei, gboolean b_slice,
    gint chroma_format_idc)
{
  if (sei->film_grain)
    return "film grain";
  if (b_slice && sei->x264_build > 0 && sei->x264_build < X264_PLAIN_DIRECT)
    return "direct prediction of an x264 before build 34";
  if (chroma_format_idc == 3 && sei->x264_build > 0
      && sei->x264_build < X264_PLAIN_444)
    return "4:4:4 of an x264 before build 151";
  return NULL;
}
