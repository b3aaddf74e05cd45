/* deltacnn: from one picture to another along the codec's motion vectors.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rivals/track.h"
#include <string.h>

/* Pictures that are remembered: more than can be references (H.264 A.3: 16 frames), and the B pictures
 * between two of them. */
#define PICTURES 24
/* An offset that grew beyond this, quarter samples, is not one. */
#define OFFSET_MOST 32000
/* One block in so many needs a vector.  B pictures take much from a picture that is shown later. */
#define KNOWN_SHARE 8

typedef struct {
  int16_t x, y; /* quarter samples */
} Qpel;

typedef struct {
  gboolean used;
  uint32_t number;
  uint64_t origin; /* which one */
  Qpel *offset;    /* [rows * cols] of each block to the origin, owned */
} Entry;

typedef struct {
  int64_t x, y, weight; /* a hostile stream may have any number of vectors for a block */
} Sum;

struct _DcnTrack {
  uint64_t epoch;
  int cols, rows;       /* 8x8 blocks */
  int mb_cols, mb_rows; /* macroblocks */
  int crop_x, crop_y;
  uint64_t origins; /* so many there were */
  Entry entries[PICTURES];
  int next;       /* entry to be overwritten */
  Entry *last;    /* NULL: it was of no use */
  Entry key;      /* a copy */
  Sum *sums;      /* [rows * cols] */
  uint8_t *coded; /* [mb_rows * mb_cols] since the key picture */
};

DcnTrack *
dcn_track_new(void)
{
  return g_new0(DcnTrack, 1);
}

static void
entry_clear(Entry *entry)
{
  g_free(entry->offset);
  memset(entry, 0, sizeof *entry);
}

static void
clear(DcnTrack *track)
{
  for (int i = 0; i < PICTURES; i++)
    entry_clear(&track->entries[i]);
  entry_clear(&track->key);
  g_clear_pointer(&track->sums, g_free);
  g_clear_pointer(&track->coded, g_free);
  track->cols = track->rows = 0;
  track->last = NULL;
}

void
dcn_track_free(DcnTrack *track)
{
  if (!track)
    return;
  clear(track);
  g_free(track);
}

void
dcn_track_reset(DcnTrack *track)
{
  for (int i = 0; i < PICTURES; i++)
    track->entries[i].used = FALSE;
  track->key.used = FALSE;
  track->last = NULL;
  track->epoch = 0;
}

/* Pictures of another epoch have nothing to do with each other; of another size they need other
 * memory. */
static void
begin(DcnTrack *track, const DcnPicture *picture)
{
  if (track->epoch != picture->epoch)
    dcn_track_reset(track);
  track->epoch = picture->epoch;
  track->crop_x = picture->crop_x;
  track->crop_y = picture->crop_y;
  if (track->cols == picture->cols && track->rows == picture->rows &&
      track->mb_cols == picture->mb_cols && track->mb_rows == picture->mb_rows)
    return;
  clear(track);
  size_t n = (size_t)picture->cols * picture->rows;
  track->cols = picture->cols;
  track->rows = picture->rows;
  track->mb_cols = picture->mb_cols;
  track->mb_rows = picture->mb_rows;
  for (int i = 0; i < PICTURES; i++)
    track->entries[i].offset = g_new0(Qpel, n);
  track->key.offset = g_new0(Qpel, n);
  track->sums = g_new0(Sum, n);
  track->coded = g_new0(uint8_t, (size_t)picture->mb_cols * picture->mb_rows);
}

static Entry *
find(DcnTrack *track, uint32_t number)
{
  for (int i = 0; i < PICTURES; i++)
    if (track->entries[i].used && track->entries[i].number == number)
      return &track->entries[i];
  return NULL;
}

/* The block that a position in quarter samples lies in, or the nearest. */
static int
block_at(const DcnTrack *track, int x_qpel, int y_qpel)
{
  int col = CLAMP(x_qpel >> 5, 0, track->cols - 1), row = CLAMP(y_qpel >> 5, 0, track->rows - 1);
  return row * track->cols + col;
}

/* Adds a vector to the blocks that its partition lies on, by the samples that they share. */
static void
add_vector(DcnTrack *track, const DcnVector *v, const Entry *reference)
{
  int mv_x = v->mv_x_qpel, mv_y = v->field ? 2 * v->mv_y_qpel : v->mv_y_qpel;
  int right = MIN((v->x + v->w + 7) / 8, track->cols);
  int bottom = MIN((v->y + v->h + 7) / 8, track->rows);
  for (int row = v->y / 8; row < bottom; row++)
    for (int col = v->x / 8; col < right; col++) {
      int x0 = MAX(v->x, col * 8), x1 = MIN(v->x + v->w, col * 8 + 8);
      int y0 = MAX(v->y, row * 8), y1 = MIN(v->y + v->h, row * 8 + 8);
      int there = block_at(track, 2 * (x0 + x1) + mv_x, 2 * (y0 + y1) + mv_y);
      int weight = (x1 - x0) * (y1 - y0);
      Sum *sum = &track->sums[row * track->cols + col];
      sum->x += (int64_t)weight * (mv_x + reference->offset[there].x);
      sum->y += (int64_t)weight * (mv_y + reference->offset[there].y);
      sum->weight += weight;
    }
}

/* The youngest origin that any of the vectors leads to; 0: none. */
static uint64_t
origin_of(DcnTrack *track, const DcnPicture *picture)
{
  uint64_t origin = 0;
  uint32_t looked_up = DCN_NUMBER_NONE;
  for (guint i = 0; i < picture->vectors->len; i++) {
    const DcnVector *v = &g_array_index(picture->vectors, DcnVector, i);
    if (v->ref_number == looked_up || v->ref_number == DCN_NUMBER_NONE)
      continue;
    looked_up = v->ref_number;
    const Entry *reference = find(track, v->ref_number);
    if (reference)
      origin = MAX(origin, reference->origin);
  }
  return origin;
}

/* A block without a vector (intra, or predicted from what is not shown yet) moves with its neighbours:
 * once from the top left, once from the bottom right. */
static void
fill(DcnTrack *track, Entry *entry)
{
  int n = track->cols * track->rows;
  for (int pass = 0; pass < 2; pass++)
    for (int at = 0; at < n; at++) {
      int i = pass ? n - 1 - at : at, step = pass ? 1 : -1;
      int col = i % track->cols + step, row = i / track->cols + step;
      int x = 0, y = 0, neighbours = 0;
      int beside = i + step, over = i + step * track->cols;
      if (track->sums[i].weight > 0)
        continue;
      if (col >= 0 && col < track->cols && track->sums[beside].weight > 0) {
        x += entry->offset[beside].x;
        y += entry->offset[beside].y;
        neighbours++;
      }
      if (row >= 0 && row < track->rows && track->sums[over].weight > 0) {
        x += entry->offset[over].x;
        y += entry->offset[over].y;
        neighbours++;
      }
      if (neighbours == 0)
        continue;
      entry->offset[i] = (Qpel){(int16_t)(x / neighbours), (int16_t)(y / neighbours)};
      track->sums[i].weight = 1;
    }
}

/* Returns how many blocks have vectors. */
static int
follow_vectors(DcnTrack *track, const DcnPicture *picture, Entry *entry)
{
  int n = track->cols * track->rows, n_known = 0;
  uint32_t looked_up = DCN_NUMBER_NONE;
  const Entry *reference = NULL;
  memset(track->sums, 0, sizeof *track->sums * (size_t)n);
  memset(entry->offset, 0, sizeof *entry->offset * (size_t)n);
  for (guint i = 0; i < picture->vectors->len; i++) {
    const DcnVector *v = &g_array_index(picture->vectors, DcnVector, i);
    if (v->ref_number != looked_up)
      reference = find(track, looked_up = v->ref_number);
    if (reference && reference->origin == entry->origin)
      add_vector(track, v, reference);
  }
  for (int i = 0; i < n; i++) {
    const Sum *sum = &track->sums[i];
    if (sum->weight == 0)
      continue;
    n_known++;
    entry->offset[i].x = (int16_t)CLAMP(sum->x / sum->weight, -OFFSET_MOST, OFFSET_MOST);
    entry->offset[i].y = (int16_t)CLAMP(sum->y / sum->weight, -OFFSET_MOST, OFFSET_MOST);
  }
  fill(track, entry);
  return n_known;
}

gboolean
dcn_track_add(DcnTrack *track, const DcnPicture *picture)
{
  track->last = NULL;
  if (!picture || !g_atomic_int_get(&picture->complete) || !picture->known ||
      picture->mb_cols < 1 || picture->mb_rows < 1)
    return FALSE;
  begin(track, picture);
  size_t n = (size_t)track->cols * track->rows;
  for (int i = 0; i < track->mb_cols * track->mb_rows; i++)
    track->coded[i] |= (picture->mb_flags[i] & (DCN_MB_INTRA | DCN_MB_CODED)) != 0;

  Entry *entry = find(track, picture->number);
  if (entry) { /* shown twice */
    track->last = entry;
    return TRUE;
  }
  entry = &track->entries[track->next];
  track->next = (track->next + 1) % PICTURES;
  entry->used = FALSE;
  entry->origin = origin_of(track, picture);
  if (picture->vectors->len == 0) {
    entry->origin = ++track->origins;
    memset(entry->offset, 0, sizeof *entry->offset * n);
  } else if (entry->origin == 0 ||
             KNOWN_SHARE * (size_t)follow_vectors(track, picture, entry) < n) {
    return FALSE;
  }
  entry->number = picture->number;
  entry->used = TRUE;
  track->last = entry;
  return TRUE;
}

void
dcn_track_set_key(DcnTrack *track)
{
  size_t n = (size_t)track->cols * track->rows;
  track->key.used = track->last != NULL;
  if (track->coded)
    memset(track->coded, 0, (size_t)track->mb_cols * track->mb_rows);
  if (!track->last)
    return;
  track->key.number = track->last->number;
  track->key.origin = track->last->origin;
  memcpy(track->key.offset, track->last->offset, sizeof *track->key.offset * n);
}

/* What is at p of the last picture, at q of the key picture and at o of the origin: q = p + offset(p)
 * - key offset(q).  From q = p on, twice: the key's offsets are much alike from block to block. */
static Qpel
through_origin(const DcnTrack *track, int block)
{
  const Qpel *now = &track->last->offset[block];
  int x = (block % track->cols) * 32 + 16, y = (block / track->cols) * 32 + 16;
  int there = block;
  Qpel offset = {0, 0};
  for (int i = 0; i < 3; i++) {
    const Qpel *key = &track->key.offset[there];
    offset.x = (int16_t)CLAMP(now->x - key->x, -OFFSET_MOST, OFFSET_MOST);
    offset.y = (int16_t)CLAMP(now->y - key->y, -OFFSET_MOST, OFFSET_MOST);
    there = block_at(track, x + offset.x, y + offset.y);
  }
  return offset;
}

gboolean
dcn_track_to_key(DcnTrack *track, const DcnPlacement *placement, DcnField *field)
{
  if (!track->last || !track->key.used || track->last->origin != track->key.origin ||
      field->cols != track->cols || field->rows != track->rows)
    return FALSE;
  gboolean same = track->last->number == track->key.number;
  field->width = 8 * placement->scale_x;
  field->height = 8 * placement->scale_y;
  field->left = -(placement->left + track->crop_x) * placement->scale_x;
  field->top = -(placement->top + track->crop_y) * placement->scale_y;
  for (int i = 0; i < field->cols * field->rows; i++) {
    Qpel offset = {0, 0};
    if (!same)
      offset = through_origin(track, i);
    field->known[i] = 1;
    field->x[i] = (float)(offset.x / 4.0 * placement->scale_x);
    field->y[i] = (float)(offset.y / 4.0 * placement->scale_y);
  }
  return TRUE;
}

void
dcn_track_grid(const DcnTrack *track, int *cols, int *rows)
{
  *cols = track->cols;
  *rows = track->rows;
}

double
dcn_track_coded_since_key(const DcnTrack *track)
{
  int n = track->mb_cols * track->mb_rows, coded = 0;
  if (!track->coded)
    return 1;
  for (int i = 0; i < n; i++)
    coded += track->coded[i];
  return (double)coded / n;
}
