/* deltacnn: from one picture to another along the codec's motion vectors.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A picture's vectors lead to the pictures that it was predicted from, and theirs on from there, down
 * to an intra picture, the origin.  Each picture keeps where its blocks were in the origin; where they
 * were in a key picture of the same origin, whatever its type, is the difference of the two, looked up
 * where the block is in the key picture. */
#pragma once
#include "coding/picture.h"
#include "rivals/field.h"
#include "rivals/image.h"

typedef struct _DcnTrack DcnTrack;

DcnTrack *dcn_track_new(void);
void dcn_track_free(DcnTrack *track); /* NULL is fine */
void dcn_track_reset(DcnTrack *track);

/* Takes over a picture, in the order in which pictures are shown.  Vectors to pictures that were not
 * shown yet, or not at all, are not used.  NULL: a frame of which no picture is known.  Returns FALSE
 * where the picture is of no use: not complete, not understood, or with vectors for less than an eighth
 * of its blocks (the others then move with their neighbours); an intra picture is of use. */
gboolean dcn_track_add(DcnTrack *track, const DcnPicture *picture);

/* The last picture added becomes the key picture; nothing has been coded since. */
void dcn_track_set_key(DcnTrack *track);

/* From the last picture added to the key picture.  field has the grid of the picture's 8x8 blocks and
 * is written whole.  FALSE, and nothing is written, where no path leads there. */
gboolean dcn_track_to_key(DcnTrack *track, const DcnPlacement *placement, DcnField *field);

/* Grid of the last picture added. */
void dcn_track_grid(const DcnTrack *track, int *cols, int *rows);

/* Share of macroblocks that were intra or had coded residuals in any picture since the key picture. */
double dcn_track_coded_since_key(const DcnTrack *track);
