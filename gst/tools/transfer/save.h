/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Features for other programs: numpy's .npy, and a .csv that says what its rows are.
 */
#pragma once

#include "clips.h"

G_BEGIN_DECLS

/* Writes NAME.npy, float32 [frames][features], and NAME.csv with label, clip, group,
 * validation (0 or 1) and frame of each row. */
gboolean transfer_save (const TransferClips * clips, const gchar * name,
    GError ** error);

G_END_DECLS
