/* deltacnn: state of the reader of H.264 slice data.  Internal to the syntax files of src/h264.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "bits/bit_reader.h"
#include "h264/cabac.h"
#include "h264/decode.h"

/* What macroblocks to the right and below need of one for their contexts, beside its DcnH264Mb. */
struct _DcnH264Context {
  /* coded_block_flag of 4x4 blocks by colour plane, CABAC; bit 4 * y + x, chroma blocks of 4:2:0 and 4:2:2 with x 0 and 1.
   * Both of an 8x8 block's in all four. */
  uint16_t coded[3];
  uint8_t coded_dc; /* bit i: of the DC block of colour plane i */
  uint8_t intra_chroma_pred_mode;
  /* A slice needs one of the two, and looks at its own macroblocks only. */
  union {
    struct {
      uint8_t right[2][4][2], bottom[2][4][2]; /* |mvd_lX|, at most DCN_H264_MVD_LIMIT, by list and 4x4 block, CABAC */
    } mvd; /* the larger one, which an initialiser clears */
    struct {
      uint8_t right[3][4], bottom[3][4]; /* TotalCoeff of the blocks at the edges by colour plane, CAVLC */
    } total;
  };
};

#define DCN_H264_MVD_LIMIT 66 /* more makes no difference to 9.3.3.1.1.7, even halved */

/* A block grid with a border: the blocks of the macroblock at (x + 1, y + 1), those of its neighbours at 0. */
#define DCN_H264_GRID(x, y) (8 * ((y) + 1) + (x) + 1)

typedef struct {
  /* Of the slice */
  DcnH264Macroblocks *m;
  uint16_t number;
  gboolean cabac;
  gboolean intra; /* I or SI */
  gboolean b;
  gboolean si;
  gboolean transform_8x8_mode;
  int chroma_array_type;
  int qp_bd_offset;
  int num_ref_idx[2]; /* active ones; twice as many in field macroblocks of frames */
  size_t stop_bit;    /* position of rbsp_stop_one_bit in the data */
  const uint8_t *data;
  size_t size; /* to the byte with the stop bit, included */
  DcnBitReader reader;
  DcnH264Cabac engine;
  const char *error; /* static string; set once */

  /* Running */
  int mb_addr;
  int qp;                 /* QP_Y,PRED */
  gboolean last_qp_delta; /* mb_qp_delta of the macroblock before is not 0 */

  /* The macroblock at hand */
  DcnH264Mb *mb;
  DcnH264Context *context;
  gboolean field;     /* field macroblock of an MBAFF frame */
  const DcnH264Mb *a; /* mbAddrA and mbAddrB of 6.4.9, NULL where not available */
  const DcnH264Mb *b_mb;
  const DcnH264Context *top;
  const DcnH264Mb *left_mb[4]; /* by row of 4x4 blocks: what is to the left of it (6.4.12), all set or a is NULL */
  const DcnH264Context *left[4];
  uint8_t left_row[4]; /* row of 4x4 blocks there */

  uint8_t states[DCN_H264_N_CONTEXTS];
} DcnH264Slice;

static inline gboolean
dcn_h264_fail(DcnH264Slice *s, const char *reason)
{
  if (!s->error)
    s->error = reason;
  return FALSE;
}

/* Everything below that returns gboolean returns FALSE after an error. */

/* macroblock.c: macroblock_layer(), 7.3.5; s->mb has slice, flags (field), first_mvd, and the neighbours are set. */
gboolean dcn_h264_macroblock(DcnH264Slice *s);

/* cavlc.c: ue(v) of more than 31 bits */
uint32_t dcn_h264_long_ue(DcnBitReader *reader);

/* ue(v), 9.1; what no element has sets the reader's error and returns 0. */
static inline uint32_t
dcn_h264_ue(DcnBitReader *reader)
{
  uint32_t bits = dcn_bits_peek(reader, 32);
  if (G_UNLIKELY(bits >> 16 == 0))
    return dcn_h264_long_ue(reader);
  int zeros = __builtin_clz(bits);
  dcn_bits_skip(reader, 2 * zeros + 1);
  return (bits >> (31 - 2 * zeros)) - 1;
}

/* se(v), table 9-3 */
static inline int
dcn_h264_se(DcnBitReader *reader)
{
  uint32_t code = dcn_h264_ue(reader);
  int sign = (int)(code & 1) - 1; /* -1 where it is even: below 0 */
  return ((int)((code + 1) >> 1) ^ sign) - sign;
}

void dcn_h264_cavlc_init(void); /* behind dcn_h264_tables_init(), once */
gboolean dcn_h264_cavlc_residual(DcnH264Slice *s);

/* cabac.c: syntax elements, 9.3.2 and 9.3.3.1. */
void dcn_h264_cabac_contexts(DcnH264Slice *s, int cabac_init_idc, int slice_qp);
unsigned dcn_h264_cabac_mb_skip_flag(DcnH264Slice *s);
unsigned dcn_h264_cabac_mb_field_decoding_flag(DcnH264Slice *s, gboolean left, gboolean above);
int dcn_h264_cabac_mb_type(DcnH264Slice *s); /* numbered as ue(v) would be */
int dcn_h264_cabac_sub_mb_type(DcnH264Slice *s);
unsigned dcn_h264_cabac_transform_size_8x8_flag(DcnH264Slice *s);
void dcn_h264_cabac_intra_pred_modes(DcnH264Slice *s, int n);
int dcn_h264_cabac_intra_chroma_pred_mode(DcnH264Slice *s);
int dcn_h264_cabac_ref_idx(DcnH264Slice *s, int list, int quarter); /* 32 and more: wrong */
/* sum: absMvdComp; FALSE where it is out of range */
gboolean dcn_h264_cabac_mvd(DcnH264Slice *s, int component, int sum, int *value);
int dcn_h264_cabac_coded_block_pattern(DcnH264Slice *s);
gboolean dcn_h264_cabac_mb_qp_delta(DcnH264Slice *s, int *value);

/* cabac-residual.c */
gboolean dcn_h264_cabac_residual(DcnH264Slice *s);
