/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Element "statefuldec": a decoder that treats frames as the V4L2 stateful decoders of gstv4l2videodec.c do, for tests
 * on machines without such hardware.  The decoding is libavcodec's.
 *
 *  - takes H.264 as byte-stream by access units only, or MPEG-2 video;
 *  - the frame's number is the key: it goes in as the time stamp of the coded bytes, and finds the frame again by the
 *    time stamp of the decoded picture;
 *  - the input buffer is given back as soon as it is queued, and a copy without memory takes its place
 *    (gst_buffer_copy_into() of flags, time stamps and metas, no bytes);
 *  - a thread of its own takes decoded pictures out, in display order, some frames later;
 *  - pictures with errors never come out, and with the property `lose` every so manieth does not either; what was
 *    not put out is dropped when it is 100 frames old.
 */
#pragma once

#include <gst/gst.h>

gboolean test_stateful_dec_register (void);

/* 'I', 'P' or 'B', what libavcodec says of a frame that the element put out; 0 for other buffers. */
gchar test_stateful_dec_picture_type (GstBuffer * buffer);
