/* deltacnn: what the files of net/ share.  Not for others.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A value's pixels are numbered (image * h + y) * w + x.  `ref` holds [pixels][pitch] floats, of
 * which channels c..pitch-1 are zero for ever.  In a partial run, after the value's op has run:
 *   changed[p]   1 where any channel of pixel p was propagated
 *   mask[p]      [words] one bit per channel that was propagated; all zero where changed[p] is 0
 *   delta[p]     [delta_pitch] new minus old, 0 in channels not propagated; meaningless where changed[p]
 *                is 0
 *   bits         changed[] by rows of the image, as bits
 * In a full run none of them is written: everything counts as changed. */
#pragma once
#include "net/bits.h"
#include "net/net.h"
#include "net/untested.h"
#include <math.h>

typedef struct _DcnNetOp DcnNetOp;
typedef struct _DcnWorker DcnWorker;
typedef struct _DcnJob DcnJob;

/* A value's fixed part. */
typedef struct {
  int n, h, w, c;
  int pixels; /* n * h * w */
  int pitch; /* floats per pixel of delta, accumulator and (if no view) ref: c where c <= 4 (so that
              * rows have no holes and the first convolution can read them as one run), else a
              * 8 or a multiple of 16 */
  int ref_pitch;     /* floats per pixel of ref */
  int view_of;       /* a concatenation whose ref this value's ref is a part of, or -1 */
  int view_channel;  /* where it begins there */
  int words;         /* mask words per pixel */
  int row_words;     /* words of a row of pixels as bits */
  size_t floats;     /* pixels * pitch */
  gboolean produced; /* the input, or written by an op */
  gboolean output;   /* of the network: tolerance always 0 */
  gboolean moved; /* only data movement made it: what changes here was already tested; tolerance 0
                     by default */
  gboolean wants_delta; /* an op reads deltas of it */
  gboolean no_mask;     /* only first layers read it, which look at bits */
  int cell_w, cell_h;   /* of the input, which may be tested late (untested.h); 0: it may not */
  int last_delta_use;   /* last such op */
  int delta_of;         /* a concatenation whose deltas this value's are a part of, or -1 */
  int delta_pitch;      /* floats per pixel of delta */
  size_t delta_offset;  /* in the delta arena, floats */
} DcnNetValue;

/* A window sliding over an image: where each output row and column reads. */
typedef struct {
  int kh, kw;
  int in_h, in_w, out_h, out_w;
  int *iy; /* [out_h * kh] input row or -1 outside, owned */
  int *ix; /* [out_w * kw] input column or -1 outside, owned */
  int inner_begin,
      inner_end; /* output columns whose windows lie between the left and right border */
  int step;      /* input columns per output column */
  int first_column, dilation; /* output column x reads first_column + x * step + kx * dilation */
} DcnWindow;

/* What a worker needs at most, summed up over all ops by their prepare(). */
typedef struct {
  size_t pointers; /* const float * entries */
  size_t lines;    /* const float * entries: rows of a window */
  size_t masks;    /* uint64_t entries */
  size_t floats;   /* scratch floats of the op's own use */
  size_t channels; /* widest pixel of any value, rounded up */
  size_t taps;     /* widest zero page, floats */
  size_t list;     /* most pixels of a value */
  size_t row_words; /* of the widest row of pixels as bits */
  size_t marks;     /* words of all rows of any value */
  size_t tiles;    /* most tiles of a convolution done by Winograd's way */
  size_t inputs;   /* most inputs of a fully connected layer */
  size_t products; /* floats of the largest product of two values */
} DcnNeeds;

typedef void (*DcnPixelFunc)(const DcnJob *job, int pixel, float *y, DcnWorker *worker);
typedef void (*DcnPixelsFunc)(const DcnJob *job, int first, int n, float *y, size_t ldy,
                              DcnWorker *worker);

/* One kind of operator. */
typedef struct {
  const char *name;
  /* Packs weights into op->plan, takes or frees the program's arrays, raises needs. */
  gboolean (*prepare)(DcnNet *net, DcnNetOp *op, GError **error);
  /* Computes what changed inputs reach (all in a full run) and emits it. */
  void (*run)(DcnJob *job);
  void (*clear)(DcnNetOp *op); /* frees plan; may be NULL where g_free(plan) is enough */
  /* What run() does in full with dcn_run_pixels() or dcn_run_runs(), where that is all and an output pixel reads the same
   * pixel of its inputs: it may then be done for some pixels at a time (dcn_follow()). */
  DcnPixelFunc pixel;
  DcnPixelsFunc pixels;
} DcnOpClass;

struct _DcnNetOp {
  const DcnOpClass *class;
  DcnOp *op; /* in the program */
  int index;
  void *plan;          /* of the class */
  size_t acc_floats;   /* accumulator that the state keeps for this op */
  gboolean reads_deltas; /* a first layer that adds changes, to an accumulator or in place */
  size_t weight_bytes; /* packed */
  const float *weights; /* a convolution's, plan's own; else NULL */
  const float *next_weights; /* those of the next op that has some */
  uint64_t macs;       /* of a dense pass */
  double full_macs;    /* of igemm at its best that take as long as those; 0: macs */
  double changed_macs; /* the same of a partial run in which all changed; 0: as the above */
  double full_ns;      /* guess of what a dense pass takes (cost.c) */
};

struct _DcnNet {
  int refs;  /* atomic */
  char *key; /* in the registry; NULL where not registered; protected by the registry's lock */
  const DcnKernels *kernels;
  DcnWeights weights;
  DcnProgram *program;
  DcnNetValue *values; /* [program->n_values] */
  DcnNetOp *ops;       /* [program->n_ops] */
  DcnNeeds needs;
  size_t arena_floats; /* deltas of all values, shared by liveness */
  size_t weight_bytes;
  uint64_t macs;
  uint64_t total_values; /* elements of all values */
  double full_ns;        /* sum over ops */
  double changed_ns;     /* the same of partial runs in which all changed */
};

/* A value's part in one stream. */
typedef struct {
  const DcnNetValue *net;
  float *ref;              /* owned */
  float *delta;            /* in the arena, or NULL */
  uint64_t *mask;          /* owned */
  uint8_t *changed; /* owned; 7 bytes more than pixels, for dcn_bits_pack(); NULL for an input without masks */
  uint64_t *bits;          /* [n * h][row_words], owned */
  int *row_changed;        /* [n * h] changed pixels of each row, owned */
  int n_changed;           /* pixels; 0 before the op has run */
  uint64_t values_changed; /* channels of pixels */
  double tolerance;        /* relative; < 0: the state's */
  double rms;              /* < 0: not measured since the last full run */
  float threshold;         /* absolute, for this run */
} DcnValueState;

/* Per thread. */
struct _DcnWorker {
  const float **pointers;
  uint64_t *masks;
  float *floats;
  const float **lines;
  float *y;                      /* a run of pixels of any value: dcn_run_most() */
  float *repeated;               /* one pixel of any value */
  uint64_t values_changed, macs; /* of the op at work */
  int pixels_touched;            /* of the input */
  uint64_t cost, cost_values;    /* a convolution's, as cost.c counts: as done, and all from values */
  uint64_t blocks_igemm, blocks_dgemm;
  int tiles;
};

/* Whose accumulators go stale next, so that none is the sum of too many steps. */
typedef struct {
  int next; /* output pixel */
  int due;  /* grows by the number of pixels with each run */
} DcnRefresh;

/* What partial runs have shown about when a full one is cheaper. */
typedef struct {
  double costly_inputs; /* with so many changed input values a partial run cost more than a full
                           one; 0: none yet */
  double changed_per_touched; /* input values per touched pixel, when last looked at */
  int untested;               /* frames since then */
  int unjudged;               /* partial runs in turn that cost more than a full one, for want of sums */
} DcnPartialCost;

struct _DcnState {
  DcnNet *net;
  float *input; /* the caller's side of the input value, pitch dcn_channel_pitch(c), owned */
  DcnValueState *values;
  float **acc; /* [n_ops], owned each, NULL where the op keeps none */
  /* [n_ops] for ops that keep sums, in an accumulator or in ref: per output pixel, whether they stand for ref;
   * owned each.  Runs asked for as DENSE do not write accumulators, which halves what they write.
   */
  uint8_t **acc_valid;
  DcnRefresh *refresh;  /* [n_ops] */
  uint8_t *with_deltas; /* [n_ops] whether the op reads deltas in this run */
  float *arena;
  float *zero;      /* zero page: needs.taps floats */
  int32_t *list;    /* output pixels of the op at work */
  int32_t *order;   /* the same in another order */
  uint64_t *row_bits; /* a row of any value, for dcn_window_reach */
  uint64_t *marks;    /* rows of any value: what the op at work is to compute */
  struct DcnWinogradTile *tiles; /* of the op at work */
  uint32_t *tile_bits;           /* its outputs that are to be computed, by tiles */
  float *products; /* of the op at work, before they are tested */
  uint32_t *fc_index;
  float *fc_x;
  DcnWorker **workers;
  int n_workers;
  int threads;    /* of this run */
  gboolean valid; /* a full run has happened since the last reset */
  gboolean dense; /* this run was asked for as DENSE */
  double tolerance;
  double scale; /* of all tolerances */
  gboolean adaptive;
  gboolean exact;   /* this run takes all tolerances for 0 */
  gboolean pending; /* since the last full run a tolerance was above 0 */
  DcnUntested untested; /* of the input */
  DcnPartialCost learned[3]; /* with tolerances; without (EXACT); with smaller ones */
  double listed, stale;       /* outputs of convolutions in this run; of them those computed for want of a sum */
  double partial_ns;          /* guess of what the last partial run took */
  unsigned full_runs;
  size_t cache_bytes;
  DcnOpStat *stats; /* [n_ops] */
  DcnConvFunc conv; /* does convolutions in place of their classes, or NULL */
  void *conv_context;
};

/* One op in one run. */
struct _DcnJob {
  DcnState *state;
  const DcnNet *net;
  const DcnKernels *kernels;
  const DcnNetOp *op;
  gboolean full;
  DcnValueState *in; /* input 0 */
  DcnValueState *out;
  float *acc;
  uint8_t *acc_valid;
  /* Output pixels to compute: as a list or, for ops that asked for dcn_mark_window(), as bits by
   * rows of the image.  NULL: all. */
  const int32_t *list;
  const uint64_t *marks;
  int count;
  gboolean marked; /* the state's marks say already what to compute */
  /* In a full run: ops that go pixel by pixel from this one's outputs on.  They may be done with dcn_follow(), while
   * these are in the nearest caches; `followed` says that all their pixels were. */
  const DcnJob *followers;
  int n_followers;
  gboolean followed;
};

static inline int
dcn_job_pixel(const DcnJob *job, int i)
{
  return job->list ? job->list[i] : i;
}

/* Bits of the output pixels of a row that are to be computed; NULL: all. */
static inline const uint64_t *
dcn_job_row(const DcnJob *job, int row)
{
  return job->marks ? job->marks + (size_t)row * job->out->net->row_words : NULL;
}

/* Input number i of the op. */
static inline DcnValueState *
dcn_job_input(const DcnJob *job, int i)
{
  return &job->state->values[job->op->op->inputs[i]];
}

static inline float *
dcn_ref(const DcnValueState *v, int pixel)
{
  return v->ref + (size_t)pixel * v->net->ref_pitch;
}

/* Propagates what differs by more than the threshold, of `pixels` pixels one after another from
 * `first`: x holds their values before clamping to [lo, hi].  Pixels may be emitted by several
 * threads, each pixel once. */
static inline void
dcn_emit_run(const DcnJob *job, int first, int pixels, const float *x, size_t ldx, float lo,
             float hi, DcnWorker *worker)
{
  DcnValueState *v = job->out;
  const DcnDiff d = {
      .x = x,
      .ldx = ldx,
      .lo = lo,
      .hi = hi,
      .ref = dcn_ref(v, first),
      .ldr = (size_t)v->net->ref_pitch,
      .delta = v->delta ? v->delta + (size_t)first * v->net->delta_pitch : NULL,
      .ldd = (size_t)v->net->delta_pitch,
      .mask = v->mask + (size_t)first * v->net->words,
      .changed = v->changed + first,
      .tolerance = v->threshold,
  };
  worker->values_changed += (uint64_t)job->kernels->diff(&d, pixels, v->net->c);
}

/* The same for listed pixels; by_pixel: x lies by their numbers, else by their places in the list. */
static inline void
dcn_emit_list(const DcnJob *job, const int32_t *list, int pixels, const float *x, size_t ldx,
              gboolean by_pixel, float lo, float hi, DcnWorker *worker)
{
  DcnValueState *v = job->out;
  const DcnDiff d = {
      .x = x,
      .ldx = ldx,
      .lo = lo,
      .hi = hi,
      .ref = v->ref,
      .ldr = (size_t)v->net->ref_pitch,
      .delta = v->delta,
      .ldd = (size_t)v->net->delta_pitch,
      .mask = v->mask,
      .changed = v->changed,
      .tolerance = v->threshold,
      .list = list,
      .x_listed = by_pixel,
  };
  worker->values_changed += (uint64_t)job->kernels->diff(&d, pixels, v->net->c);
}

/* The same for one pixel of values y ([c] floats). */
static inline void
dcn_emit(const DcnJob *job, int pixel, const float *y, DcnWorker *worker)
{
  dcn_emit_run(job, pixel, 1, y, 0, -HUGE_VALF, HUGE_VALF, worker);
}

/* How many of the job's pixels from number i on, before number end, are neighbours in a row of w
 * pixels; at least 1. */
static inline int
dcn_job_run(const DcnJob *job, int i, int end, int w)
{
  int p = dcn_job_pixel(job, i), most = MIN(end - i, w - p % w), n = 1;
  if (!job->list || job->list[i + most - 1] == p + most - 1)
    return most;
  while (job->list[i + n] == p + n)
    n++;
  return n;
}

/* An output pixel's coordinates, kept up from one to the next without a division where they are
 * neighbours. */
typedef struct {
  int pixel, x, y, image;
} DcnCursor;
#define DCN_CURSOR_INIT                                                                            \
  {                                                                                                \
    -2, 0, 0, 0                                                                                    \
  }

static inline void
dcn_cursor_move(DcnCursor *cursor, const DcnWindow *window, int pixel)
{
  if (pixel == cursor->pixel + 1 && cursor->x + 1 < window->out_w) {
    cursor->x++;
  } else {
    int row = pixel / window->out_w;
    cursor->x = pixel - row * window->out_w;
    cursor->image = row / window->out_h;
    cursor->y = row - cursor->image * window->out_h;
  }
  cursor->pixel = pixel;
}

/* After so many runs every accumulator that was used has been made anew: none is the sum of more steps. */
#define DCN_REFRESH_RUNS 256

/* Once per run that adds differences: the next pixels go stale, the same number in every run. */
static inline void
dcn_refresh(const DcnJob *job)
{
  DcnRefresh *refresh = &job->state->refresh[job->op->index];
  int pixels = job->out->net->pixels;
  for (refresh->due += pixels; refresh->due >= DCN_REFRESH_RUNS; refresh->due -= DCN_REFRESH_RUNS) {
    job->acc_valid[refresh->next] = 0;
    refresh->next = (refresh->next + 1) % pixels;
  }
}

/* value.c */
void dcn_value_clear_marks(DcnValueState *v);
/* After a partial run: counts what was emitted, and makes bits of it. */
void dcn_value_finish(DcnValueState *v);
void dcn_value_to_logical(const DcnValue *value, const DcnNetValue *nv, const float *ref,
                          float *out);
size_t dcn_value_logical_offset(const DcnValue *value, const DcnNetValue *nv, size_t logical);

/* input.c */
void dcn_input_take(DcnState *state); /* for a full run */
/* Tests the input where touched (near: as in dcn_state_run_near()) against what was propagated.  The workers'
 * counts must be 0.  Returns how many pixels were touched. */
int dcn_input_propagate(DcnState *state, const uint8_t *touched, const uint64_t *near);

/* window.c */
gboolean dcn_window_init(DcnWindow *window, const DcnNetValue *in, const DcnNetValue *out, int kh,
                         int kw, int stride_h, int stride_w, int pad_top, int pad_left, int dil_h,
                         int dil_w);
void dcn_window_clear(DcnWindow *window);
/* Marks the output pixels whose window holds a changed input pixel.  Returns how many there are.
 * scratch: a row of bits of the input; reached: [n * out_h] rows of bits of the output, all
 * written */
int dcn_window_reach(const DcnWindow *window, const DcnValueState *in, uint64_t *scratch,
                     uint64_t *reached);

/* Pixels of a value that are computed before they are tested: so many that they stay in the
 * first-level cache, at least one. */
#define DCN_RUN_FLOATS 4096
static inline int
dcn_run_most(const DcnNetValue *out)
{
  return MAX(1, DCN_RUN_FLOATS / out->pitch);
}

/* pixels.c: loops over output pixels.  In each, cost is the work of a pixel, in multiplies or the
 * like. */
/* Computes the job's pixels with a function that does one, activation included. */
void dcn_run_pixels(DcnJob *job, DcnPixelFunc func, size_t cost);
/* The same with one that does n from `first` on, to y[i * ldy], without the op's activation. */
void dcn_run_runs(DcnJob *job, DcnPixelsFunc func, size_t cost);
/* In a full run: the job's pixels [first, first + n) are done, and those of the ops that follow it now are, too. */
void dcn_follow(const DcnJob *job, int first, int n, DcnWorker *worker);
/* job->list becomes the changed pixels of v (all in a full run). */
void dcn_list_changed(DcnJob *job, const DcnValueState *v);
void dcn_list_all(DcnJob *job);
void dcn_list_window(DcnJob *job, const DcnWindow *window);
/* The same as bits: job->marks. */
void dcn_mark_window(DcnJob *job, const DcnWindow *window);
/* Items per chunk such that a chunk is worth a thread's while. */
int dcn_grain(size_t cost_per_item);
DcnWorker *dcn_worker(const DcnJob *job, int worker);

/* rows.c: loops over output rows, for windows. */
typedef struct {
  const float *const *lines; /* [kh] where the input rows under the output row begin; NULL outside */
  int oy, x, n;              /* output pixels [x, x + n) of row oy of an image */
  float *y;                  /* go to y[i * ldy], i < n */
  size_t ldy;
} DcnRowRun;
typedef void (*DcnRowFunc)(const DcnJob *job, const DcnRowRun *run, DcnWorker *worker);
/* Computes, activation included, what changed inputs reach through the window (all in a full run)
 * and emits it; the op's prepare() has raised needs.lines to kh. */
void dcn_run_rows(DcnJob *job, const DcnWindow *window, DcnRowFunc func, size_t cost);

/* act.c */
void dcn_act_run(const DcnKernels *kernels, const DcnAct *act, const float *x, float *y, int n);
/* Whether the activation is a clamp (as bias_clamp's) to [*lo, *hi]; where not, these are infinite.
 */
gboolean dcn_act_limits(const DcnAct *act, float *lo, float *hi);
gboolean dcn_act_is_none(const DcnAct *act);
gboolean dcn_act_keeps_zero(const DcnAct *act); /* act(0) == 0, whatever the channel */

/* cost.c: what convolutions take, in multiplies of igemm at its best; and what a whole op takes. */
uint64_t dcn_cost_igemm(const DcnKernels *kernels, int pixels, uint64_t terms, int columns);
/* padded: changed channels of all taps and tiles, times dr */
uint64_t dcn_cost_dgemm(const DcnKernels *kernels, int pixels, int taps, uint64_t padded,
                      int columns);
double dcn_cost_full(const DcnNet *net, const DcnNetOp *op);
/* What a partial run takes in which all of its inputs changed. */
double dcn_cost_changed(const DcnNet *net, const DcnNetOp *op);
/* macs: done; work: where the op counted itself, else 0 */
double dcn_cost_partial(const DcnNet *net, const DcnNetOp *op, uint64_t macs, uint64_t work,
                        int pixels);

/* conv-elsewhere.c: has the job done by state->conv.  FALSE: it declined.  inputs_changed: of the op's statistics. */
gboolean dcn_conv_elsewhere(DcnJob *job, uint64_t *inputs_changed);

/* registry.c */
void dcn_net_free(DcnNet *net);

/* op-*.c */
extern const DcnOpClass dcn_conv_class, dcn_first_class, dcn_fc_class, dcn_depthwise_class, dcn_pool_class,
    dcn_global_avg_class, dcn_affine_class, dcn_act_class, dcn_binary_class, dcn_lrn_class,
    dcn_softmax_class, dcn_layer_norm_class, dcn_concat_class, dcn_gather_class, dcn_matmul_class;
gboolean dcn_first_fits(const DcnNet *net, const DcnOp *op);
/* Its cells; 0: it has none. */
void dcn_first_cells(const DcnNetOp *op, int *w, int *h);
gboolean dcn_first_in_place(const DcnNetOp *op); /* keeps its sums in its output */
gboolean dcn_fc_fits(const DcnNet *net, const DcnOp *op);
gboolean dcn_depthwise_fits(const DcnNet *net, const DcnOp *op);

static inline const DcnNetValue *
dcn_op_in(const DcnNet *net, const DcnOp *op)
{
  return &net->values[op->inputs[0]];
}

static inline const DcnNetValue *
dcn_op_out(const DcnNet *net, const DcnOp *op)
{
  return &net->values[op->output];
}

gboolean dcn_no_memory(GError **error); /* sets DCN_ERROR_MEMORY, returns FALSE */
