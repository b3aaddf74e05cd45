/* deltacnn: the network's input: taken over whole, or tested against what was propagated.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Most frames leave most pixels as they were, so this loop is the largest fixed cost of a frame. */
#include "net/internal.h"
#include "util/parallel.h"
#include <math.h>
#include <string.h>

typedef float V4 __attribute__((vector_size(16), aligned(4), may_alias));

/* Pixels of three channels from a pitch of 4 floats to one of 3, four at a time; returns how many it did. */
static int
take_threes(const float *from, float *to, int pixels)
{
  int p = 0;
  for (; p + 4 <= pixels; p += 4, from += 16, to += 12) {
    const V4 *x = (const V4 *)from;
    V4 *y = (V4 *)to;
    y[0] = __builtin_shufflevector(x[0], x[1], 0, 1, 2, 4);
    y[1] = __builtin_shufflevector(x[1], x[2], 1, 2, 4, 5);
    y[2] = __builtin_shufflevector(x[2], x[3], 2, 4, 5, 6);
  }
  return p;
}

/* The caller's pixels have a pitch of 4 floats where ref's have none to spare (c <= 4). */
void
dcn_input_take(DcnState *state)
{
  DcnValueState *v = &state->values[state->net->program->input];
  const DcnNetValue *nv = v->net;
  size_t stride = (size_t)dcn_channel_pitch(nv->c), c = (size_t)nv->c;
  const float *from = state->input;
  float *to = v->ref;
  int p = 0, pixels = nv->pixels;
  if (c == 3) {
    p = take_threes(from, to, pixels);
    from += (size_t)p * stride;
    to += (size_t)p * c;
  } else if (c <= 4) { /* four floats are one move; what is too much the next pixel overwrites */
    for (; p + 4 < pixels; p++, from += stride, to += c)
      memcpy(to, from, sizeof(float) * 4);
  }
  for (; p < pixels; p++, from += stride, to += nv->ref_pitch)
    memcpy(to, from, sizeof(float) * c);
}

typedef struct {
  const DcnJob *job;
  const uint8_t *touched;
  const uint64_t *near; /* NULL: touched may be set anywhere */
} Loop;

/* Of an image larger than the caches, what was touched is asked for this many words of 64 pixels
 * before it is looked at. */
#define AHEAD 16
/* Where so many of a word were touched, all of it is looked at, which the processor foresees. */
#define MANY 40

/* Smaller ones lie in the caches. */
#define CACHED_PIXELS (256 * 256)

typedef struct {
  int row, x;
  uint64_t near;
} Word;

/* Up to three pixels between others are taken, too: that makes fewer, longer runs. */
static inline uint64_t
close_gaps(uint64_t near)
{
  uint64_t longer = near | near << 1;
  longer |= longer << 2;
  return near | (longer & longer >> 1 & longer >> 2 & longer >> 3);
}

static void
ask_for(const DcnJob *job, const Word *word)
{
  const DcnValueState *v = job->out;
  size_t row = (size_t)word->row * v->net->w + (size_t)word->x, c = (size_t)v->net->c;
  if (c > 4 || dcn_bits_count(word->near) > MANY)
    return;
  for (uint64_t near = close_gaps(word->near); near;) {
    int from = __builtin_ctzll(near), run = dcn_bits_run(near, from);
    const float *x = job->state->input + (row + (size_t)from) * 4,
                *ref = v->ref + (row + (size_t)from) * c,
                *delta = v->delta ? v->delta + (row + (size_t)from) * c : NULL;
    for (int i = 0; i < run; i += 4) {
      __builtin_prefetch(x + i * 4);
      __builtin_prefetch(ref + (size_t)i * c, 1);
      if (delta)
        __builtin_prefetch(delta + (size_t)i * c, 1);
    }
    size_t last = (size_t)run * c - 1; /* a short run may lie on two lines */
    __builtin_prefetch(ref + last, 1);
    if (delta)
      __builtin_prefetch(delta + last, 1);
    near &= ~(dcn_bits_last(run) << from);
  }
  if (v->changed)
    __builtin_prefetch(v->changed + row, 1);
}

/* Of more than four channels. */
static void
test_deep(const DcnJob *job, int first, uint64_t near, DcnWorker *worker)
{
  const float *x = job->state->input;
  size_t pitch = (size_t)dcn_channel_pitch(job->out->net->c);
  for (near = close_gaps(near); near;) {
    int from = __builtin_ctzll(near), run = dcn_bits_run(near, from);
    dcn_emit_run(job, first + from, run, x + (size_t)(first + from) * pitch, pitch, -INFINITY,
                 INFINITY, worker);
    near &= ~(dcn_bits_last(run) << from);
  }
}

/* Pixels most that the kernel takes at once. */
#define AT_ONCE 1024

/* Up to AT_ONCE pixels of an image: bits says which of them, and then which changed. */
static int
test_image(const DcnJob *job, int first, int pixels, uint64_t *bits)
{
  DcnValueState *v = job->out;
  const DcnDiff d = {
      .x = job->state->input + (size_t)first * 4,
      .ref = dcn_ref(v, first),
      .delta = v->delta ? v->delta + (size_t)first * v->net->pitch : NULL,
      .mask = v->mask ? v->mask + first : NULL,
      .changed = v->changed ? v->changed + first : NULL,
      .tolerance = v->threshold,
  };
  return job->kernels->diff_image(&d, pixels, v->net->c, bits);
}

static void
test_word(const DcnJob *job, const Word *word, DcnWorker *worker)
{
  DcnValueState *v = job->out;
  const DcnNetValue *nv = v->net;
  int n = MIN(64, nv->w - word->x), first = word->row * nv->w + word->x;
  uint64_t *bits = v->bits + (size_t)word->row * nv->row_words + (word->x >> 6), found = word->near;
  if (nv->c > 4) {
    test_deep(job, first, word->near & dcn_bits_last(n), worker);
    v->row_changed[word->row] += dcn_bits_pack(v->changed + first, n, bits);
    return;
  }
  worker->values_changed += (uint64_t)test_image(job, first, n, &found);
  v->row_changed[word->row] += dcn_bits_count(found & ~*bits);
  *bits |= found;
}

/* Rows of at most AT_ONCE pixels of an image that the caches hold.  As many as the kernel takes at once are one run of
 * bits, whatever their width. */
static void
test_cached_rows(const Loop *loop, int begin, int end, DcnWorker *worker)
{
  const DcnJob *job = loop->job;
  DcnValueState *v = job->out;
  int w = v->net->w, words = v->net->row_words;
  for (int row = begin, n; row < end; row += n) {
    n = MIN(AT_ONCE / w, end - row);
    uint64_t run[AT_ONCE / 64];
    int first = row * w, pixels = n * w, touched = 0;
    for (int i = 0; i < pixels; i += 64) {
      int some = MIN(64, pixels - i);
      run[i / 64] = loop->touched ? dcn_bits_of_any_bytes(loop->touched + first + i, some)
                                  : dcn_bits_last(some);
      touched += dcn_bits_count(run[i / 64]);
    }
    int values = touched ? test_image(job, first, pixels, run) : 0;
    worker->pixels_touched += touched;
    worker->values_changed += (uint64_t)values;
    uint64_t *bits = v->bits + (size_t)row * words;
    for (int y = 0; values && y < n; y++)
      for (int x = 0; x < w; x += 64, bits++) {
        *bits = dcn_bits_at(run, dcn_bits_words(pixels), y * w + x) & dcn_bits_last(MIN(64, w - x));
        v->row_changed[row + y] += dcn_bits_count(*bits);
      }
  }
}

/* The first column from x on, a multiple of 64, where 64 pixels may have been touched; w or more: none. */
static inline int
next_word(const Loop *loop, int row, int x)
{
  int w = loop->job->out->net->w;
  if (!loop->touched || x >= w)
    return x;
  if (loop->near) {
    int words = dcn_near_words(w), i = x >> 12;
    const uint64_t *near = loop->near + (size_t)row * (size_t)words;
    uint64_t left = near[i] >> (x >> 6 & 63) << (x >> 6 & 63);
    while (left == 0 && ++i < words)
      left = near[i];
    return left ? (i * 64 + __builtin_ctzll(left)) * 64 : w;
  }
  const uint8_t *marks = loop->touched + (size_t)row * w;
  while (x + 256 <= w && dcn_bits_none_of_256(marks + x))
    x += 256;
  return x;
}

/* What is to be tested soon. */
typedef struct {
  Word words[AHEAD];
  unsigned asked, done;
} Ahead;

static void
test_soon(const DcnJob *job, Ahead *ahead, int row, int x, uint64_t near, DcnWorker *worker)
{
  if (ahead->asked - ahead->done == AHEAD)
    test_word(job, &ahead->words[ahead->done++ % AHEAD], worker);
  Word *word = &ahead->words[ahead->asked++ % AHEAD];
  *word = (Word){row, x, near};
  ask_for(job, word);
}

static void
test_rest(const DcnJob *job, Ahead *ahead, DcnWorker *worker)
{
  while (ahead->done < ahead->asked)
    test_word(job, &ahead->words[ahead->done++ % AHEAD], worker);
}

/* Items are rows: tests them and makes bits of their marks, which are clear. */
static void
test_rows(void *context, int begin, int end, int number)
{
  const Loop *loop = context;
  const DcnJob *job = loop->job;
  const DcnNetValue *nv = job->out->net;
  DcnWorker *worker = dcn_worker(job, number);
  int w = nv->w, touched = 0;
  if (nv->c <= 4 && w <= AT_ONCE && (!loop->touched || nv->pixels <= CACHED_PIXELS)) {
    test_cached_rows(loop, begin, end, worker);
    return;
  }
  Ahead ahead = {.asked = 0};
  for (int row = begin; row < end; row++)
    for (int x = next_word(loop, row, 0); x < w; x = next_word(loop, row, x + 64)) {
      const uint8_t *marks = loop->touched ? loop->touched + (size_t)row * w : NULL;
      int n = MIN(64, w - x);
      uint64_t near = marks ? dcn_bits_of_any_bytes(marks + x, n) : dcn_bits_last(n);
      if (near == 0)
        continue;
      int count = dcn_bits_count(near);
      touched += count;
      test_soon(job, &ahead, row, x, count > MANY ? dcn_bits_last(n) : near, worker);
    }
  test_rest(job, &ahead, worker);
  worker->pixels_touched += touched;
}

/* Which of a band's cells were touched all over, or but for a few pixels: all of them counts as changed.  Returns how many there are, and of how many pixels that are touched. */
static int
leave_cells(const DcnJob *job, int band, int row, int rows, int *pixels)
{
  DcnUntested *untested = &job->state->untested;
  const DcnValueState *v = job->out;
  int words = v->net->row_words, w = v->net->w, step = untested->cell_w, count = 0;
  uint64_t *bits = v->bits + (size_t)row * words;
  uint64_t *cells = untested->cells + (size_t)band * untested->words;
  for (int x = 0, cell = 0; x < w; x += step, cell++) {
    while (bits[x >> 6] == 0 && (x & 63) + step <= 64 && x + step < w)
      x += step, cell++;
    uint64_t mask = dcn_bits_last(MIN(step, w - x));
    int columns = MIN(step, w - x), missed = 0;
    int spare = columns == step && rows == untested->cell_h ? untested->spare : 0;
    for (int y = 0; y < rows && missed <= spare; y++) {
      uint64_t missing = mask & ~dcn_bits_at(bits + (size_t)y * words, words, x);
      missed += missing ? dcn_bits_count(missing) : 0;
    }
    if (missed > spare)
      continue;
    cells[cell >> 6] |= UINT64_C(1) << (cell & 63);
    for (int y = 0; y < rows; y++) {
      uint64_t *to = bits + (size_t)y * words + (x >> 6);
      to[0] |= mask << (x & 63);
      if ((x & 63) + columns > 64)
        to[1] |= mask >> (64 - (x & 63));
      v->row_changed[row + y] += columns;
    }
    *pixels += columns * rows - missed;
    count++;
  }
  return count;
}

/* Of 64 columns from x on, those of cells that are not tested. */
static uint64_t
untested_columns(const DcnUntested *untested, int band, int x)
{
  uint64_t columns = 0;
  int step = untested->cell_w;
  for (int cell = x / step; cell < untested->across && cell * step < x + 64; cell++) {
    if (!dcn_untested_has(untested, band, cell))
      continue;
    int from = MAX(cell * step - x, 0), end = MIN((cell + 1) * step - x, 64);
    columns |= dcn_bits_last(end - from) << from;
  }
  return columns;
}

/* Rows of marks asked for ahead: blocks reach over some. */
#define MARKS_AHEAD 4

/* Items are bands of cells. */
static void
test_bands(void *context, int begin, int end, int number)
{
  const Loop *loop = context;
  const DcnJob *job = loop->job;
  const DcnUntested *untested = &job->state->untested;
  const DcnNetValue *nv = job->out->net;
  DcnWorker *worker = dcn_worker(job, number);
  int w = nv->w, words = nv->row_words, touched = 0, of_image = untested->bands / nv->n;
  Ahead ahead = {.asked = 0};
  for (int band = begin; band < end; band++) {
    int y = band % of_image * untested->cell_h, row = band / of_image * nv->h + y;
    int rows = MIN(untested->cell_h, nv->h - y), in_band = 0, left = 0;
    memset(untested->cells + (size_t)band * untested->words, 0,
           sizeof *untested->cells * (size_t)untested->words);
    for (int i = row; i < row + rows; i++)
      for (int x = next_word(loop, i, 0); x < w; x = next_word(loop, i, x + 64)) {
        const uint8_t *marks = loop->touched + (size_t)i * w + x;
        if (i + MARKS_AHEAD < row + rows)
          __builtin_prefetch(marks + (size_t)MARKS_AHEAD * w);
        uint64_t near = dcn_bits_of_any_bytes(marks, MIN(64, w - x));
        job->out->bits[(size_t)i * words + (x >> 6)] = near;
        in_band += dcn_bits_count(near);
      }
    touched += in_band;
    if (in_band == 0)
      continue;
    int in_cells = 0, cells = leave_cells(job, band, row, rows, &in_cells);
    for (int i = row; i < row + rows; i++)
      left += job->out->row_changed[i];
    worker->values_changed += (uint64_t)left * (uint64_t)nv->c;
    if (in_cells == in_band)
      continue;
    for (int i = row; i < row + rows; i++)
      for (int x = 0; x < w; x += 64) {
        uint64_t *bits = job->out->bits + (size_t)i * words + (x >> 6);
        if (*bits == 0)
          continue;
        uint64_t later = cells ? untested_columns(untested, band, x) : 0, near = *bits & ~later;
        *bits &= later;
        if (dcn_bits_count(near) > MANY && later == 0)
          near = dcn_bits_last(MIN(64, w - x));
        if (near)
          test_soon(job, &ahead, i, x, near, worker);
      }
  }
  test_rest(job, &ahead, worker);
  worker->pixels_touched += touched;
}

int
dcn_input_propagate(DcnState *state, const uint8_t *touched, const uint64_t *near)
{
  DcnValueState *v = &state->values[state->net->program->input];
  const DcnNetValue *nv = v->net;
  DcnJob job = {.state = state, .net = state->net, .kernels = state->net->kernels, .out = v};
  Loop loop = {&job, touched, near};
  DcnUntested *untested = &state->untested;
  untested->used = untested->cells && untested->worth && v->delta && touched;
  atomic_store(&untested->unchanged, 0);
  size_t cost = (size_t)nv->w * nv->c * 4;
  if (untested->used)
    dcn_parallel_for(state->threads, untested->bands, dcn_grain(cost * (size_t)untested->cell_h),
                     test_bands, &loop);
  else
    dcn_parallel_for(state->threads, nv->n * nv->h, dcn_grain(cost), test_rows, &loop);
  int n_touched = 0;
  for (int i = 0; i < state->n_workers; i++) {
    v->values_changed += state->workers[i]->values_changed;
    n_touched += state->workers[i]->pixels_touched;
  }
  untested->touched = n_touched;
  v->n_changed = 0;
  for (int row = 0; row < nv->n * nv->h; row++)
    v->n_changed += v->row_changed[row];
  return n_touched;
}
