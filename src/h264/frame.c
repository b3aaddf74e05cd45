/* deltacnn: frames of H.264 and the motion that is kept with them.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "h264/around.h"

gboolean
dcn_h264_map_take(DcnH264MapPool *pool, int mb_width, int mb_height, DcnH264MotionMap *map)
{
  int n_mbs = mb_width * mb_height;
  for (int i = 0; i < pool->n; i++) {
    if (pool->free[i].n_mbs == n_mbs) {
      *map = pool->free[i];
      pool->free[i] = pool->free[--pool->n];
      map->mb_width = mb_width;
      map->mb_height = mb_height;
      map->lists_differ = FALSE;
      g_array_set_size(map->slices, 0);
      return TRUE;
    }
  }
  *map = (DcnH264MotionMap){.mb_width = mb_width, .mb_height = mb_height, .n_mbs = n_mbs};
  map->slice = g_try_new(uint16_t, n_mbs);
  map->slices = g_array_new(FALSE, FALSE, sizeof(DcnH264SliceInfo));
  uint8_t *kind = g_try_new(uint8_t, n_mbs + 1);
  /* Compared without a branch for whether it counts, so read where nothing was ever written: never heeded there. */
  DcnH264Whole *whole = g_try_new0(DcnH264Whole, n_mbs + 1);
  DcnH264Motion *motion = g_try_new(DcnH264Motion, n_mbs + 1);
  map->kind = kind ? kind + 1 : NULL;
  map->whole = whole ? whole + 1 : NULL;
  map->motion = motion ? motion + 1 : NULL;
  if (!kind || !map->slice || !whole || !motion) {
    dcn_h264_map_give(NULL, map);
    return FALSE;
  }
  map->kind[-1] = DCN_H264_MOTION_INTRA;
  map->whole[-1] = (DcnH264Whole){.ref_idx = {DCN_H264_UNAVAILABLE, DCN_H264_UNAVAILABLE}};
  return TRUE;
}

void
dcn_h264_map_give(DcnH264MapPool *pool, DcnH264MotionMap *map)
{
  if (pool && map->kind && pool->n < DCN_H264_DPB_SIZE) {
    pool->free[pool->n++] = *map;
  } else {
    g_free(map->kind ? map->kind - 1 : NULL);
    g_free(map->slice);
    g_free(map->whole ? map->whole - 1 : NULL);
    g_free(map->motion ? map->motion - 1 : NULL);
    if (map->slices)
      g_array_unref(map->slices);
  }
  memset(map, 0, sizeof *map);
}

void
dcn_h264_map_pool_clear(DcnH264MapPool *pool)
{
  for (int i = 0; i < pool->n; i++)
    dcn_h264_map_give(NULL, &pool->free[i]);
  pool->n = 0;
}

DcnH264Frame *
dcn_h264_frame_ref(DcnH264Frame *frame)
{
  frame->refs++;
  return frame;
}

void
dcn_h264_frame_unref(DcnH264Frame *frame)
{
  if (!frame || --frame->refs > 0)
    return;
  dcn_picture_unref(frame->picture);
  for (int i = 0; i < 2; i++)
    dcn_h264_map_give(frame->pool, &frame->map[i]);
  g_free(frame);
}

int
dcn_h264_frame_poc(const DcnH264Frame *frame, int fields)
{
  fields &= frame->fields;
  if (fields == DCN_H264_TOP)
    return frame->poc[0];
  if (fields == DCN_H264_BOTTOM)
    return frame->poc[1];
  return MIN(frame->poc[0], frame->poc[1]);
}
