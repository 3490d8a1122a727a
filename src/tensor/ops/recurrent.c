/*
 * Owns recurrent layers over packed sequences and backward through time, additive attention in the loop where asked
 * for (Bahdanau et al. 2015). See ops.h.
 *
 * The loop goes time by time over all sequences that are that long; sequences are taken longest first, so those of a
 * time are the first ones, and what is kept of a time stands in one piece ("in time order"): row offset[t] + j is that
 * of sequence order[j] at time t. A time is one product of the states with the hidden weight, which was copied into
 * panels once, and the cells; a thread has units of its own in both, so that the threads meet once a time. The
 * hidden weight's gradient is one product after the loop.
 */
#include "base/parallel.h"
#include "kernels/gemm_own.h"
#include "tensor/ops/align.h"

#include <string.h>

/* Fewer times or sequences than these are not worth the panels; up to so many rows are multiplied without them. */
enum { FEWEST_TIMES = 4, FEW_ROWS = 4 };
/* Multiplications worth another thread. */
#define UNITS_GRAIN (1 << 16)

typedef struct layer {
  att_recurrent_shape shape;
  att_additive additive;
  att_tensor gates, before, out, last, cells, context; /* data NULL: absent */
  att_weight hidden, bias;
  int64_t width, columns, state; /* of h, of the gates, of a state */
  int groups;                    /* of `width` columns: the gates, and with attention the query */
  /* time */
  int64_t count, steps, rows;
  int64_t *order, *offset; /* [count], [steps + 1] */
  /* in time order, kept for backward */
  float *states;   /* [rows, state]: before each row */
  float *inner;    /* [rows, width]: GRU, see att_cell_args */
  float *queries;  /* [rows, width]: with attention */
  float **weights; /* with attention */
  /* of a pass */
  const att_kernels *kernels;
  int64_t time;
  float *panels;   /* [groups] or NULL */
  float *products; /* [count, groups * width] */
  float *finals;   /* [count, state] */
  const float *dout, *dcontext;
  float *dgates, *dproducts; /* as gates; [rows, columns] in time order */
  float *dqueries;           /* [rows, width] in time order */
  float *dstate;             /* [count, state], sequences in `order` */
  float *dkeys, *dinputs, *dmemory;
  float *dvector, *dscores; /* [count, width], [count, most] */
  int64_t most;
} layer;

int64_t att_cell_gates(att_cell cell, int64_t width) {
  return width * (cell == ATT_CELL_LSTM ? 4 : cell == ATT_CELL_GRU ? 3 : 1);
}

int64_t att_cell_state(att_cell cell, int64_t width) { return cell == ATT_CELL_LSTM ? 2 * width : width; }

/* ---- time ----------------------------------------------------------------------------------------------------- */

static int64_t length_of(const layer *l, int64_t sequence) {
  return l->shape.sequences.start[sequence + 1] - l->shape.sequences.start[sequence];
}

/* Sequences that are longer than `time`. */
static int64_t active_at(const layer *l, int64_t time) {
  return time >= 0 && time < l->steps ? l->offset[time + 1] - l->offset[time] : 0;
}

/* The packed row of the j-th longest sequence at a time. */
static int64_t row_at(const layer *l, int64_t time, int64_t j) {
  int64_t sequence = l->order[j];
  return l->shape.backwards ? l->shape.sequences.start[sequence + 1] - 1 - time
                            : l->shape.sequences.start[sequence] + time;
}

/* Counts the sequences of each length, so that each has its place among them. */
static att_status plan_time(att_run *run, layer *l) {
  l->count = l->shape.sequences.count;
  l->rows = l->shape.sequences.start[l->count];
  for (int64_t i = 0; i < l->count; i++) {
    if (length_of(l, i) > l->steps) l->steps = length_of(l, i);
  }
  l->order = ATT_ARENA_NEW(run->arena, l->count, int64_t);
  l->offset = ATT_ARENA_NEW(run->arena, l->steps + 2, int64_t);
  if (!l->order || !l->offset) return ATT_MEMORY;
  int64_t *longer = l->offset; /* first: of each length, how many sequences are longer */
  memset(longer, 0, (size_t)(l->steps + 2) * sizeof *longer);
  for (int64_t i = 0; i < l->count; i++) longer[length_of(l, i)]++;
  for (int64_t n = l->steps, sum = 0; n >= 0; n--) {
    int64_t equal = longer[n];
    longer[n] = sum;
    sum += equal;
  }
  for (int64_t i = 0; i < l->count; i++) l->order[longer[length_of(l, i)]++] = i;
  /* now longer[n]: how many are of length n or longer, so longer[t + 1] are active at t */
  for (int64_t t = 0, sum = 0; t <= l->steps; t++) {
    int64_t active = longer[t + 1];
    l->offset[t] = sum;
    sum += active;
  }
  return ATT_OK;
}

/* ---- what both directions share ------------------------------------------------------------------------------- */

/* The rows of a group, of the type *type. */
static const void *group_weight(const layer *l, int64_t group, att_type *type) {
  bool query = group * l->width == l->columns;
  *type = query ? l->additive.query.type : l->hidden.type;
  if (query) return l->additive.query.data;
  return (const char *)l->hidden.data + (size_t)(group * l->width * l->width) * att_type_size(*type);
}

static void pack_groups(const layer *l, int64_t begin, int64_t end, bool transpose) {
  int64_t w = l->width, size = att_panels_size(l->kernels, w, w);
  for (int64_t g = begin; g < end; g++) {
    att_type type;
    const void *weight = group_weight(l, g, &type);
    att_panels_pack(l->kernels, l->panels + g * size, weight, type, w, transpose, w, w);
  }
}

static int64_t panels_of(const layer *l) { return att_panels(l->kernels, l->width); }

static int64_t end_unit(const layer *l, int64_t panel) {
  int64_t unit = panel * l->kernels->gemm_tile_cols;
  return unit < l->width ? unit : l->width;
}

/* Items are groups. Forward multiplies by the transposed weight. */
static void pack_forward(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  pack_groups(arg, begin, end, true);
}

static void pack_backward(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  pack_groups(arg, begin, end, false);
}

static att_status make_panels(att_run *run, layer *l, att_body *pack) {
  l->panels = ATT_ARENA_NEW(run->arena, l->groups * att_panels_size(l->kernels, l->width, l->width), float);
  if (!l->panels) return ATT_MEMORY;
  att_parallel(run->ctx, l->groups, 1, pack, l);
  return ATT_OK;
}

/* A body over the panels of the units. */
static void over_units(att_run *run, layer *l, int64_t rows, att_body *body) {
  int64_t work = rows * l->kernels->gemm_tile_cols * l->groups * (l->panels ? l->width : 1);
  att_parallel(run->ctx, panels_of(l), 1 + UNITS_GRAIN / (work + 1), body, l);
}

static att_cell_args cell_args(const layer *l, int64_t time, int64_t j) {
  int64_t place = l->offset[time] + j;
  return (att_cell_args){.width = l->width,
                         .gates = l->gates.data + row_at(l, time, j) * l->gates.stride,
                         .inner = l->inner ? l->inner + place * l->width : NULL,
                         .before = l->states + place * l->state};
}

/* ---- forward -------------------------------------------------------------------------------------------------- */

static void run_cell(const layer *l, int64_t j, int64_t first, int64_t end) {
  int64_t next = l->time + 1, row = row_at(l, l->time, j);
  bool goes_on = j < active_at(l, next);
  size_t bytes = (size_t)(end - first) * sizeof(float);
  att_cell_args args = cell_args(l, l->time, j);
  args.products = l->products + j * l->groups * l->width;
  args.bias = l->bias.data;
  args.after = goes_on ? l->states + (l->offset[next] + j) * l->state : l->finals + l->order[j] * l->state;
  l->kernels->cell_forward(&args, l->shape.cell, first, end);
  memcpy(l->out.data + row * l->width + first, args.after + first, bytes);
  if (l->cells.data) memcpy(l->cells.data + row * l->width + first, args.after + l->width + first, bytes);
}

/* The products of the states with units [first, end) of every group. */
static void multiply_states(const layer *l, int64_t rows, int64_t begin, int64_t end) {
  int64_t w = l->width, size = att_panels_size(l->kernels, w, w), ld = l->groups * w;
  int64_t first = begin * l->kernels->gemm_tile_cols, units = end_unit(l, end) - first;
  const float *states = l->states + l->offset[l->time] * l->state;
  for (int64_t g = 0; g < l->groups; g++) {
    float *to = l->products + g * w;
    if (rows <= FEW_ROWS) {
      att_type type;
      const char *weight = group_weight(l, g, &type);
      weight += (size_t)(first * w) * att_type_size(type);
      l->kernels->few_rows(to + first, ld, states, l->state, weight, type, w, rows, units, w);
    } else {
      att_panels_multiply(l->kernels, to, ld, states, l->state, l->panels + g * size, rows, w, w, begin, end, false);
    }
  }
}

static void forward_units(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const layer *l = arg;
  int64_t rows = active_at(l, l->time);
  if (l->panels && (l->time > 0 || l->before.data)) multiply_states(l, rows, begin, end);
  if (l->shape.additive) return;
  for (int64_t j = 0; j < rows; j++) run_cell(l, j, begin * l->kernels->gemm_tile_cols, end_unit(l, end));
}

/* Items are sequences: each looks at its memory, then its cell runs. */
static void forward_attend(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const layer *l = arg;
  const att_alignment *a = &l->additive.alignment;
  for (int64_t j = begin; j < end; j++) {
    int64_t row = row_at(l, l->time, j);
    att_keys keys = att_keys_of(a, l->order[j]);
    float *weights = l->weights[l->order[j]] + l->time * keys.count;
    float *query = l->queries + (l->offset[l->time] + j) * l->width, *context = l->context.data + row * a->memory.cols;
    memcpy(query, l->products + j * l->groups * l->width + l->columns, (size_t)l->width * sizeof *query);
    for (int64_t s = 0; s < keys.count; s++)
      weights[s] = l->kernels->additive_score(query, a->keys.data + att_key_row(&keys, s) * a->keys.stride,
                                              l->additive.vector.data, l->width);
    l->kernels->softmax(weights, keys.count);
    memset(context, 0, (size_t)a->memory.cols * sizeof *context);
    att_mix(context, weights, &a->memory, &keys);
    att_mix(l->gates.data + row * l->gates.stride, weights, &l->additive.inputs, &keys);
    run_cell(l, j, 0, l->width);
  }
}

/* The products of a time whose weights are in no panels. */
static void multiply_plain(att_run *run, const layer *l, int64_t rows) {
  int64_t w = l->width, ld = l->groups * w;
  const float *states = l->states + l->offset[l->time] * l->state;
  att_gemm_weight(run->ctx, l->products, ld, states, l->state, l->hidden.data, l->hidden.type, rows, l->columns, w,
                  !run->tape);
  if (!l->shape.additive) return;
  att_gemm_weight(run->ctx, l->products + l->columns, ld, states, l->state, l->additive.query.data,
                  l->additive.query.type, rows, w, w, !run->tape);
}

static void forward_time(att_run *run, layer *l) {
  for (l->time = 0; l->time < l->steps; l->time++) {
    int64_t rows = active_at(l, l->time);
    bool zeros = l->time == 0 && !l->before.data;
    if (zeros) memset(l->products, 0, (size_t)(rows * l->groups * l->width) * sizeof *l->products);
    if (!zeros && !l->panels) multiply_plain(run, l, rows);
    if (l->panels || !l->shape.additive) over_units(run, l, rows, forward_units);
    if (l->shape.additive) att_parallel_dynamic(run->ctx, rows, forward_attend, l);
  }
}

/* The states before the first rows; a sequence of no rows ends in its own. */
static void put_first_states(layer *l) {
  size_t bytes = (size_t)l->state * sizeof(float);
  for (int64_t j = 0; j < l->count; j++) {
    float *to = j < active_at(l, 0) ? l->states + j * l->state : l->finals + l->order[j] * l->state;
    if (l->before.data) {
      memcpy(to, l->before.data + l->order[j] * l->before.stride, bytes);
    } else {
      memset(to, 0, bytes);
    }
  }
}

static att_status make_kept(att_run *run, layer *l) {
  ATT_TRY(plan_time(run, l));
  l->states = ATT_ARENA_NEW(run->arena, l->rows * l->state, float);
  if (l->shape.cell == ATT_CELL_GRU) l->inner = ATT_ARENA_NEW(run->arena, l->rows * l->width, float);
  if (!l->states || (l->shape.cell == ATT_CELL_GRU && !l->inner)) return ATT_MEMORY;
  if (!l->shape.additive) return ATT_OK;
  l->queries = ATT_ARENA_NEW(run->arena, l->rows * l->width, float);
  if (!l->queries) return ATT_MEMORY;
  return att_alignment_weights(run, &l->additive.alignment, l->shape.sequences, &l->weights);
}

static att_status forward(att_run *run, layer *l) {
  l->products = ATT_ARENA_NEW(run->arena, l->count * l->groups * l->width, float);
  l->finals = l->last.data ? l->last.data : ATT_ARENA_NEW(run->arena, l->count * l->state, float);
  if (!l->products || !l->finals) return ATT_MEMORY;
  if (l->steps >= FEWEST_TIMES && l->count > FEW_ROWS) ATT_TRY(make_panels(run, l, pack_forward));
  put_first_states(l);
  forward_time(run, l);
  return ATT_OK;
}

/* ---- backward ------------------------------------------------------------------------------------------------- */

/* Units of the state's gradient: what comes through the products of the time after, then the cells of this one. */
static void backward_units(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const layer *l = arg;
  int64_t w = l->width, size = att_panels_size(l->kernels, w, w), later = l->time + 1, rows = active_at(l, later);
  for (int64_t g = 0; rows > 0 && g < l->groups; g++) {
    bool query = g * w == l->columns;
    const float *from =
        query ? l->dqueries + l->offset[later] * w : l->dproducts + l->offset[later] * l->columns + g * w;
    att_panels_multiply(l->kernels, l->dstate, l->state, from, query ? w : l->columns, l->panels + g * size, rows, w, w,
                        begin, end, g > 0 || l->shape.cell == ATT_CELL_GRU);
  }
  for (int64_t j = 0; j < active_at(l, l->time); j++) {
    att_cell_args args = cell_args(l, l->time, j);
    int64_t row = row_at(l, l->time, j);
    args.dout = l->dout ? l->dout + row * w : NULL;
    args.dstate = l->dstate + j * l->state;
    args.dgates = l->dgates + row * l->gates.stride;
    args.dproducts = l->dproducts + (l->offset[l->time] + j) * l->columns;
    l->kernels->cell_backward(&args, l->shape.cell, begin * l->kernels->gemm_tile_cols, end_unit(l, end));
  }
}

static void backward_attend(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const layer *l = arg;
  const att_alignment *a = &l->additive.alignment;
  for (int64_t j = begin; j < end; j++) {
    int64_t row = row_at(l, l->time, j), place = (l->offset[l->time] + j) * l->width;
    att_keys keys = att_keys_of(a, l->order[j]);
    const float *weights = l->weights[l->order[j]] + l->time * keys.count;
    float *dscores = l->dscores + j * l->most, *dquery = l->dqueries + place;
    memset(dscores, 0, (size_t)keys.count * sizeof *dscores);
    att_mix_backward(dscores, l->dinputs, l->dgates + row * l->gates.stride, weights, &l->additive.inputs, &keys);
    if (l->dcontext)
      att_mix_backward(dscores, l->dmemory, l->dcontext + row * a->memory.cols, weights, &a->memory, &keys);
    att_scores_backward(dscores, weights, keys.count);
    memset(dquery, 0, (size_t)l->width * sizeof *dquery);
    for (int64_t s = 0; s < keys.count; s++) {
      int64_t key = att_key_row(&keys, s) * a->keys.stride;
      l->kernels->additive_backward(dquery, l->dkeys + key, l->dvector + j * l->width, l->queries + place,
                                    a->keys.data + key, l->additive.vector.data, dscores[s], l->width);
    }
  }
}

static void bias_columns(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const layer *l = arg;
  l->kernels->column_sums(l->bias.grad + begin, l->dproducts + begin, l->columns, l->rows, end - begin);
}

/* Where there was no state before, the rows of the first time have nothing to give. */
static void weight_gradients(att_run *run, layer *l) {
  int64_t w = l->width, first = l->before.data ? 0 : active_at(l, 0), rows = l->rows - first;
  const float *states = l->states + first * l->state;
  if (l->hidden.grad) {
    att_gemm(run->ctx, l->hidden.grad, w, l->dproducts + first * l->columns, l->columns, true, states, l->state, false,
             l->columns, w, rows, true);
  }
  if (l->bias.grad) att_parallel(run->ctx, l->columns, 64, bias_columns, l);
  if (!l->shape.additive) return;
  if (l->additive.query.grad) {
    att_gemm(run->ctx, l->additive.query.grad, w, l->dqueries + first * w, w, true, states, l->state, false, w, w, rows,
             true);
  }
  if (l->additive.vector.grad) l->kernels->column_sums(l->additive.vector.grad, l->dvector, w, l->count, w);
}

/* The gradient of the final states, or zeros. */
static void put_last_gradients(layer *l) {
  const float *dlast = l->last.data ? att_gradient_of(&l->last) : NULL;
  for (int64_t j = 0; j < l->count; j++) {
    if (dlast) {
      memcpy(l->dstate + j * l->state, dlast + l->order[j] * l->state, (size_t)l->state * sizeof(float));
    } else {
      memset(l->dstate + j * l->state, 0, (size_t)l->state * sizeof(float));
    }
  }
}

static att_status make_backward(att_run *run, layer *l) {
  l->dproducts = ATT_ARENA_NEW(run->arena, l->rows * l->columns, float);
  l->dstate = ATT_ARENA_NEW(run->arena, l->count * l->state, float);
  if (!l->dproducts || !l->dstate) return ATT_MEMORY;
  ATT_TRY(make_panels(run, l, pack_backward));
  if (!l->shape.additive) return ATT_OK;
  for (int64_t i = 0; i < l->count; i++) {
    int64_t keys = att_keys_of(&l->additive.alignment, i).count;
    if (keys > l->most) l->most = keys;
  }
  l->dqueries = ATT_ARENA_NEW(run->arena, l->rows * l->width, float);
  l->dvector = ATT_ARENA_NEW(run->arena, l->count * l->width, float);
  l->dscores = ATT_ARENA_NEW(run->arena, l->count * l->most, float);
  if (!l->dqueries || !l->dvector || !l->dscores) return ATT_MEMORY;
  memset(l->dvector, 0, (size_t)(l->count * l->width) * sizeof *l->dvector);
  return ATT_OK;
}

static att_status backward(att_run *run, layer *l, float *dbefore, bool accumulate) {
  ATT_TRY(make_backward(run, l));
  put_last_gradients(l);
  for (l->time = l->steps - 1; l->time >= 0; l->time--) {
    over_units(run, l, active_at(l, l->time), backward_units);
    if (l->shape.additive) att_parallel_dynamic(run->ctx, active_at(l, l->time), backward_attend, l);
  }
  weight_gradients(run, l);
  if (!dbefore) return ATT_OK;
  over_units(run, l, active_at(l, 0), backward_units); /* at time -1 */
  for (int64_t j = 0; j < l->count; j++) {
    float *to = dbefore + l->order[j] * l->before.stride;
    if (!accumulate) memset(to, 0, (size_t)l->state * sizeof *to);
    l->kernels->add(to, l->dstate + j * l->state, l->state);
  }
  return ATT_OK;
}

static att_status open_memory(att_run *run, layer *l) {
  if (!l->shape.additive) return ATT_OK;
  ATT_TRY(att_gradient_open_zeroed(run, &l->additive.alignment.keys, &l->dkeys));
  ATT_TRY(att_gradient_open_zeroed(run, &l->additive.inputs, &l->dinputs));
  return att_gradient_open_zeroed(run, &l->additive.alignment.memory, &l->dmemory);
}

static att_status recurrent_backward(att_run *run, void *record) {
  layer *l = record;
  const att_tensor *outputs[] = {&l->out, &l->last, &l->context};
  l->dout = att_gradient_of(&l->out);
  l->dcontext = l->context.data ? att_gradient_of(&l->context) : NULL;
  bool accumulate = false;
  float *dbefore = NULL;
  if (!l->dout && !l->dcontext && !(l->last.data && att_gradient_of(&l->last))) return ATT_OK;
  ATT_TRY(att_gradient_open(run, &l->gates, &l->dgates, &accumulate)); /* no other op uses them */
  if (l->before.gradient) ATT_TRY(att_gradient_open(run, &l->before, &dbefore, &accumulate));
  ATT_TRY(open_memory(run, l));
  att_arena_mark mark = att_arena_save(run->arena);
  ATT_TRY(backward(run, l, dbefore, accumulate));
  att_arena_restore(run->arena, mark);
  for (int i = 0; i < 3; i++) {
    if (outputs[i]->data) att_gradient_close(run, outputs[i]);
  }
  return ATT_OK;
}

/* ---- the op --------------------------------------------------------------------------------------------------- */

static att_status make_outputs(att_run *run, layer *l, const att_recurrent_outputs *outputs) {
  int64_t rows = l->gates.rows;
  att_run untaped = *run;
  untaped.tape = NULL;
  ATT_TRY(att_tensor_new(run, rows, l->width, &l->out));
  if (outputs->last) ATT_TRY(att_tensor_new(run, l->shape.sequences.count, l->state, &l->last));
  if (outputs->cells) ATT_TRY(att_tensor_new(&untaped, rows, l->width, &l->cells));
  if (outputs->context) ATT_TRY(att_tensor_new(run, rows, l->additive.alignment.memory.cols, &l->context));
  *outputs->out = l->out;
  if (outputs->last) *outputs->last = l->last;
  if (outputs->cells) *outputs->cells = l->cells;
  if (outputs->context) *outputs->context = l->context;
  return ATT_OK;
}

att_status att_op_recurrent(att_run *run, const att_tensor *gates, const att_weight *hidden, const att_weight *bias,
                            const att_tensor *before, const att_recurrent_shape *shape,
                            const att_recurrent_outputs *outputs) {
  layer l = {.shape = *shape, .gates = *gates, .hidden = *hidden, .bias = *bias, .width = hidden->cols};
  l.columns = att_cell_gates(shape->cell, l.width);
  l.state = att_cell_state(shape->cell, l.width);
  l.groups = (int)(l.columns / l.width) + (shape->additive != NULL);
  l.kernels = att_kernels_get();
  if (before) l.before = *before;
  if (shape->additive) l.additive = *shape->additive;
  ATT_TRY(make_outputs(run, &l, outputs));
  att_arena_mark unkept = att_arena_save(run->arena);
  ATT_TRY(make_kept(run, &l));
  att_arena_mark kept = att_arena_save(run->arena);
  ATT_TRY(forward(run, &l));
  att_arena_restore(run->arena, run->tape ? kept : unkept);
  if (!run->tape) return ATT_OK;
  void *data;
  ATT_TRY(att_tape_add(run, recurrent_backward, sizeof l, &data));
  layer *record = data;
  *record = l;
  if (shape->additive) record->shape.additive = &record->additive; /* the caller's is gone by then */
  return ATT_OK;
}
