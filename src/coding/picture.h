/* deltacnn: what the codec says about one decoded picture.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A picture is a grid of 8x8 luma blocks.  For each block, born[] names the picture whose decoding gave the
 * block's samples (luma, and the chroma under it) their present values.  A block inherits its reference's
 * born only when it is provably a sample-exact copy at the same position; otherwise it is born in this
 * picture.  So: two pictures of one epoch are sample-identical in block i whenever a->born[i] == b->born[i].
 *
 * Field pairs: both coded fields of a frame are one picture.  It is created with the first field and complete
 * only after the second one; until then nobody but the extractor may look into it, which `complete` says. */
#pragma once
#include <glib.h>
#include <stdint.h>

typedef enum {
  DCN_PICTURE_UNKNOWN = 0,
  DCN_PICTURE_I = 1,
  DCN_PICTURE_P = 2,
  DCN_PICTURE_B = 3,
  DCN_PICTURE_D = 4 /* MPEG-1 DC pictures */
} DcnPictureType;

#define DCN_DIRECTION_FORWARD 0  /* MPEG-2 forward, H.264 list 0 */
#define DCN_DIRECTION_BACKWARD 1 /* MPEG-2 backward, H.264 list 1 */
#define DCN_PAST_MAX 32
#define DCN_NUMBER_NONE UINT32_MAX /* no such picture: a reference that was lost */

/* One motion vector of one partition.  Rectangles are in luma samples of the frame; for a field picture or a
 * field prediction y and h span the frame lines that the field lines of the partition lie between, and
 * `field` says which lines are meant. */
typedef struct {
  uint16_t x, y, w, h;
  uint32_t ref_number; /* number of the reference picture in the same epoch, or DCN_NUMBER_NONE */
  int16_t mv_x_qpel;   /* quarter samples; MPEG half samples are doubled */
  int16_t mv_y_qpel;   /* quarter samples of the frame, or of the field where field != 0 */
  uint8_t direction;   /* DCN_DIRECTION_* */
  uint8_t field;       /* 0: frame prediction; 1: predicts top field lines; 2: bottom field lines */
  uint8_t ref_field;   /* 0: the frame; 1, 2: the top, bottom field of the reference */
  uint8_t reserved;
} DcnVector;

/* Per macroblock flags. */
#define DCN_MB_INTRA 1
#define DCN_MB_SKIPPED 2
#define DCN_MB_CODED 4 /* at least one coded residual block */

typedef struct _DcnPicture DcnPicture;
struct _DcnPicture {
  int refs;       /* atomic */
  int complete;   /* atomic: all fields that make the picture have been seen */
  int read_ns;    /* atomic: time spent on reading it, see dcn_picture_add_time() */
  uint64_t epoch; /* process-wide unique; pictures of different epochs do not compare */
  uint32_t number; /* decode order in the epoch, from 0 */
  DcnPictureType type;
  gboolean known;      /* FALSE: not understood; every block is born now, vectors and macroblocks are empty */
  const char *unknown_reason; /* static string where !known */
  int coded_width, coded_height; /* luma samples as the decoder outputs them before cropping */
  int crop_x, crop_y, crop_width, crop_height; /* the part that is shown, luma samples */
  int cols, rows; /* 8x8 blocks: ceil(coded_width / 8), ceil(coded_height / 8) */
  uint32_t *born; /* [rows * cols], owned */
  int mb_cols, mb_rows;  /* 16x16 macroblocks of the frame; 0 where !known */
  uint8_t *quantiser;    /* [mb_rows * mb_cols], owned; quantiser_scale (MPEG-2, 1..112) or QP_Y (H.264) */
  uint8_t *mb_flags;     /* [mb_rows * mb_cols], owned; DCN_MB_* */
  GArray *vectors;       /* of DcnVector, owned; macroblock order within a coded picture */
  /* Pictures that this one predicts from and that are shown before it, by number: who has not seen one of them knows
   * that a decoder may have done without it.  n_past -1: not told. */
  int n_past;
  uint32_t past[DCN_PAST_MAX];
};

/* A picture whose blocks are all born in it.  Sizes must be in [1, 16384].  Returns NULL when memory is short.
 * The caller owns the one reference. */
DcnPicture *dcn_picture_new(uint64_t epoch, uint32_t number, DcnPictureType type, int coded_width, int coded_height);
DcnPicture *dcn_picture_ref(DcnPicture *picture);
void dcn_picture_unref(DcnPicture *picture); /* NULL is fine */

/* Marks the picture as not understood: every block born now, vectors dropped.  reason is a static string. */
void dcn_picture_set_unknown(DcnPicture *picture, const char *reason);

/* Adds to the time that reading the picture took; for a second field while others may look at it.  Stays at
 * INT_MAX, some two seconds, where there is more. */
void dcn_picture_add_time(DcnPicture *picture, uint64_t ns);

/* Compares two complete pictures.  changed: [rows * cols] bytes, 1 where the blocks may differ, 0 where they
 * are sample-identical.  Returns FALSE, and leaves changed alone, when they do not compare (other epoch, other
 * size, not complete, not known); then everything may differ. n_changed may be NULL. */
gboolean dcn_picture_compare(const DcnPicture *a, const DcnPicture *b, uint8_t *changed, int *n_changed);

/* A new process-wide unique epoch, from 1. */
uint64_t dcn_epoch_new(void);
