/* deltacnn tests: libFuzzer target of the H.264 slice data layer.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The input is one picture: what the headers would say in a few bytes each (h264-seed.h), and slice data.  Any value of a
 * header reaches the reader; what comes out must be what decode.h promises. */
#include "fuzz.h"
#include "h264-seed.h"
#include "h264/decode.h"
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (!(condition))                                                                              \
      abort();                                                                                     \
  } while (0)

typedef struct {
  const DcnH264Macroblocks *m;
  int reported;
} Target;

/* Vector differences of a macroblock: as many as its partitions say. */
static uint32_t
count_mvds(const DcnH264Mb *mb)
{
  uint32_t n = 0;
  if (mb->type < DCN_H264_MB_16X16 || mb->type > DCN_H264_MB_8X8)
    return 0;
  for (int list = 0; list < 2; list++) {
    for (int i = 0; i < 4; i++) {
      uint32_t parts = mb->sub[i] & DCN_H264_SUB_8X4 && mb->sub[i] & DCN_H264_SUB_4X8 ? 4
                       : mb->sub[i] & DCN_H264_SUB_SHAPE                              ? 2
                                                                                      : 1;
      gboolean starts = mb->type == DCN_H264_MB_8X8 || i == 0 ||
                        (mb->type == DCN_H264_MB_16X8 && i == 2) ||
                        (mb->type == DCN_H264_MB_8X16 && i == 1);
      CHECK(mb->type == DCN_H264_MB_8X8 || parts == 1);
      if (starts && mb->sub[i] >> list & 1)
        n += parts;
    }
  }
  return n;
}

static void
check_mb(const DcnH264Macroblocks *m, int mb_addr)
{
  const DcnH264Mb *mb = &m->mbs[mb_addr];
  CHECK(mb->slice >= 1 && mb->slice <= m->n_slices);
  CHECK(mb->type <= DCN_H264_MB_B_SKIP);
  CHECK((mb->coded_block_pattern & 15) <= 15 && mb->coded_block_pattern >> 4 <= 2);
  CHECK(mb->qp >= -6 * (m->bit_depth_luma - 8) && mb->qp <= 51);
  CHECK(m->mbaff || !(mb->flags & DCN_H264_MB_FIELD));
  CHECK(mb->first_mvd <= m->n_mvd && count_mvds(mb) <= m->n_mvd - mb->first_mvd);
  for (int list = 0; list < 2; list++)
    for (int i = 0; i < 4; i++) {
      int uses = mb->sub[i] >> list & 1;
      CHECK(uses ? mb->ref_idx[list][i] >= 0 && mb->ref_idx[list][i] < 64
                 : mb->ref_idx[list][i] == -1);
      CHECK(!(mb->sub[i] & DCN_H264_SUB_DIRECT) || !(mb->sub[i] & ~DCN_H264_SUB_DIRECT));
      CHECK(!dcn_h264_mb_is_intra(mb) || mb->sub[i] == 0);
    }
  for (int y = -1; y < 16; y++) {
    static const int x[] = {-1, 0, 16};
    for (int i = 0; i < 3; i++)
      for (int any = 0; any < 2; any++) {
        int inside = 0, found = dcn_h264_neighbour(m, mb_addr, x[i], y, any, &inside);
        CHECK(found >= -1 && found < m->mb_width * m->mb_height && inside >= 0 && inside < 16);
      }
  }
}

static void
report(void *user, int mb_addr, int count)
{
  Target *t = user;
  CHECK(count > 0 && (!t->m->mbaff || (mb_addr % 2 == 0 && count % 2 == 0)));
  CHECK(mb_addr >= 0 && mb_addr + count <= t->m->mb_width * t->m->mb_height);
  if (t->m->mbaff)
    CHECK(!((t->m->mbs[mb_addr].flags ^ t->m->mbs[mb_addr + 1].flags) & DCN_H264_MB_FIELD));
  for (int i = 0; i < count; i++)
    check_mb(t->m, mb_addr + i);
  t->reported += count;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  H264Seed seed;
  DcnH264Sps sps;
  DcnH264Macroblocks m = {0};
  if (!h264_seed_picture(&seed, data, size, &sps))
    return 0;
  for (int again = 0; again < 2; again++) {
    Target t = {.m = &m};
    CHECK(dcn_h264_macroblocks_begin(&m, &sps, seed.field_pic_flag));
    DcnH264SliceHeader header;
    DcnH264Pps pps;
    const uint8_t *nal;
    size_t nal_size, header_bits, at = H264_SEED_PICTURE;
    gboolean all = TRUE;
    while (h264_seed_slice(&seed, data, size, &at, &pps, &header, &nal, &nal_size, &header_bits)) {
      /* an allocation of its own size, so that reading past the end shows */
      uint8_t *copy = g_memdup2(nal, nal_size);
      const char *error =
          dcn_h264_slice_data(&m, &pps, &header, copy, nal_size, header_bits, report, &t);
      g_free(copy);
      all = all && !error;
    }
    CHECK(t.reported <= m.n_decoded && (!all || t.reported == m.n_decoded));
    CHECK(m.n_decoded <= m.mb_width * m.mb_height);
  }
  dcn_h264_macroblocks_clear(&m);
  return 0;
}
