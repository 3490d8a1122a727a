/* Owns what data.h says: lines to pairs of token ids. */
#include "train/data/pairs.h"

#include "base/random.h"
#include "text/unicode.h"

#include <string.h>

#define ATT_MOST_PAIRS INT32_MAX

/* ---- lines ---------------------------------------------------------------------------------------------------- */

att_status att_lines_read(att_context *ctx, const char *source, const char *target, att_lines *lines) {
  size_t source_count, target_count;
  *lines = (att_lines){0};
  ATT_TRY(att_read_lines(ctx, source, &lines->source, &source_count));
  att_status status = att_read_lines(ctx, target, &lines->target, &target_count);
  if (status) goto fail;
  if (source_count != target_count) {
    status =
        att_fail(ctx, ATT_FORMAT, "%s has %zu line%s, %s has %zu: line i of one must belong to line i of the other",
                 source, source_count, source_count == 1 ? "" : "s", target, target_count);
  } else if (source_count == 0) {
    status = att_fail(ctx, ATT_FORMAT, "%s: it has no lines", source);
  } else if (source_count > ATT_MOST_PAIRS) {
    status = att_fail(ctx, ATT_UNSUPPORTED, "%s: %zu lines are more than %d", source, source_count, ATT_MOST_PAIRS);
  }
  if (status) goto fail;
  lines->count = source_count;
  return ATT_OK;
fail:
  att_lines_free(ctx, lines);
  return status;
}

void att_lines_free(att_context *ctx, att_lines *lines) {
  att_release(ctx, lines->source);
  att_release(ctx, lines->target);
  *lines = (att_lines){0};
}

uint64_t att_text_fingerprint(uint64_t key, att_text text) {
  size_t at = 0;
  for (; at + 8 <= text.size; at += 8) {
    uint64_t word;
    memcpy(&word, text.data + at, 8);
    key = att_key(key, word);
  }
  uint64_t rest = 0;
  if (at < text.size) memcpy(&rest, text.data + at, text.size - at);
  return att_key(att_key(key, rest), text.size);
}

uint64_t att_lines_fingerprint(const att_lines *lines) {
  uint64_t key = att_key(0, lines->count);
  for (size_t i = 0; i < lines->count; i++)
    key = att_text_fingerprint(att_text_fingerprint(key, lines->source[i]), lines->target[i]);
  return key;
}

static size_t held_count(size_t count, size_t part) {
  size_t held = count / part;
  if (held < 100) held = 100;
  if (held > 1000) held = 1000;
  return held > count / 10 ? (count + 9) / 10 : held;
}

att_status att_lines_hold_out(att_context *ctx, att_lines *lines, size_t part, uint64_t seed, att_lines *held) {
  size_t wanted = held_count(lines->count, part), kept = 0;
  uint64_t key = att_key(att_key(seed, 0x68656c64), 0);
  *held = (att_lines){0};
  if (lines->count < 2) return att_fail(ctx, ATT_FORMAT, "one pair is too little to train on and to hold out from");
  *held = (att_lines){ATT_NEW(ctx, wanted, att_text), ATT_NEW(ctx, wanted, att_text), 0};
  if (!held->source || !held->target) {
    att_lines_free(ctx, held);
    return ATT_MEMORY;
  }
  for (size_t i = 0; i < lines->count; i++) { /* each pair with the chance that makes the count exact */
    size_t remaining = lines->count - i, missing = wanted - held->count;
    if (att_uniform(key, i) * (double)remaining < (double)missing) {
      held->source[held->count] = lines->source[i];
      held->target[held->count++] = lines->target[i];
    } else {
      lines->source[kept] = lines->source[i];
      lines->target[kept++] = lines->target[i];
    }
  }
  lines->count = kept;
  return ATT_OK;
}

/* ---- ids ------------------------------------------------------------------------------------------------------ */

bool att_is_clean(att_text text) {
  return (!text.size || !memchr(text.data, 0, text.size)) && att_utf8_valid(text.data, text.size);
}

/* How a pair becomes ids. */
typedef struct att_cutting {
  const att_tokenizer *tokenizer;
  int64_t max_length;
  int32_t end;
  double rate; /* of BPE-dropout */
  att_too_long too_long;
} att_cutting;

/* Appends the pair's ids, the target with its end token; *too_long: a side has more tokens than it may. */
static att_status push_pair(att_context *ctx, const att_cutting *how, att_text source, att_text target, uint64_t key,
                            att_corpus *corpus, bool *too_long) {
  size_t source_was = corpus->source.count, target_was = corpus->target.count;
  ATT_TRY(att_tokenizer_encode_dropout(how->tokenizer, ctx, source, true, how->rate, att_key(key, 0), &corpus->source));
  ATT_TRY(att_tokenizer_encode_dropout(how->tokenizer, ctx, target, true, how->rate, att_key(key, 1), &corpus->target));
  if (corpus->target.count == target_was || corpus->target.data[corpus->target.count - 1] != how->end) {
    ATT_TRY(att_ids_push(ctx, &corpus->target, how->end));
  }
  size_t most = (size_t)how->max_length;
  *too_long = corpus->source.count - source_was > most || corpus->target.count - target_was > most;
  return ATT_OK;
}

/* The first tokens of both sides, and their special tokens. */
static att_status push_truncated(att_context *ctx, const att_cutting *how, att_text source, att_text target,
                                 att_corpus *corpus) {
  bool truncated;
  att_ids *ids = &corpus->target;
  size_t before = ids->count;
  ATT_TRY(
      att_tokenizer_encode_pair(how->tokenizer, ctx, source, NULL, how->max_length, &corpus->source, NULL, &truncated));
  ATT_TRY(att_tokenizer_encode_pair(how->tokenizer, ctx, target, NULL, how->max_length - 1, ids, NULL, &truncated));
  if (ids->count == before || ids->data[ids->count - 1] != how->end) ATT_TRY(att_ids_push(ctx, ids, how->end));
  corpus->truncated++;
  return ATT_OK;
}

/* A pair that is left out leaves nothing behind. */
static att_status encode_pair(att_context *ctx, const att_cutting *how, att_text source, att_text target,
                              att_corpus *corpus) {
  size_t source_was = corpus->source.count, target_was = corpus->target.count;
  bool too_long;
  ATT_TRY(push_pair(ctx, how, source, target, 0, corpus, &too_long));
  if (too_long && how->too_long == ATT_TRUNCATE) {
    corpus->source.count = source_was;
    corpus->target.count = target_was;
    ATT_TRY(push_truncated(ctx, how, source, target, corpus));
    too_long = false;
  }
  if (too_long || corpus->source.count == source_was) {
    corpus->source.count = source_was;
    corpus->target.count = target_was;
    if (too_long)
      corpus->left_out_long++;
    else
      corpus->left_out_empty++;
    return ATT_OK;
  }
  corpus->count++;
  corpus->source_start[corpus->count] = (int64_t)corpus->source.count;
  corpus->target_start[corpus->count] = (int64_t)corpus->target.count;
  return ATT_OK;
}

static void say_what_is_odd(att_context *ctx, const att_corpus *c, const char *name, size_t unclean, size_t first,
                            int64_t max_length) {
  if (unclean) {
    att_log(
        ctx, ATT_LOG_WARNING,
        "%s: %zu pair%s with invalid UTF-8 or NUL bytes, the first in line %zu: invalid bytes are read as U+FFFD; text "
        "in another encoding is to be converted to UTF-8 first (iconv)",
        name, unclean, unclean == 1 ? "" : "s", first + 1);
  }
  if (c->left_out_empty) {
    att_log(ctx, ATT_LOG_WARNING, "%s: %lld pair%s with an empty side left out", name, (long long)c->left_out_empty,
            c->left_out_empty == 1 ? "" : "s");
  }
  if (c->left_out_long) {
    att_log(ctx, ATT_LOG_WARNING, "%s: %lld pair%s longer than %lld tokens left out", name, (long long)c->left_out_long,
            c->left_out_long == 1 ? "" : "s", (long long)max_length);
  }
  if (c->truncated) {
    att_log(ctx, ATT_LOG_WARNING, "%s: %lld pair%s cut to %lld tokens a side", name, (long long)c->truncated,
            c->truncated == 1 ? "" : "s", (long long)max_length);
  }
}

static att_status encode_lines(att_context *ctx, const att_cutting *how, const att_lines *lines, const char *name,
                               att_work_fn *work, void *user, att_corpus *corpus) {
  size_t unclean = 0, first_unclean = 0;
  int64_t max_length = how->max_length;
  for (size_t i = 0; i < lines->count; i++) {
    att_text source = lines->source[i], target = lines->target[i];
    bool stop = i % 512 == 0 && work && work(user, (double)i / (double)lines->count);
    if (stop || att_is_interrupted(ctx)) {
      return att_fail(ctx, ATT_INTERRUPTED, "interrupted while reading %s", name);
    }
    if (att_is_blank(source) || att_is_blank(target)) {
      corpus->left_out_empty++;
      continue;
    }
    if (!att_is_clean(source) || !att_is_clean(target)) {
      if (unclean++ == 0) first_unclean = i;
    }
    corpus->line[corpus->count] = i;
    ATT_TRY(encode_pair(ctx, how, source, target, corpus));
  }
  say_what_is_odd(ctx, corpus, name, unclean, first_unclean, max_length);
  if (corpus->count > 0) return ATT_OK;
  return att_fail(ctx, ATT_FORMAT, "%s: no pair is left: %lld have an empty side, %lld are longer than %lld tokens",
                  name, (long long)corpus->left_out_empty, (long long)corpus->left_out_long, (long long)max_length);
}

att_status att_corpus_encode(att_context *ctx, const att_tokenizer *tokenizer, const att_lines *lines, const char *name,
                             int64_t max_length, att_too_long too_long, int32_t end, att_work_fn *work, void *user,
                             att_corpus *corpus) {
  const att_cutting how = {tokenizer, max_length, end, 0, too_long};
  *corpus = (att_corpus){
      .source_start = ATT_NEW(ctx, lines->count + 1, int64_t),
      .target_start = ATT_NEW(ctx, lines->count + 1, int64_t),
      .line = ATT_NEW(ctx, lines->count, size_t),
  };
  att_status status = ATT_MEMORY;
  if (corpus->source_start && corpus->target_start && corpus->line) {
    status = encode_lines(ctx, &how, lines, name, work, user, corpus);
  }
  if (status) att_corpus_free(ctx, corpus);
  return status;
}

att_status att_corpus_redraw(att_context *ctx, const att_tokenizer *tokenizer, const att_lines *lines,
                             int64_t max_length, int32_t end, double rate, uint64_t key, att_corpus *corpus) {
  att_cutting how = {tokenizer, max_length, end, rate, ATT_LEAVE_OUT};
  corpus->source.count = corpus->target.count = 0;
  for (int64_t i = 0; i < corpus->count; i++) {
    att_text source = lines->source[corpus->line[i]], target = lines->target[corpus->line[i]];
    bool too_long;
    if (att_is_interrupted(ctx)) return att_fail(ctx, ATT_INTERRUPTED, "interrupted while drawing BPE-dropout");
    how.rate = rate;
    ATT_TRY(push_pair(ctx, &how, source, target, att_key(key, (uint64_t)i), corpus, &too_long));
    if (too_long) {
      corpus->source.count = (size_t)corpus->source_start[i];
      corpus->target.count = (size_t)corpus->target_start[i];
      how.rate = 0;
      ATT_TRY(push_pair(ctx, &how, source, target, 0, corpus, &too_long));
    }
    corpus->source_start[i + 1] = (int64_t)corpus->source.count;
    corpus->target_start[i + 1] = (int64_t)corpus->target.count;
  }
  return ATT_OK;
}

void att_corpus_free(att_context *ctx, att_corpus *corpus) {
  att_free(ctx, corpus->source.data);
  att_free(ctx, corpus->target.data);
  att_free(ctx, corpus->source_start);
  att_free(ctx, corpus->target_start);
  att_free(ctx, corpus->line);
  *corpus = (att_corpus){0};
}
