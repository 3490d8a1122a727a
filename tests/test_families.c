/*
 * Decoders and encoders with each head against PyTorch: hidden states, logits, loss, every gradient, attention; folders
 * written and read again; another head on the same body; names and keys of other classes.
 */
#include "family_folder.h"
#include "same_values.h"

#include <unistd.h>

#include "decode/decode.h"
#include "formats/json.h"
#include "models/families/rotary_decoder.h"
#include "models/parameters.h"

#include "counting.h"

static const char *const names[] = {"family_gpt2",
                                    "family_llama",
                                    "family_llama3",
                                    "family_llama_dynamic",
                                    "family_qwen2",
                                    "family_qwen3",
                                    "family_mistral",
                                    "family_gemma2",
                                    "family_gemma3",
                                    "family_phi3",
                                    "family_gemma2_classes",
                                    "family_bert",
                                    "family_bert_masked",
                                    "family_bert_classes",
                                    "family_bert_labels",
                                    "family_bert_values",
                                    "family_gpt2_classes",
                                    "family_llama_values",
                                    "family_bert_token_classes",
                                    "family_gpt2_token_classes",
                                    "family_llama_token_classes",
                                    "family_bert_spans",
                                    "family_gpt2_spans",
                                    "family_llama_spans",
                                    "family_roberta_masked",
                                    "family_roberta_classes",
                                    "family_roberta_token_classes",
                                    "family_roberta_spans",
                                    "family_xlm_roberta",
                                    "family_xlm_roberta_values",
                                    "family_distilbert_masked",
                                    "family_distilbert_labels",
                                    "family_distilbert_spans",
                                    "family_electra",
                                    "family_electra_masked",
                                    "family_electra_values",
                                    "family_electra_token_classes",
                                    "family_albert_masked",
                                    "family_albert_classes",
                                    "family_albert_spans",
                                    "family_mpnet",
                                    "family_mpnet_masked",
                                    "family_mpnet_classes",
                                    "family_mpnet_spans",
                                    "family_nomic_bert",
                                    "family_nomic_bert_masked",
                                    "family_nomic_bert_classes",
                                    "family_nomic_bert_token_classes",
                                    "family_bart_classes",
                                    "family_bart_values",
                                    "family_bart_spans",
                                    "family_mbart_classes",
                                    "family_mbart_spans",
                                    "family_t5_labels",
                                    "family_t5_spans"};
#define COUNT (sizeof names / sizeof *names)

/* A folder and its texts; what belongs to no text is NULL. */
typedef struct sample {
  fixture f;
  int32_t *ids, *types, *labels, *label_rows;
  float *values;
  int64_t *starts;
  att_input input;
  att_batch batch;
} sample;

static bool has(const fixture *f, const char *name) { return att_tensor_file_find(f->expected, name) != NULL; }

static int32_t *ids_or_null(const fixture *f, const char *name) { return has(f, name) ? stored_ids(f, name) : NULL; }

static void open_family(sample *s, const char *name) {
  char path[1024];
  memset(s, 0, sizeof *s);
  fixture *f = &s->f;
  f->name = name;
  assert_int_equal(att_context_new(&(att_context_options){.size = sizeof(att_context_options), .threads = 2}, &f->ctx),
                   ATT_OK);
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, name);
  require_ok(f, att_model_open(f->ctx, path, &f->model));
  snprintf(path, sizeof path, "%s/%s/expected.safetensors", ATT_TEST_DATA, name);
  require_ok(f, att_safetensors_open(f->ctx, path, &f->expected));
  require_ok(f, att_arena_new(f->ctx, &f->arena));
  s->ids = stored_ids(f, "ids");
  s->types = ids_or_null(f, "types");
  s->labels = ids_or_null(f, "labels");
  s->label_rows = ids_or_null(f, "label_rows");
  if (!s->labels) s->labels = ids_or_null(f, "classes");
  if (!s->labels) s->labels = ids_or_null(f, "spans");
  s->values = has(f, "values") ? stored_floats(f, "values") : NULL;
  s->starts = stored_longs(f, "starts");
  s->input = (att_input){.ids = s->ids, .types = s->types, .sequences = {stored(f, "starts")->count - 1, s->starts}};
  s->batch = (att_batch){.labels = s->labels, .label_rows = s->label_rows, .values = s->values};
  if (s->label_rows) s->batch.label_count = stored(f, "label_rows")->count;
  *(f->model->config.kind == ATT_DECODER ? &s->batch.target : &s->batch.source) = s->input;
}

static void close_family(sample *s) {
  free(s->ids), free(s->types), free(s->labels), free(s->label_rows), free(s->values);
  free(s->starts);
  fixture_close(&s->f);
}

/* On the arena; of a model without a head the hidden states stand in both. */
static void forward(sample *s, att_model *model, const att_maps *maps, att_tensor *hidden, att_tensor *logits) {
  att_run run = {.ctx = s->f.ctx, .arena = s->f.arena};
  att_hidden body;
  require_ok(&s->f, att_model_hidden(&run, model, &s->input, maps, NULL, &body));
  *logits = *hidden = body.rows;
  if (!model->head->logits) return;
  if (!model->head->output) {
    require_ok(&s->f, att_head_logits(&run, model, &body, logits));
    return;
  }
  att_tensor rows = *hidden;
  if (s->label_rows) {
    require_ok(&s->f, att_op_rows(&run, hidden, s->label_rows, s->batch.label_count, &rows));
  }
  require_ok(&s->f, att_model_logits(&run, model, &rows, logits));
}

static void test_outputs(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT; i++) {
    sample s;
    att_tensor hidden, logits;
    open_family(&s, names[i]);
    forward(&s, s.f.model, NULL, &hidden, &logits);
    compare_rows(&s.f, "hidden", &hidden);
    if (has(&s.f, "logits")) compare_rows(&s.f, "logits", &logits);
    close_family(&s);
  }
}

static void learn(sample *s, att_loss *loss) {
  att_run run = {.ctx = s->f.ctx, .arena = s->f.arena};
  bool smooth = s->f.model->config.head <= ATT_HEAD_CLASSES;
  *loss = (att_loss){0};
  att_arena_reset(s->f.arena);
  require_ok(&s->f, att_tape_new(s->f.arena, &run.tape));
  double targets = (double)att_batch_targets(s->f.model, &s->batch);
  require_ok(&s->f, att_model_loss(&run, s->f.model, &s->batch, smooth ? 0.1f : 0, targets, loss));
  require_ok(&s->f, att_backward(&run));
  assert_int_equal(loss->count, att_batch_targets(s->f.model, &s->batch));
}

static void test_loss_and_gradients(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT; i++) {
    sample s;
    att_loss loss;
    open_family(&s, names[i]);
    if (has(&s.f, "loss")) {
      float *want = stored_floats(&s.f, "loss");
      require_ok(&s.f, att_model_add_gradients(s.f.model));
      for (int times = 1; times <= 2; times++) { /* the second as training does it: of a text what its head reads */
        s.batch.source.pooled = times == 2 && s.f.model->head->texts;
        learn(&s, &loss);
        if (!(fabs(loss.loss / (double)loss.count - (double)*want) < 1e-5 * (double)*want))
          fail_msg("%s: loss %.9g, not %.9g", names[i], loss.loss / (double)loss.count, (double)*want);
        compare_gradients(&s.f, times);
      }
      free(want);
    }
    close_family(&s);
  }
}

static void test_attention(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT; i++) {
    sample s;
    att_tensor hidden, logits;
    open_family(&s, names[i]);
    const att_stored *shape = stored(&s.f, "maps");
    int64_t *which = stored_longs(&s.f, "sample"), layers = shape->shape[0], heads = shape->shape[1];
    float ***maps = ATT_ARENA_NEW(s.f.arena, layers, float **), *want = stored_floats(&s.f, "maps");
    for (int64_t l = 0; l < layers; l++) {
      maps[l] = ATT_ARENA_NEW(s.f.arena, s.input.sequences.count, float *);
      for (int64_t t = 0; t < s.input.sequences.count; t++) {
        int64_t n = s.starts[t + 1] - s.starts[t];
        maps[l][t] = ATT_ARENA_NEW(s.f.arena, heads * n * n, float);
      }
    }
    bool decoder = s.f.model->config.kind == ATT_DECODER;
    att_maps where = {decoder ? NULL : (float *const *const *)maps, decoder ? (float *const *const *)maps : NULL, NULL};
    forward(&s, s.f.model, &where, &hidden, &logits);
    int64_t size = shape->count / layers;
    for (int64_t l = 0; l < layers; l++) require_close(&s.f, "maps", maps[l][*which], want + l * size, size, 2e-5f);
    free(want), free(which);
    close_family(&s);
  }
}

/* ---- generating ---- */

enum { PROMPT = 5, WRITTEN = 24 };

static int32_t likeliest(sample *s, const int32_t *ids, int64_t count) {
  const int64_t start[] = {0, count};
  const int32_t last[] = {(int32_t)count - 1};
  att_run run = {.ctx = s->f.ctx, .arena = s->f.arena};
  att_tensor hidden, row, logits;
  require_ok(&s->f, att_model_decode(&run, s->f.model, &(att_input){.ids = ids, .sequences = {1, start}}, NULL, NULL,
                                     NULL, &hidden));
  require_ok(&s->f, att_op_rows(&run, &hidden, last, 1, &row));
  require_ok(&s->f, att_model_logits(&run, s->f.model, &row, &logits));
  int32_t best = 0;
  for (int32_t i = 1; i < logits.cols; i++)
    if (logits.data[i] > logits.data[best]) best = i;
  att_arena_reset(s->f.arena);
  return best;
}

/* Two sequences that share their prompt, which is read in pieces; both write the same. */
static void write_two(sample *s, int32_t *tokens) {
  fixture *f = &s->f;
  att_session *session;
  int32_t two[2];
  float *logits;
  require_ok(f, att_session_new(f->model, PROMPT + 2 * WRITTEN, &session));
  require_ok(f, att_session_add(session, &two[0]));
  for (int i = 0; i < PROMPT - 1; i += 2)
    require_ok(f, att_session_step(session, f->arena, &(att_reading){two[0], tokens + i, 2, 0, PROMPT}, 1, NULL));
  require_ok(f, att_session_fork(session, two[0], PROMPT - 1, &two[1]));
  for (int i = PROMPT; i < PROMPT + WRITTEN; i++) {
    const att_reading readings[] = {{two[0], tokens + i - 1, 1, 0, 0}, {two[1], tokens + i - 1, 1, 0, 0}};
    require_ok(f, att_session_step(session, f->arena, readings, 2, &logits));
    int64_t vocab = f->model->config.vocab_size;
    assert_memory_equal(logits, logits + vocab, (size_t)vocab * sizeof *logits);
    tokens[i] = 0;
    for (int32_t j = 1; j < vocab; j++)
      if (logits[j] > logits[tokens[i]]) tokens[i] = j;
    att_arena_reset(f->arena);
  }
  att_session_free(session);
}

/* Token by token with a cache, beyond windows and beyond the context that longrope was trained with: each one is the
 * likeliest of a pass over all that stands before it. */
static void test_generating(void **state) {
  (void)state;
  size_t seen = 0;
  for (size_t i = 0; i < COUNT; i++) {
    sample s;
    open_family(&s, names[i]);
    const att_config *c = &s.f.model->config;
    if (c->kind == ATT_DECODER && c->head == ATT_HEAD_TOKENS && c->rope.scaling != ATT_ROPE_DYNAMIC) {
      int32_t tokens[PROMPT + WRITTEN];
      memcpy(tokens, s.ids + 1, PROMPT * sizeof *s.ids);
      write_two(&s, tokens);
      for (int j = PROMPT; j < PROMPT + WRITTEN; j++) assert_int_equal(tokens[j], likeliest(&s, tokens, j));
      seen++;
    }
    close_family(&s);
  }
  assert_true(seen >= 9);
}

/* ---- folders -------------------------------------------------------------------------------------------------- */

static void same_settings(const att_config *a, const att_config *b) {
  assert_true(a->family == b->family && a->kind == b->kind && a->head == b->head && a->position == b->position);
  assert_true(a->norm == b->norm && a->norm_before == b->norm_before && a->gated == b->gated);
  assert_true(a->activation == b->activation && a->tie_word_embeddings == b->tie_word_embeddings);
  assert_true(a->pad == b->pad && a->bos == b->bos && a->eos == b->eos && a->mask == b->mask && a->unk == b->unk);
  assert_true(a->dropout == b->dropout && a->layer_norm_epsilon == b->layer_norm_epsilon);
  assert_true(a->position != ATT_ROTARY || a->rope.base == b->rope.base);
  assert_true(a->position != ATT_ROTARY || memcmp(&a->rope, &b->rope, sizeof a->rope) == 0);
  assert_memory_equal(&a->local_rope, &b->local_rope, sizeof a->local_rope);
  assert_true(a->sliding_window == b->sliding_window && a->query_scalar == b->query_scalar);
  assert_true(a->attention_softcap == b->attention_softcap && a->logit_softcap == b->logit_softcap);
  assert_true(a->scale_embedding == b->scale_embedding && (!a->head_size || a->head_size == b->head_size));
  assert_memory_equal(a->local_layers, b->local_layers, sizeof a->local_layers);
  assert_true(a->embedding_size == b->embedding_size && a->layer_groups == b->layer_groups);
  assert_true(a->type_vocab_size == b->type_vocab_size && a->max_position_embeddings == b->max_position_embeddings);
  assert_true(a->attention_bias == b->attention_bias && a->feedforward_bias == b->feedforward_bias);
  assert_int_equal(a->label_count, b->label_count);
  for (int64_t i = 0; i < a->label_count; i++) assert_string_equal(a->labels[i], b->labels[i]);
}

/* Written and read: the same settings, the same bits, the same logits. */
static void test_saving(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT; i++) {
    sample s;
    att_model *copy;
    char folder[] = "/tmp/attend-test-XXXXXX";
    open_family(&s, names[i]);
    assert_non_null(mkdtemp(folder));
    require_ok(&s.f, att_model_save(s.f.model, folder, NULL));
    require_ok(&s.f, att_model_open(s.f.ctx, folder, &copy));
    same_settings(&s.f.model->config, &copy->config);
    assert_true(value_difference(s.f.model, copy) == 0);
    att_model_close(copy);
    remove_folder(folder);
    close_family(&s);
  }
}

/* What the family's class is by itself, in the sizes of c. */
static att_config rotary_config(const att_config *c, const att_config *class) {
  att_config out = *class;
  out.position = c->position;
  out.d_model = c->d_model, out.vocab_size = c->vocab_size, out.max_position_embeddings = c->max_position_embeddings;
  out.decoder_layers = 2, out.decoder_attention_heads = 4, out.decoder_ffn_dim = 40;
  out.key_value_heads = 2, out.pad = out.bos = out.eos = out.mask = out.unk = -1;
  out.rope.base = c->rope.base;
  out.local_layers[0] = out.local_layers[1] = class->sliding_window > 0;
  out.relative_buckets = c->relative_buckets, out.relative_distance = c->relative_distance;
  return out;
}

static att_config config_of(att_family family, att_position position) {
  bool encoder = family == ATT_BERT || family == ATT_NOMIC_BERT, both = family <= ATT_T5;
  att_config c = {.family = family,
                  .kind = encoder ? ATT_ENCODER
                          : both  ? ATT_ENCODER_DECODER
                                  : ATT_DECODER,
                  .position = position,
                  .activation = ATT_SILU,
                  .norm_before = !encoder && family != ATT_MARIAN && family != ATT_BART,
                  .d_model = 24,
                  .vocab_size = 90,
                  .max_position_embeddings = 70,
                  .type_vocab_size = encoder ? 2 : 0,
                  .rope = {.base = 500},
                  .relative_buckets = 8,
                  .relative_distance = 20,
                  .tie_word_embeddings = true,
                  .layer_norm_epsilon = 1e-5f,
                  .pad = both ? 3 : -1,
                  .bos = -1,
                  .eos = both ? 4 : -1,
                  .decoder_start = both ? 3 : -1,
                  .mask = -1,
                  .unk = -1};
  if (encoder || both) c.encoder_layers = 2, c.encoder_attention_heads = 4, c.encoder_ffn_dim = 40;
  if (!encoder) c.decoder_layers = 2, c.decoder_attention_heads = 4, c.decoder_ffn_dim = 40;
  if (family != ATT_MARIAN) c.key_value_heads = 2;
  const struct att_rotary_decoder *rotary = att_family_get(family)->rotary;
  return rotary ? rotary_config(&c, &rotary->defaults) : c;
}

/* What no class of Hugging Face can say has attend's own type, and comes back. */
static void test_own_types(void **state) {
  (void)state;
  att_context *ctx;
  assert_int_equal(att_context_new(NULL, &ctx), ATT_OK);
  for (int family = 0; family <= ATT_NOMIC_BERT; family++)
    for (int position = 0; position < ATT_POSITION_COUNT && family != ATT_T5; position++) {
      if (family > ATT_BERT && family < ATT_NOMIC_BERT) continue; /* as bert */
      att_config config = config_of((att_family)family, (att_position)position), back;
      char folder[] = "/tmp/attend-test-XXXXXX";
      if (position % 2) config.norm = config.norm == ATT_NORM_LAYER ? ATT_NORM_RMS : ATT_NORM_LAYER;
      if (position > 3) config.norm_before = !config.norm_before, config.gated = !config.gated;
      assert_non_null(mkdtemp(folder));
      if (att_config_write(ctx, folder, &config, NULL) || att_config_read(ctx, folder, &back))
        fail_msg("%d %d: %s", family, position, att_message(ctx));
      same_settings(&config, &back);
      assert_int_equal(config.key_value_heads ? config.key_value_heads : 4,
                       back.key_value_heads ? back.key_value_heads : 4);
      bool rotary = att_family_get((att_family)family)->rotary != NULL;
      bool plain = (rotary && position == ATT_ROTARY) || (family == ATT_MARIAN && position == 0);
      assert_string_equal(att_config_type(&back), plain ? att_family_type((att_family)family) : "attend");
      remove_folder(folder);
    }
  att_context_free(ctx);
}

/* ---- heads ---------------------------------------------------------------------------------------------------- */

/* Parameters of one name and shape are the body's. */
static void must_share(const att_model *body, const att_model *other) {
  size_t shared = 0;
  for (size_t i = 0; i < body->parameter_count; i++)
    for (size_t j = 0; j < other->parameter_count; j++) {
      const att_parameter *a = &body->parameters[i], *b = &other->parameters[j];
      bool same = strcmp(att_bare_name(body, a->name), att_bare_name(other, b->name)) == 0;
      if (!same || !a->in_file || a->rows != b->rows || a->cols != b->cols) continue;
      assert_int_equal(a->type, b->type);
      assert_memory_equal(a->data, b->data, (size_t)(a->rows * a->cols) * att_type_size(a->type));
      assert_true(b->in_file);
      shared++;
    }
  assert_true(shared + 8 >= body->parameter_count); /* all but a head */
}

static void test_new_heads(void **state) {
  (void)state;
  static const char *const labels[] = {"a", "b"};
  for (size_t i = 0; i < COUNT; i++)
    for (int head = 0; head < ATT_HEAD_COUNT; head++) {
      sample s;
      att_model *other;
      att_tensor before, after, logits;
      bool labelled = att_head_get((att_head)head)->check == att_labels_check;
      open_family(&s, names[i]);
      bool writes = att_model_reads_twice(s.f.model) && att_head_get((att_head)head)->vocabulary;
      if (!att_head_get((att_head)head)->kinds[s.f.model->config.kind].what || head == ATT_HEAD_FORECAST || writes) {
        /* CTC is an encoder's, forecasts are made of windows (test_patchtst), and what writes reads another text */
        close_family(&s);
        continue;
      }
      forward(&s, s.f.model, NULL, &before, &logits);
      char **copy = labelled ? att_labels_copy(s.f.ctx, labels, 2) : NULL;
      require_ok(&s.f, att_model_new_head(s.f.model, (att_head)head, copy, labelled ? 2 : 0, 3, &other));
      assert_null(s.f.model->tokenizer);
      must_share(s.f.model, other);
      forward(&s, other, NULL, &after, &logits);
      for (int64_t r = 0; r < before.rows; r++)
        assert_memory_equal(before.data + r * before.stride, after.data + r * after.stride,
                            (size_t)before.cols * sizeof(float));
      if (labelled) assert_true(logits.cols == 2 && largest(logits.data, 2) > 0);
      att_model_close(other);
      close_family(&s);
    }
}

static void test_other_kinds(void **state) {
  (void)state;
  sample s;
  att_tensor rows;
  att_hidden hidden;
  att_memory memory;
  open_family(&s, "family_gpt2");
  att_run run = {.ctx = s.f.ctx, .arena = s.f.arena};
  assert_int_equal(att_model_encode(&run, s.f.model, &s.input, NULL, NULL, &memory), ATT_ARGUMENT);
  assert_int_equal(att_model_cross(&run, s.f.model, &memory, NULL, NULL), ATT_ARGUMENT);
  assert_int_equal(att_model_decode(&run, s.f.model, &s.input, &memory, NULL, NULL, &rows), ATT_ARGUMENT);
  s.input.types = s.ids; /* it has none */
  assert_int_equal(att_model_decode(&run, s.f.model, &s.input, NULL, NULL, NULL, &rows), ATT_ARGUMENT);
  close_family(&s);
  open_family(&s, "family_bert_classes");
  run = (att_run){.ctx = s.f.ctx, .arena = s.f.arena};
  assert_int_equal(att_model_decode(&run, s.f.model, &s.input, NULL, NULL, NULL, &rows), ATT_ARGUMENT);
  assert_int_equal(att_model_logits(&run, s.f.model, &rows, &rows), ATT_ARGUMENT);
  att_loss loss = {0};
  s.labels[1] = 3;
  assert_int_equal(att_model_loss(&run, s.f.model, &s.batch, 0, 1, &loss), ATT_ARGUMENT);
  const int64_t empty[] = {0, 1, 1};
  att_input input = {.ids = s.ids, .sequences = {2, empty}};
  require_ok(&s.f, att_model_hidden(&run, s.f.model, &input, NULL, NULL, &hidden));
  assert_int_equal(att_head_logits(&run, s.f.model, &hidden, &rows), ATT_ARGUMENT);
  close_family(&s);
  open_family(&s, "family_bert");
  run = (att_run){.ctx = s.f.ctx, .arena = s.f.arena};
  require_ok(&s.f, att_model_hidden(&run, s.f.model, &s.input, NULL, NULL, &hidden));
  assert_int_equal(att_head_logits(&run, s.f.model, &hidden, &rows), ATT_ARGUMENT);
  assert_int_equal(att_model_loss(&run, s.f.model, &s.batch, 0, 1, &loss), ATT_ARGUMENT);
  assert_int_equal(att_batch_targets(s.f.model, &s.batch), 0);
  close_family(&s);
}

/* ---- names that others give ----------------------------------------------------------------------------------- */

enum { MOST_TENSORS = 64 };

/* Replaces the first `from` of a name by `to`. */
static void rename_part(char *name, const char *from, const char *to) {
  char copy[256], *at = strstr(name, from);
  if (!at) return;
  snprintf(copy, sizeof copy, "%.*s%s%s", (int)(at - name), name, to, at + strlen(from));
  strcpy(name, copy);
}

/* The folder's weights with other names, and tensors that say nothing; opened, they are the same. inside: the type of a
 * model that the folder's is a part of. */
static void check_names(const char *name, const char *const (*changes)[2], const char *const *more, att_status expected,
                        const char *inside) {
  static char texts[MOST_TENSORS][256];
  static const float zeros[8];
  char path[1200], folder[32];
  sample s;
  att_tensor_file *file;
  att_model *other;
  att_to_store tensors[MOST_TENSORS];
  size_t count = 0;
  open_family(&s, name);
  snprintf(path, sizeof path, "%s/%s/config.json", ATT_TEST_DATA, name);
  json_t *config = json_load_file(path, 0, NULL);
  if (inside)
    config = json_pack("{sssos[s]}", "model_type", inside, "text_config", config, "architectures",
                       "Gemma3ForConditionalGeneration");
  make_folder(name, config, folder);
  snprintf(path, sizeof path, "%s/model.safetensors", folder);
  require_ok(&s.f, att_safetensors_open(s.f.ctx, path, &file));
  for (; count < file->count; count++) {
    const att_stored *from = &file->tensors[count];
    strcpy(texts[count], from->name);
    for (int i = 0; changes[i][0]; i++) rename_part(texts[count], changes[i][0], changes[i][1]);
    tensors[count] = (att_to_store){texts[count], from->type, from->rank, {from->shape[0], from->shape[1]},
                                    from->data,   from->type, NULL,       NULL};
  }
  for (; *more; more++) tensors[count++] = (att_to_store){*more, ATT_I64, 1, {4}, zeros, ATT_I64, NULL, NULL};
  assert_int_equal(unlink(path), 0);
  require_ok(&s.f, att_safetensors_write(s.f.ctx, path, tensors, count));
  att_tensor_file_close(file);
  att_status status = att_model_open(s.f.ctx, folder, &other);
  if (status != expected) fail_msg("%s: %s", name, att_message(s.f.ctx));
  if (!status) {
    assert_true(value_difference(s.f.model, other) == 0);
  }
  att_model_close(other);
  json_decref(config);
  remove_folder(folder);
  close_family(&s);
}

/* The keys of NomicBERT's older class, which are GPT-2's. */
static void test_older_keys(void **state) {
  (void)state;
  static const char *const keys[][2] = {{"hidden_size", "n_embd"},
                                        {"num_hidden_layers", "n_layer"},
                                        {"num_attention_heads", "n_head"},
                                        {"intermediate_size", "n_inner"},
                                        {"max_position_embeddings", "n_positions"},
                                        {"layer_norm_eps", "layer_norm_epsilon"},
                                        {"hidden_dropout_prob", "resid_pdrop"}};
  sample s;
  att_model *older;
  char path[1200], folder[32];
  open_family(&s, "family_nomic_bert_masked");
  snprintf(path, sizeof path, "%s/%s/config.json", ATT_TEST_DATA, s.f.name);
  json_t *config = json_load_file(path, 0, NULL);
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    assert_int_equal(json_object_set(config, keys[i][1], json_object_get(config, keys[i][0])), 0);
    json_object_del(config, keys[i][0]);
  }
  json_object_del(config, "rope_parameters"), json_object_del(config, "head_dim"),
      json_object_del(config, "hidden_act");
  json_object_set_new(config, "rotary_emb_base", json_integer(77));
  json_object_set_new(config, "rotary_emb_fraction", json_real(1));
  json_object_set_new(config, "activation_function", json_string("swiglu"));
  make_folder(s.f.name, config, folder);
  require_ok(&s.f, att_model_open(s.f.ctx, folder, &older));
  same_settings(&older->config, &s.f.model->config);
  assert_true(value_difference(older, s.f.model) == 0);
  att_model_close(older);
  json_decref(config);
  remove_folder(folder);
  close_family(&s);
}

static void test_names_of_others(void **state) {
  (void)state;
  static const char *const none[] = {NULL}, *const masks[] = {"h.0.attn.bias", "h.1.attn.masked_bias", NULL};
  static const char *const first[] = {"bert.embeddings.position_ids", "cls.seq_relationship.weight",
                                      "bert.pooler.dense.weight", NULL};
  static const char *const foreign[] = {"h.0.attn.rotary", NULL};
  static const char *const as_is[][2] = {{NULL, NULL}}, *const bare[][2] = {{"transformer.", ""}, {NULL, NULL}};
  static const char *const older[][2] = {
      {"LayerNorm.weight", "LayerNorm.gamma"}, {"LayerNorm.bias", "LayerNorm.beta"}, {NULL, NULL}};
  static const char *const whole[][2] = {
      {"embeddings.", "bert.embeddings."}, {"encoder.", "bert.encoder."}, {"pooler.", "bert.pooler."}, {NULL, NULL}};
  static const char *const missing[][2] = {{"h.0.ln_1.weight", "h.7.ln_1.weight"}, {NULL, NULL}};
  static const char *const inner[][2] = {{"model.", "language_model.model."}, {NULL, NULL}};
  static const char *const within[][2] = {{"model.", "model.language_model."}, {NULL, NULL}};
  static const char *const once[][2] = {{"nomic_bert.", "bert."}, {NULL, NULL}};
  static const char *const images[] = {"vision_tower.encoder.weight", "multi_modal_projector.norm", NULL};
  check_names("family_gemma3", inner, images, ATT_OK, "gemma3");
  check_names("family_gemma3", within, images, ATT_OK, "gemma3");
  check_names("family_gemma3", as_is, none, ATT_UNSUPPORTED, "gemma4");
  check_names("family_gpt2", bare, masks, ATT_OK, NULL);
  check_names("family_bert_masked", older, first, ATT_OK, NULL);
  check_names("family_nomic_bert_classes", once, none, ATT_OK, NULL);
  check_names("family_bert", whole, none, ATT_OK, NULL);
  check_names("family_gpt2", as_is, none, ATT_OK, NULL);
  check_names("family_gpt2", as_is, foreign, ATT_OK, NULL); /* said in the log */
  check_names("family_gpt2", missing, none, ATT_FORMAT, NULL);
}

/* ---- no memory ------------------------------------------------------------------------------------------------ */

/* A pass through the model on an arena of its own. */
static att_status pass(att_context *ctx, att_model *model) {
  static const int64_t start[] = {0, 2, 5};
  static const int32_t ids[] = {5, 6, 7, 8, 9}, labels[] = {0, 1, 0, 1}, rows[] = {1};
  static const float values[6];
  att_input input = {.ids = ids, .sequences = {2, start}};
  att_batch batch = {
      .source = input, .target = input, .labels = labels, .label_rows = rows, .label_count = 1, .values = values};
  att_run run = {.ctx = ctx};
  att_loss loss = {0};
  ATT_TRY(att_arena_new(ctx, &run.arena));
  att_status status = att_tape_new(run.arena, &run.tape);
  if (!status) status = att_model_loss(&run, model, &batch, 0, 1, &loss);
  if (!status) status = att_backward(&run);
  att_arena_free(run.arena);
  return status;
}

/* Opened, learnt from, another head put on, saved; all is given back. */
static att_status use(att_context *ctx, void *name) {
  static const char *const labels[] = {"a", "b"};
  char path[1200], folder[] = "/tmp/attend-test-XXXXXX";
  att_model *model, *other = NULL;
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, (const char *)name);
  assert_non_null(mkdtemp(folder));
  att_status status = att_model_open(ctx, path, &model);
  if (!status) status = att_model_add_gradients(model);
  if (!status) status = pass(ctx, model);
  if (!status) status = att_model_save(model, folder, "float16");
  char **copy = status ? NULL : att_labels_copy(ctx, labels, 2);
  if (!status) status = copy ? att_model_new_head(model, ATT_HEAD_LABELS, copy, 2, 1, &other) : ATT_MEMORY;
  if (!other) att_free(ctx, copy);
  att_model_close(other);
  att_model_close(model);
  remove_folder(folder);
  return status;
}

static void test_each_allocation_may_fail(void **state) {
  (void)state;
  static const char *const some[] = {"family_gpt2_classes", "family_llama3", "family_bert_masked", "family_gemma3",
                                     "family_albert_spans"};
  for (size_t i = 0; i < sizeof some / sizeof *some; i++) assert_true(fail_each_allocation(use, (void *)some[i]) > 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_outputs),
      cmocka_unit_test(test_loss_and_gradients),
      cmocka_unit_test(test_attention),
      cmocka_unit_test(test_saving),
      cmocka_unit_test(test_generating),
      cmocka_unit_test(test_own_types),
      cmocka_unit_test(test_new_heads),
      cmocka_unit_test(test_other_kinds),
      cmocka_unit_test(test_older_keys),
      cmocka_unit_test(test_names_of_others),
      cmocka_unit_test(test_each_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
