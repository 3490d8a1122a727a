/* Owns the loop in which a decoder goes on from a prompt, several samples side by side. See att_continue in decode.h.
 */
#include "base/random.h"
#include "decode/session.h"

typedef struct continuation {
  att_session *session;
  att_processors processors;
  uint64_t key;
  int64_t running;     /* samples, which stand one after another in the session */
  int64_t *samples;    /* [running] which they are */
  att_next *next;      /* [running] */
  double *uniform;     /* [running] */
  att_choice *choices; /* [running] */
  int32_t *counts;     /* [running] */
} continuation;

static att_status make_arrays(continuation *c, att_arena *arena, int64_t count, int32_t last_of_prompt) {
  c->running = count;
  c->samples = ATT_ARENA_NEW(arena, count, int64_t);
  c->next = ATT_ARENA_NEW(arena, count, att_next);
  c->uniform = ATT_ARENA_NEW(arena, count, double);
  c->choices = ATT_ARENA_NEW(arena, count, att_choice);
  c->counts = ATT_ARENA_NEW(arena, count, int32_t);
  if (!c->samples || !c->next || !c->uniform || !c->choices || !c->counts) return ATT_MEMORY;
  for (int64_t i = 0; i < count; i++) {
    c->samples[i] = i;
    c->next[i] = (att_next){0, last_of_prompt};
  }
  return ATT_OK;
}

/* One more token for each running sample, the `number`-th; those that end leave the batch. */
static att_status step(continuation *c, int64_t number, att_token_fn *give, void *user) {
  att_run *run = &c->session->run;
  int64_t going_on = 0;
  att_sequence *sequences = NULL;
  float *logits;
  if (run->ctx->interrupted) return att_fail(run->ctx, ATT_INTERRUPTED, "interrupted");
  ATT_TRY(att_session_step(c->session, c->next, c->running, &logits));
  if (c->processors.count) ATT_TRY(att_session_sequences(c->session, &sequences));
  for (int64_t i = 0; i < c->running; i++) {
    c->uniform[i] = att_uniform(att_key(c->key, (uint64_t)c->samples[i]), (uint64_t)number);
  }
  ATT_TRY(att_choose(run->ctx, run->arena, logits, c->running, 1, &c->processors, sequences, c->uniform, c->choices,
                     c->counts));
  for (int64_t i = 0; i < c->running; i++) {
    bool ended = false;
    ATT_TRY(give(user, c->samples[i], c->choices[i].token, c->choices[i].logprob, &ended));
    if (ended) continue;
    c->next[going_on] = (att_next){(int32_t)i, c->choices[i].token};
    c->samples[going_on++] = c->samples[i];
  }
  c->running = going_on;
  return ATT_OK;
}

att_status att_continue(att_model *model, att_arena *arena, const int32_t *prompt, int64_t count, int64_t most,
                        const att_generate_options *options, uint64_t key, att_token_fn *give, void *user) {
  continuation c = {.key = key};
  att_generation settings = model->generation;
  ATT_TRY(att_generation_take(model->ctx, ATT_OPTIONS_GENERATE, options, &settings));
  if (options->min_tokens > 0) settings.min_length = 0; /* as in generate(), the one counts where both are said */
  att_processors_make(&settings, model->config.vocab_size, count, count + most, &c.processors);
  att_session_plan plan = {.past = prompt,
                           .past_count = count - 1, /* the last one is the first step's */
                           .most = options->samples,
                           .most_steps = count + most - 1};
  ATT_TRY(make_arrays(&c, arena, options->samples, prompt[count - 1]));
  ATT_TRY(att_session_new(model, arena, &plan, &c.session));
  for (int64_t i = 0; i < most && c.running > 0; i++) ATT_TRY(step(&c, i, give, user));
  return ATT_OK;
}
