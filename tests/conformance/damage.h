/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Damages coded buffers where deltaextract and the decoder behind it get them: behind the parser, which would put much of it
 * right, or never hand it on.
 */
#pragma once
#include <gst/gst.h>

typedef struct _Damage Damage;

/* one_in: a buffer in so many is damaged.  nal_length: bytes of the length fields that `avc` streams get, 1 to 4; 0: as
 * they come. */
Damage *damage_new (guint32 seed, guint one_in, guint nal_length);
void damage_free (Damage * damage);

/* Starts with the stream; the damage must outlive it. */
void damage_attach (Damage * damage, GstPad * sinkpad);
