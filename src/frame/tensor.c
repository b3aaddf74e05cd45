/* deltacnn: frame to tensor, incrementally.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * For each row of the tensor, and each run of pixels in it to be computed: scale down the columns
 * of the source that the run reaches (contiguous bytes of several rows, the part that vectorises),
 * then along the row, plane by plane, then convert the colours and round.  A run's length and place do not
 * enter into the arithmetic of a pixel. */
#include "frame/tensor.h"
#include "frame/ahead.h"
#include "frame/colors.h"
#include "frame/columns.h"
#include "frame/filter.h"
#include "frame/layout.h"
#include "frame/reach.h"
#include "frame/rows.h"
#include "frame/tiles.h"
#include "frame/whole.h"
#include "frame/wide.h"
#include "util/error.h"
#include "util/memory.h"
#include "util/parallel.h"
#include <math.h>
#include <string.h>

#define TENSOR_MAX 16384 /* pixels each way */
/* Pixels that are worth a second thread. */
#define GRAIN_PIXELS 4096
/* Gaps between runs of pixels up to which scaling goes on: to begin another run takes as long as so many samples of
 * the frame (counted once for each row that a pixel's taps lie in), and a pixel as long as some besides its own.  So a
 * row in pieces does not take longer than a whole one (bench-tensor). */
#define RUN_SAMPLES   6400.0
#define PIXEL_SAMPLES 40.0
/* Share of the pixels from which on all are converted: a frame comes from memory one line after another at several
 * times the rate of pieces of its rows. */
#define WHOLE_SHARE 0.3

typedef struct {
  float *columns; /* one row of the widest plane, scaled vertically */
  int16_t *whole; /* the same in whole numbers ... */
  int16_t *apart; /* ... and one component of it, where they are interleaved */
  int32_t *wide;  /* likewise in wider ones */
  int32_t *wide_apart;
  float *component[3]; /* [tensor width] each, scaled */
} Scratch;

struct _DcnFrameToTensor {
  DcnTensorSpec spec;
  DcnLayout layout;
  int n_components;                 /* that enter into the tensor: luma alone for gray */
  int n_planes;                     /* that those lie in */
  DcnAxisFilter across[3], down[3]; /* per plane */
  DcnColors colors;
  gboolean whole_frame; /* of the last call */
  gboolean only_reached;
  int gap;      /* pixels */
  int row_most; /* runs of a row */
  DcnReach reach;
  int *todo; /* [height] rows with something to compute */
  DcnSpan
      *runs; /* runs of pixels of the rows to be computed, row by row, short gaps included ... */
  int *row_runs; /* [height + 1] ... and where each row of `todo` begins in them */
  Scratch *scratch;
  int n_scratch;
  size_t scratch_columns;
  DcnColumnsFunc scale_columns;
  DcnRowsFunc scale_rows;
  const DcnWhole *whole; /* where a plane's filters have narrow weights, ... */
  const DcnWide *wide;   /* ... whole ones, ... */
  DcnTiles tiles[3];     /* ... and this takes them, per component */
  gboolean has_tiles[3]; /* [plane], of all its components */
  DcnColorsFunc convert_colors;
  uint32_t *known;     /* [height][width] the tensor's samples (colors.h) ... */
  const float *tensor; /* ... and which one's */
  int near_words;
  uint64_t *near; /* [height][near_words] where pixels were computed, unless all were */
  int *n_differ;  /* [height] pixels of the rows of `todo` that came out otherwise */
  /* a row, for dcn_frame_to_tensor_check() */
  float *check_row;
  uint32_t *check_known;
  uint8_t *check_differs;
};

/* --- planning -----------------------------------------------------------------------------------
 */

/* A position of the frame in samples of a chroma plane.  A chroma sample's centre lies `siting`
 * luma samples right of the centre of the first luma sample of its group. */
static double
to_plane(double luma, int sub, double siting)
{
  return sub == 0 ? luma : (luma - (siting + 0.5)) / (1 << sub) + 0.5;
}

static gboolean
plan_filters(DcnFrameToTensor *convert, const DcnFrameInfo *info)
{
  const DcnTensorSpec *spec = &convert->spec;
  double width = info->width, height = info->height;
  if (spec->resize == DCN_RESIZE_CROP) {
    width = MIN(width, (double)info->height * spec->width / spec->height) * spec->crop_fraction;
    height = MIN(height, (double)info->width * spec->height / spec->width) * spec->crop_fraction;
  }
  double left = (info->width - width) / 2, top = (info->height - height) / 2;
  for (int p = 0; p < convert->n_planes; p++) {
    const DcnPlane *plane = &convert->layout.plane[p];
    if (!dcn_axis_filter_init(&convert->across[p], spec->width, plane->width,
                              to_plane(left, plane->sub_x, info->chroma_x),
                              to_plane(left + width, plane->sub_x, info->chroma_x)) ||
        !dcn_axis_filter_init(&convert->down[p], spec->height, plane->height,
                              to_plane(top, plane->sub_y, info->chroma_y),
                              to_plane(top + height, plane->sub_y, info->chroma_y)))
      return FALSE;
  }
  return TRUE;
}

/* Which blocks the taps of output i lie in, over all planes.  Sample s of a plane belongs to the
 * block of the first luma sample of its group, which is how changed blocks are defined. */
static DcnSpan
plan_span(const DcnFrameToTensor *convert, const DcnAxisFilter *filters, gboolean horizontal, int i)
{
  DcnSpan span = {G_MAXINT, 0};
  for (int p = 0; p < convert->n_planes; p++) {
    int sub = horizontal ? convert->layout.plane[p].sub_x : convert->layout.plane[p].sub_y;
    int first = filters[p].first[i], last = first + dcn_axis_filter_taps(&filters[p], i) - 1;
    span.first = MIN(span.first, (first << sub) / 8);
    span.last = MAX(span.last, (last << sub) / 8);
  }
  return span;
}

static gboolean
is_rgb(const DcnFrameInfo *info)
{
  return info->format == DCN_FORMAT_RGB || info->format == DCN_FORMAT_RGB_PLANES;
}

/* ITU-R BT.601 2.5, BT.709 3: Y' from -16/219, C from -128/224 of full scale; kr, kb of the matrix.
 */
static void
plan_colors(DcnFrameToTensor *convert, const DcnFrameInfo *info)
{
  float(*m)[3] = convert->colors.matrix;
  float *bias = convert->colors.bias;
  memset(&convert->colors, 0, sizeof convert->colors);
  convert->colors.n_components = convert->n_components;
  convert->colors.channels = convert->spec.channels;
  memcpy(convert->colors.scale, convert->spec.scale, sizeof convert->spec.scale);
  memcpy(convert->colors.offset, convert->spec.offset, sizeof convert->spec.offset);
  if (is_rgb(info)) {
    if (convert->spec.order == DCN_COLOR_GRAY) {
      m[0][0] = 0.299f;
      m[0][1] = 0.587f;
      m[0][2] = 0.114f;
      return;
    }
    m[0][0] = m[1][1] = m[2][2] = 1;
  } else {
    gboolean full = info->full_range;
    double luma = full ? 1 : 255.0 / 219, chroma = full ? 1 : 255.0 / 224, black = full ? 0 : 16;
    double kr = info->kr, kb = info->kb, kg = 1 - kr - kb;
    double c[3][3] = {{luma, 0, 2 * (1 - kr) * chroma},
                      {luma, -2 * (1 - kb) * kb / kg * chroma, -2 * (1 - kr) * kr / kg * chroma},
                      {luma, 2 * (1 - kb) * chroma, 0}};
    for (int i = 0; i < 3; i++) {
      double b = -luma * black;
      m[i][0] = (float)luma;
      for (int j = 1; j < 3 && convert->n_components == 3; j++) {
        m[i][j] = (float)c[i][j];
        b -= c[i][j] * 128;
      }
      bias[i] = (float)b;
    }
  }
  if (convert->spec.order == DCN_COLOR_BGR) {
    for (int j = 0; j < 3; j++) {
      float swap = m[0][j];
      m[0][j] = m[2][j];
      m[2][j] = swap;
    }
    float swap = bias[0];
    bias[0] = bias[2];
    bias[2] = swap;
  }
}

static void
plan_gap(DcnFrameToTensor *convert)
{
  double samples = 0; /* of a pixel */
  for (int p = 0; p < convert->n_planes; p++) {
    const DcnAxisFilter *across = &convert->across[p], *down = &convert->down[p];
    int last = across->size - 1;
    double columns = across->first[last] + dcn_axis_filter_taps(across, last) - across->first[0];
    samples += columns / across->size * down->offset[down->size] / down->size *
               convert->layout.plane[p].step;
  }
  convert->gap = (int)(RUN_SAMPLES / (samples + PIXEL_SAMPLES));
}

static void
plan_tiles(DcnFrameToTensor *convert)
{
  for (int p = 0; p < convert->n_planes; p++) {
    const DcnPlane *plane = &convert->layout.plane[p];
    convert->has_tiles[p] = TRUE;
    for (int c = 0; c < convert->n_components && convert->has_tiles[p]; c++)
      if (convert->layout.component[c].plane == p)
        convert->has_tiles[p] = dcn_tiles_init(&convert->tiles[c], &convert->across[p],
                                               &convert->down[p], plane->width * plane->step,
                                               plane->step, convert->layout.component[c].offset);
  }
}

static void
clear_scratch(Scratch *scratch)
{
  dcn_aligned_free(scratch->columns);
  dcn_aligned_free(scratch->whole);
  dcn_aligned_free(scratch->apart);
  dcn_aligned_free(scratch->wide);
  dcn_aligned_free(scratch->wide_apart);
  dcn_aligned_free(scratch->component[0]);
}

static gboolean
add_scratch(DcnFrameToTensor *convert)
{
  Scratch scratch;
  /* Tiles are stored whole. */
  size_t width = ((size_t)convert->spec.width + DCN_TILE_OUTPUTS_MOST - 1) / DCN_TILE_OUTPUTS_MOST *
                 DCN_TILE_OUTPUTS_MOST;
  scratch.columns = dcn_aligned_new0(convert->scratch_columns, sizeof(float));
  scratch.whole = dcn_aligned_new0(convert->scratch_columns, sizeof(int16_t));
  scratch.apart = dcn_aligned_new0(convert->scratch_columns, sizeof(int16_t));
  scratch.wide = dcn_aligned_new0(convert->scratch_columns, sizeof(int32_t));
  scratch.wide_apart = dcn_aligned_new0(convert->scratch_columns, sizeof(int32_t));
  float *components = dcn_aligned_new0(width * 3, sizeof(float));
  scratch.component[0] = components;
  if (!scratch.columns || !scratch.whole || !scratch.apart || !scratch.wide ||
      !scratch.wide_apart || !components) {
    clear_scratch(&scratch);
    return FALSE;
  }
  for (int c = 0; c < 3; c++)
    scratch.component[c] = components + width * c;
  convert->scratch[convert->n_scratch++] = scratch;
  return TRUE;
}

static const char *
check_spec(const DcnTensorSpec *spec)
{
  if (spec->width < 1 || spec->height < 1 || spec->width > TENSOR_MAX || spec->height > TENSOR_MAX)
    return "the tensor's size is out of range";
  if (spec->channels != (spec->order == DCN_COLOR_GRAY ? 1 : 3))
    return "the tensor's channels do not match its colour order";
  if (spec->channel_stride < spec->channels)
    return "the tensor's channels overlap";
  if (spec->resize == DCN_RESIZE_CROP && !(spec->crop_fraction > 0 && spec->crop_fraction <= 1))
    return "the crop fraction is not above 0 and at most 1";
  return NULL;
}

DcnFrameToTensor *
dcn_frame_to_tensor_new(const DcnFrameInfo *info, const DcnTensorSpec *spec, GError **error)
{
  DcnLayout layout;
  const char *wrong = dcn_layout_init(&layout, info);
  if (!wrong)
    wrong = check_spec(spec);
  if (wrong) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID,
                "Cannot convert %dx%d frames to a %dx%dx%d tensor: %s.", info->width, info->height,
                spec->width, spec->height, spec->channels, wrong);
    return NULL;
  }
  DcnFrameToTensor *convert = g_new0(DcnFrameToTensor, 1);
  convert->spec = *spec;
  convert->layout = layout;
  convert->n_components = layout.n_components;
  convert->n_planes = layout.n_planes;
  if (spec->order == DCN_COLOR_GRAY && !is_rgb(info))
    convert->n_components = convert->n_planes = 1;
  convert->scale_columns = dcn_columns_best();
  convert->scale_rows = dcn_rows_best();
  convert->whole = dcn_whole_best();
  convert->wide = dcn_wide_best();
  convert->convert_colors = dcn_colors_best();
  plan_colors(convert, info);

  size_t slack = 0;
  for (int p = 0; p < convert->n_planes; p++) {
    size_t bytes = (size_t)layout.plane[p].width * layout.plane[p].step;
    convert->scratch_columns = MAX(convert->scratch_columns, bytes);
  }
  gboolean reach_made = dcn_reach_init(&convert->reach, spec->width, spec->height,
                                       (info->width + 7) / 8, (info->height + 7) / 8);
  convert->todo = dcn_aligned_new0((size_t)spec->height, sizeof(int));
  /* Not two runs without a pixel between them. */
  convert->row_most = (spec->width + 1) / 2;
  convert->runs =
      dcn_aligned_new0((size_t)(spec->height + 1) * (size_t)convert->row_most, sizeof(DcnSpan));
  convert->row_runs = dcn_aligned_new0((size_t)spec->height + 1, sizeof(int));
  convert->known = dcn_aligned_new0((size_t)spec->height * (size_t)spec->width, sizeof(uint32_t));
  convert->near_words = (spec->width + 4095) / 4096;
  convert->near =
      dcn_aligned_new0((size_t)spec->height * (size_t)convert->near_words, sizeof *convert->near);
  convert->n_differ = dcn_aligned_new0((size_t)spec->height, sizeof(int));
  convert->check_row = dcn_aligned_new0((size_t)spec->width * spec->channel_stride, sizeof(float));
  convert->check_known = dcn_aligned_new0((size_t)spec->width, sizeof(uint32_t));
  convert->check_differs = dcn_aligned_new0((size_t)spec->width, 1);
  convert->scratch = g_new0(Scratch, DCN_PARALLEL_MAX);
  gboolean planned = plan_filters(convert, info);
  /* The scaling along a row reads on behind the last tap. */
  for (int p = 0; p < convert->n_planes; p++)
    slack = MAX(slack, MAX(convert->across[p].padded, convert->across[p].whole_padded));
  convert->scratch_columns += slack;
  if (!reach_made || !convert->todo || !convert->runs || !convert->row_runs || !convert->known ||
      !convert->near || !convert->n_differ || !convert->check_row || !convert->check_known ||
      !convert->check_differs || !planned || !add_scratch(convert)) {
    dcn_frame_to_tensor_free(convert);
    g_set_error(error, DCN_ERROR, DCN_ERROR_MEMORY, "Not enough memory to convert %dx%d frames.",
                info->width, info->height);
    return NULL;
  }
  for (int x = 0; x < spec->width; x++)
    convert->reach.across[x] = plan_span(convert, convert->across, TRUE, x);
  for (int y = 0; y < spec->height; y++)
    convert->reach.down[y] = plan_span(convert, convert->down, FALSE, y);
  dcn_reach_plan(&convert->reach);
  plan_gap(convert);
  plan_tiles(convert);
  return convert;
}

void
dcn_frame_to_tensor_free(DcnFrameToTensor *convert)
{
  if (!convert)
    return;
  for (int p = 0; p < 3; p++) {
    dcn_axis_filter_clear(&convert->across[p]);
    dcn_axis_filter_clear(&convert->down[p]);
    dcn_tiles_clear(&convert->tiles[p]);
  }
  for (int i = 0; i < convert->n_scratch; i++)
    clear_scratch(&convert->scratch[i]);
  g_free(convert->scratch);
  dcn_reach_clear(&convert->reach);
  dcn_aligned_free(convert->todo);
  dcn_aligned_free(convert->runs);
  dcn_aligned_free(convert->row_runs);
  dcn_aligned_free(convert->known);
  dcn_aligned_free(convert->near);
  dcn_aligned_free(convert->n_differ);
  dcn_aligned_free(convert->check_row);
  dcn_aligned_free(convert->check_known);
  dcn_aligned_free(convert->check_differs);
  g_free(convert);
}

/* --- computing ----------------------------------------------------------------------------------
 */

/* Steps of scale_run() per component. */
#define AHEAD_STEPS 2

/* One plane's part of scale_run() in whole numbers; n: columns, from `source` on. */
static void
scale_whole(const DcnFrameToTensor *convert, int plane, const uint8_t *source, int stride, int y,
            int begin, int end, int n, const Scratch *scratch, DcnAhead *ahead)
{
  const DcnAxisFilter *down = &convert->down[plane], *across = &convert->across[plane];
  int step = convert->layout.plane[plane].step, sum = down->whole_sum * across->whole_sum;
  convert->whole->columns(source, stride, down->narrow + down->offset[y],
                          dcn_axis_filter_taps(down, y), scratch->whole, n * step);
  dcn_ahead_step(ahead);
  for (int c = 0; c < convert->n_components; c++) {
    const DcnComponent *component = &convert->layout.component[c];
    if (component->plane != plane)
      continue;
    const int16_t *columns = scratch->whole;
    if (step > 1) {
      columns = scratch->apart;
      convert->whole->apart(scratch->whole + component->offset, step, scratch->apart, n);
    }
    convert->whole->rows(across, columns, begin, end, 128 * sum, 1 / (float)sum,
                         scratch->component[c] + begin);
    dcn_ahead_step(ahead);
  }
}

/* The same in wider ones. */
static void
scale_wide(const DcnFrameToTensor *convert, int plane, const uint8_t *source, int stride, int y,
           int begin, int end, int n, const Scratch *scratch, DcnAhead *ahead)
{
  const DcnAxisFilter *down = &convert->down[plane], *across = &convert->across[plane];
  int step = convert->layout.plane[plane].step, sum = down->whole_sum * across->whole_sum;
  convert->wide->columns(source, stride, down->whole + down->offset[y],
                         dcn_axis_filter_taps(down, y), scratch->wide, n * step);
  dcn_ahead_step(ahead);
  for (int c = 0; c < convert->n_components; c++) {
    const DcnComponent *component = &convert->layout.component[c];
    if (component->plane != plane)
      continue;
    const int32_t *columns = scratch->wide;
    if (step > 1) {
      columns = scratch->wide_apart;
      convert->wide->apart(scratch->wide + component->offset, step, scratch->wide_apart, n);
    }
    convert->wide->rows(across, columns, begin, end, 1 / (float)sum, scratch->component[c] + begin);
    dcn_ahead_step(ahead);
  }
}

/* The same by tiles, which ask for the next rows themselves. */
static void
scale_tiles(const DcnFrameToTensor *convert, int plane, const DcnFrame *frame, int y, int begin,
            int end, const Scratch *scratch)
{
  const DcnAxisFilter *down = &convert->down[plane];
  ptrdiff_t stride = frame->stride[plane];
  ptrdiff_t ahead = y + 1 < down->size ? (down->first[y + 1] - down->first[y]) * stride : 0;
  for (int c = 0; c < convert->n_components; c++)
    if (convert->layout.component[c].plane == plane)
      dcn_tiles_run(&convert->tiles[c], frame->plane[plane] + down->first[y] * stride, stride,
                    down->whole + down->offset[y], dcn_axis_filter_taps(down, y), ahead, begin, end,
                    scratch->component[c]);
}

/* Scales pixels [begin, end) of row y into the scratch components. */
static void
scale_run(const DcnFrameToTensor *convert, const DcnFrame *frame, int y, int begin, int end,
          const Scratch *scratch)
{
  DcnAhead ahead = {0};
  gboolean is_planned = FALSE;
  for (int p = 0; p < convert->n_planes; p++) {
    if (convert->has_tiles[p]) {
      scale_tiles(convert, p, frame, y, begin, end, scratch);
      continue;
    }
    if (!is_planned)
      dcn_ahead_plan(&ahead, frame, &convert->layout, convert->across, convert->down,
                     y + 1 < convert->spec.height ? convert->n_planes : 0, y + 1, begin, end,
                     AHEAD_STEPS * convert->n_components);
    is_planned = TRUE;
    const DcnAxisFilter *down = &convert->down[p], *across = &convert->across[p];
    int step = convert->layout.plane[p].step;
    int first = across->first[begin];
    int n = across->first[end - 1] + dcn_axis_filter_taps(across, end - 1) - first;
    const uint8_t *source =
        frame->plane[p] + (ptrdiff_t)down->first[y] * frame->stride[p] + (ptrdiff_t)first * step;
    if (down->narrow && across->narrow) {
      scale_whole(convert, p, source, frame->stride[p], y, begin, end, n, scratch, &ahead);
      continue;
    }
    if (dcn_axis_filters_are_whole(across, down)) {
      scale_wide(convert, p, source, frame->stride[p], y, begin, end, n, scratch, &ahead);
      continue;
    }
    convert->scale_columns(source, frame->stride[p], down->weights + down->offset[y],
                           dcn_axis_filter_taps(down, y), scratch->columns, n * step);
    dcn_ahead_step(&ahead);
    for (int c = 0; c < convert->n_components; c++) {
      const DcnComponent *component = &convert->layout.component[c];
      if (component->plane != p)
        continue;
      convert->scale_rows(across, scratch->columns + component->offset, step, begin, end,
                          scratch->component[c] + begin);
      dcn_ahead_step(&ahead);
    }
  }
}

typedef struct {
  const DcnFrameToTensor *convert;
  const DcnFrame *frame;
  uint8_t *touched;
  float *tensor;
} Job;

/* Runs of pixels of row y, to rows of known samples and of a tensor; differs: as in DcnColorsFunc, of those pixels.
 * Returns how many came out otherwise. */
static int
compute_row(const DcnFrameToTensor *convert, const DcnFrame *frame, int y, const DcnSpan *runs,
            int n_runs, uint32_t *known, float *out, uint8_t *differs, const Scratch *scratch)
{
  size_t stride = (size_t)convert->spec.channel_stride;
  int n_differ = 0;
  for (int i = 0; i < n_runs; i++) {
    int x = runs[i].first, n = runs[i].last + 1 - x;
    scale_run(convert, frame, y, x, x + n, scratch);
    const float *from[3];
    for (int c = 0; c < 3; c++)
      from[c] = scratch->component[c] + x;
    n_differ += convert->convert_colors(&convert->colors, from, known + x, out + (size_t)x * stride,
                                        stride, n, differs + x);
  }
  return n_differ;
}

static void
compute_rows(void *context, int begin, int end, int worker)
{
  const Job *job = context;
  const DcnFrameToTensor *convert = job->convert;
  size_t width = (size_t)convert->spec.width, stride = (size_t)convert->spec.channel_stride;
  for (int i = begin; i < end; i++) {
    size_t first = (size_t)convert->todo[i] * width;
    convert->n_differ[i] =
        compute_row(convert, job->frame, convert->todo[i], convert->runs + convert->row_runs[i],
                    convert->row_runs[i + 1] - convert->row_runs[i], convert->known + first,
                    job->tensor + first * stride, job->touched + first, &convert->scratch[worker]);
  }
}

static int
find_runs(const DcnFrameToTensor *convert, int y, DcnSpan *runs)
{
  return dcn_reach_runs(&convert->reach, y, convert->only_reached ? 0 : convert->gap, runs);
}

/* Marks what holds row y's runs. */
static void
mark_near(DcnFrameToTensor *convert, int y, const DcnSpan *runs, int n_runs)
{
  int words = convert->near_words;
  uint64_t *near = convert->near + (size_t)y * (size_t)words;
  memset(near, 0, (size_t)words * sizeof *near);
  for (int i = 0; i < n_runs; i++)
    for (int j = runs[i].first >> 6; j <= runs[i].last >> 6; j++)
      near[j >> 6] |= UINT64_C(1) << (j & 63);
}

/* Plans all rows, whole. */
static void
plan_whole(DcnFrameToTensor *convert)
{
  int width = convert->spec.width, height = convert->spec.height;
  for (int y = 0; y < height; y++) {
    convert->todo[y] = convert->row_runs[y] = y;
    convert->runs[y] = (DcnSpan){0, width - 1};
  }
  convert->row_runs[height] = height;
  convert->whole_frame = TRUE;
}

/* Plans the rows to be computed.  Returns how many they are; *n_pixels: of their runs. */
static int
plan_rows(DcnFrameToTensor *convert, const uint8_t *changed, uint8_t *touched, int *n_pixels)
{
  int width = convert->spec.width, height = convert->spec.height, *row_runs = convert->row_runs;
  int n_rows = 0, n_runs = 0, n = 0;
  int most = (int)((convert->only_reached ? 1 : WHOLE_SHARE) * width * height);
  row_runs[0] = 0;
  convert->whole_frame = FALSE;
  if (!changed) {
    plan_whole(convert);
    *n_pixels = width * height;
    return height;
  }
  if (!dcn_reach_take(&convert->reach, changed)) {
    memset(touched, 0, (size_t)width * height);
    memset(convert->near, 0, (size_t)height * (size_t)convert->near_words * sizeof *convert->near);
    *n_pixels = 0;
    return 0;
  }
  for (int y = 0; y < height && n <= most; y++) {
    DcnSpan rows = convert->reach.down[y], above = convert->reach.down[MAX(y - 1, 0)];
    DcnSpan *runs = convert->runs + row_runs[n_rows];
    if (y == 0 || rows.first != above.first || rows.last != above.last)
      n_runs = find_runs(convert, y, runs);
    else if (n_runs > 0) /* often so when enlarging */
      memcpy(runs, runs - n_runs, (size_t)n_runs * sizeof *runs);
    mark_near(convert, y, runs, n_runs);
    if (n_runs != 1 || runs->last + 1 - runs->first != width)
      memset(touched + (size_t)y * width, 0, (size_t)width);
    if (n_runs == 0)
      continue;
    for (int i = 0; i < n_runs; i++)
      n += runs[i].last + 1 - runs[i].first;
    convert->todo[n_rows] = y;
    row_runs[n_rows + 1] = row_runs[n_rows] + n_runs;
    n_rows++;
  }
  if (n > most) {
    plan_whole(convert);
    n_rows = height;
    n = width * height;
  }
  *n_pixels = n;
  return n_rows;
}

int
dcn_frame_to_tensor_run(DcnFrameToTensor *convert, const DcnFrame *frame, const uint8_t *changed,
                        float *tensor, uint8_t *touched, int threads)
{
  if (tensor != convert->tensor)
    memset(convert->known, 0,
           (size_t)convert->spec.width * (size_t)convert->spec.height * sizeof *convert->known);
  convert->tensor = tensor;
  int n_pixels, n_differ = 0, n_rows = plan_rows(convert, changed, touched, &n_pixels);
  threads = MIN(dcn_parallel_threads(threads), 1 + n_pixels / GRAIN_PIXELS);
  while (convert->n_scratch < threads && add_scratch(convert))
    ;
  threads = MIN(threads, convert->n_scratch);
  Job job = {convert, frame, touched, tensor};
  dcn_parallel_for(threads, n_rows, 1, compute_rows, &job);
  for (int i = 0; i < n_rows; i++)
    n_differ += convert->n_differ[i];
  return n_differ;
}

void
dcn_frame_to_tensor_set_only_reached(DcnFrameToTensor *convert, gboolean only_reached)
{
  convert->only_reached = only_reached;
}

const uint64_t *
dcn_frame_to_tensor_near(const DcnFrameToTensor *convert)
{
  return convert->whole_frame ? NULL : convert->near;
}

gboolean
dcn_frame_to_tensor_was_whole(const DcnFrameToTensor *convert)
{
  return convert->whole_frame;
}

gboolean
dcn_frame_to_tensor_check(DcnFrameToTensor *convert, const DcnFrame *frame, const uint8_t *blocks)
{
  size_t width = (size_t)convert->spec.width;
  if (!dcn_reach_take(&convert->reach, blocks))
    return TRUE;
  for (int y = 0; y < convert->spec.height; y++) {
    int n_runs = find_runs(convert, y, convert->runs);
    for (int i = 0; i < n_runs; i++) {
      DcnSpan run = convert->runs[i];
      memcpy(convert->check_known + run.first, convert->known + (size_t)y * width + run.first,
             (size_t)(run.last + 1 - run.first) * sizeof *convert->known);
    }
    if (compute_row(convert, frame, y, convert->runs, n_runs, convert->check_known,
                    convert->check_row, convert->check_differs, &convert->scratch[0]) > 0)
      return FALSE;
  }
  return TRUE;
}

int
dcn_frame_to_tensor_blocks(DcnFrameToTensor *convert, const uint8_t *touched, uint8_t *blocks)
{
  return dcn_reach_blocks(&convert->reach, touched, blocks);
}
