/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A clip that plays through deltaextract, a decoder and a deltacnn with its dense twin, while something happens.
 */
#pragma once

#include "common.h"

#define DECODED "deltaextract name=extract ! avdec_mpeg2video name=decoder "
#define FROM_MKV \
    "filesrc location=%s ! matroskademux name=demux ! mpegvideoparse name=parser ! " \
    DECODED
#define FROM_ES "filesrc location=%s ! mpegvideoparse ! " DECODED

/* What FROM_MKV and FROM_ES are made of, for test_have(). */
extern const gchar *const playing_needed[];

/* An element of the pipeline, which keeps it. */
GstElement *playing_find (GstElement * pipeline, const gchar * name);

/* Calls back for each buffer that passes the element's pad. */
void playing_probe (GstElement * pipeline, const gchar * name,
    const gchar * pad_name, GstPadProbeCallback callback, gpointer data);

/* The moving clip of test_moving_clip() through elements named demux, parser, extract, decoder, delta (with that source),
 * dense and sink; it can be started again.  NULL, the test marked as skipped, where something is missing. */
GstElement *playing_twins (Twins * twins, const gchar * source);

/* Ends pipeline and twins; fails the test where a frame was wrong, or fewer than `least` came. */
void playing_finish (GstElement * pipeline, Twins * twins, guint least);
