/* deltacnn: weighted prediction of H.264, as far as it leaves samples alone.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ITU-T H.264 8.4.2.3. */
#include "h264/state.h"
#include <string.h>

void
dcn_h264_weights(const DcnH264Sps *sps, const DcnH264Pps *pps, const DcnH264SliceHeader *header,
                 DcnH264SliceInfo *slice)
{
  gboolean b = header->slice_type == DCN_H264_SLICE_B;
  gboolean is_explicit = b ? pps->weighted_bipred_idc == 1 : pps->weighted_pred_flag;
  if (!is_explicit) {
    /* Default: the sample, or the rounded mean of two.  Implicit weights (8-280 ff.) add up to 64, and
     * equal samples a give (64 a + 32) >> 6 = a. */
    slice->copy_single[0] = slice->copy_single[1] = UINT32_MAX;
    for (int i = 0; i < 32; i++)
      slice->copy_bi[i] = UINT32_MAX;
    return;
  }
  int n_planes = dcn_h264_chroma_array_type(sps) ? 3 : 1;
  for (int i = 0; i < 32; i++)
    slice->copy_bi[i] = 0;
  for (int list = 0; list < 2; list++) {
    slice->copy_single[list] = 0;
    for (int i = 0; i <= header->num_ref_idx_active_minus1[list] && i < 32; i++) {
      const DcnH264Weight *w = &header->weights[list][i];
      gboolean copy = TRUE;
      /* (8-298), (8-299): ((a w + 2^(logWD - 1)) >> logWD) + o is a for w = 2^logWD and o = 0 */
      for (int plane = 0; plane < n_planes; plane++) {
        int log_wd = plane ? header->chroma_log2_weight_denom : header->luma_log2_weight_denom;
        copy &= w->weight[plane] == 1 << log_wd && w->offset[plane] == 0;
      }
      slice->copy_single[list] |= (uint32_t)copy << i;
    }
  }
  if (!b)
    return;
  for (int i = 0; i <= header->num_ref_idx_active_minus1[0] && i < 32; i++) {
    for (int k = 0; k <= header->num_ref_idx_active_minus1[1] && k < 32; k++) {
      const DcnH264Weight *w0 = &header->weights[0][i], *w1 = &header->weights[1][k];
      gboolean copy = TRUE;
      /* (8-300): ((a w0 + a w1 + 2^logWD) >> (logWD + 1)) + ((o0 + o1 + 1) >> 1) */
      for (int plane = 0; plane < n_planes; plane++) {
        int log_wd = plane ? header->chroma_log2_weight_denom : header->luma_log2_weight_denom;
        copy &= w0->weight[plane] + w1->weight[plane] == 2 << log_wd &&
                (w0->offset[plane] + w1->offset[plane] + 1) >> 1 == 0;
      }
      slice->copy_bi[i] |= (uint32_t)copy << k;
    }
  }
}

void
dcn_h264_copies(DcnH264SliceInfo *slice)
{
  memset(slice->copies, 0, sizeof slice->copies);
  for (int i = -1; i < slice->n_refs[0]; i++) {
    if (i >= 0 && !(slice->same_lines[0] >> i & 1))
      continue;
    for (int k = -1; k < slice->n_refs[1]; k++) {
      if (k >= 0 && !(slice->same_lines[1] >> k & 1))
        continue;
      gboolean copy = i < 0 && k < 0 ? FALSE
                      : k < 0        ? slice->copy_single[0] >> i & 1
                      : i < 0        ? slice->copy_single[1] >> k & 1
                                     : slice->copy_bi[i] >> k & 1;
      slice->copies[1 + i] |= (uint64_t)copy << (1 + k);
    }
  }
}
