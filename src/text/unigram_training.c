/*
 * Owns what unigram_training.h says. Each substring that may be a piece is found by sorting all places of the words by
 * what stands there, a character more at a time; a piece then knows its places, so that words are never searched for
 * pieces: an edge at a place of a word is a piece that stands there, and a word is a small lattice of edges.
 */
#include "text/unigram_training.h"

#include "text/unicode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* SentencePiece's defaults. */
#define LONGEST     16      /* characters of a piece */
#define MOST_SEEDS  1000000 /* beside the characters */
#define ROUNDS      2       /* of EM between two prunings */
#define SHRINK      0.75    /* pieces that a pruning leaves */
#define LEAST_COUNT 0.5     /* expected: a piece below is left out */
#define UNKNOWN     10.0    /* how much less than the worst piece a character without one scores */

/* What stands in place of a character. */
enum { BEFORE_SPACE = -1, BEFORE_END = -2, RARE = -3 };

typedef struct piece {
  double score;
  uint32_t place; /* one of those where it stands */
  uint32_t length;
} piece;

typedef struct edge {
  uint32_t piece, length;
} edge;

/* Places begin .. end of `order` have `length` characters alike. */
typedef struct seed {
  uint32_t begin, end, length;
  int64_t score;
} seed;

typedef struct sorted {
  int32_t key; /* the character that is compared */
  uint32_t place;
} sorted;

typedef struct learner {
  att_context *ctx;
  const att_words *words;
  int32_t *codes; /* [places]: the words' characters, each word's end behind it */
  uint32_t *word; /* [places]: whose it is */
  uint32_t places;
  int64_t *required; /* [0x110000]: how often; 0: rare */
  sorted *order;
  uint32_t order_count;
  seed *seeds;
  size_t seed_count, seed_capacity;
  piece *pieces;
  uint32_t piece_count;
  edge *edges;           /* by place */
  uint32_t *first_edges; /* [places + 1] */
  double worst;          /* score of a piece */
  double *expected;      /* [piece_count] */
  uint32_t longest;      /* characters of a word */
  /* of a word: [longest + 1] */
  double *forward, *backward;
  struct best *best;
} learner;

/* ---- characters ------------------------------------------------------------------------------------------------ */

typedef struct counted {
  int64_t count;
  int32_t code;
} counted;

static int by_count(const void *a, const void *b) {
  const counted *x = a, *y = b;
  if (x->count != y->count) return x->count > y->count ? -1 : 1;
  return x->code < y->code ? -1 : x->code > y->code;
}

static att_text word_at(const learner *l, size_t i) {
  const att_word *word = &l->words->words[i];
  att_text text = {l->words->bytes.data + word->start, word->size};
  if (text.size && text.data[text.size - 1] == '\0') text.size--; /* the end of a line */
  return text;
}

static bool ends_line(const learner *l, size_t i) { return word_at(l, i).size < l->words->words[i].size; }

/* The most frequent characters until they are `coverage` of all. */
static att_status choose_characters(learner *l, double coverage) {
  counted *all = ATT_NEW(l->ctx, 0x110000, counted);
  l->required = ATT_NEW(l->ctx, 0x110000, int64_t);
  if (!all || !l->required) {
    att_free(l->ctx, all);
    return ATT_MEMORY;
  }
  int64_t total = 0, covered = 0;
  uint64_t places = 0;
  for (size_t i = 0; i < l->words->count; i++) {
    att_text word = word_at(l, i);
    for (size_t at = 0, next; at < word.size; at = next, places++) {
      int32_t code = att_code_at(word, at, &next);
      all[code].code = code;
      all[code].count += code ? l->words->words[i].count : 0;
      total += code ? l->words->words[i].count : 0;
    }
    places++;
  }
  qsort(all, 0x110000, sizeof *all, by_count);
  for (size_t i = 0; i < 0x110000 && all[i].count && (double)covered < coverage * (double)total; i++) {
    l->required[all[i].code] = all[i].count;
    covered += all[i].count;
  }
  att_free(l->ctx, all);
  l->places = (uint32_t)places;
  if (places < UINT32_MAX / 2) return ATT_OK;
  return att_fail(l->ctx, ATT_UNSUPPORTED, "the texts have too many different words");
}

static att_status spell_words(learner *l) {
  l->codes = ATT_NEW(l->ctx, l->places, int32_t);
  l->word = ATT_NEW(l->ctx, l->places, uint32_t);
  l->order = ATT_NEW(l->ctx, l->places, sorted);
  if (!l->codes || !l->word || !l->order) return ATT_MEMORY;
  uint32_t place = 0;
  for (size_t i = 0; i < l->words->count; i++) {
    att_text word = word_at(l, i);
    uint32_t first = place;
    for (size_t at = 0, next; at < word.size; at = next, place++) {
      int32_t code = att_code_at(word, at, &next);
      l->codes[place] = l->required[code] ? code : RARE;
      l->word[place] = (uint32_t)i;
      l->order[l->order_count++].place = place;
    }
    if (place - first > l->longest) l->longest = place - first;
    l->word[place] = (uint32_t)i;
    l->codes[place++] = ends_line(l, i) ? BEFORE_END : BEFORE_SPACE;
  }
  return ATT_OK;
}

/* ---- seeds ----------------------------------------------------------------------------------------------------- */

/* One script, marks and all; the space only at the beginning. What makes up a word's own spelling is so anyway. */
static bool may_be_piece(const learner *l, uint32_t place, uint32_t length) {
  int script = -1;
  for (uint32_t i = 0; i < length; i++) {
    int32_t code = l->codes[place + i];
    if (code == 0x2581) {
      if (i > 0) return false;
      continue;
    }
    int now = att_script_of(code);
    if (now == ATT_SCRIPT_INHERITED) now = script;
    if (script >= 0 && now >= 0 && now != script) return false;
    script = now;
  }
  return true;
}

static int by_key(const void *a, const void *b) {
  const sorted *x = a, *y = b;
  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  return x->place < y->place ? -1 : x->place > y->place;
}

static att_status add_seed(learner *l, seed one) {
  if (l->seed_count == l->seed_capacity) {
    size_t capacity = l->seed_capacity ? 2 * l->seed_capacity : 4096;
    seed *seeds = att_resize(l->ctx, l->seeds, capacity, sizeof *seeds);
    if (!seeds) return ATT_MEMORY;
    l->seeds = seeds;
    l->seed_capacity = capacity;
  }
  l->seeds[l->seed_count++] = one;
  return ATT_OK;
}

static int64_t count_of(const learner *l, uint32_t begin, uint32_t end) {
  int64_t count = 0;
  for (uint32_t i = begin; i < end; i++) count += l->words->words[l->word[l->order[i].place]].count;
  return count;
}

/* Places begin .. end of the order have `length` characters alike: sorts them by the next one, and goes on with those
 * that have that alike too. Where there are several next ones, what is alike is a seed, or a character. Recursion is
 * LONGEST deep. */
static att_status sort_places(learner *l, uint32_t begin, uint32_t end, uint32_t length) {
  sorted *order = l->order;
  bool several = false;
  if (att_is_interrupted(l->ctx)) return att_fail(l->ctx, ATT_INTERRUPTED, "training the tokenizer was interrupted");
  for (uint32_t i = begin; i < end; i++) {
    order[i].key = l->codes[order[i].place + length];
    several = several || order[i].key != order[begin].key;
  }
  if (several) qsort(order + begin, end - begin, sizeof *order, by_key);
  if (length == 1 || (several && length > 1 && may_be_piece(l, order[begin].place, length))) {
    int64_t count = count_of(l, begin, end);
    ATT_TRY(add_seed(l, (seed){begin, end, length, length == 1 ? count : count * length}));
  }
  for (uint32_t i = begin, next; i < end && length < LONGEST; i = next) {
    int32_t key = order[i].key;
    for (next = i + 1; next < end && order[next].key == key;) next++;
    if (key >= 0 && (next - i > 1 || length == 0)) ATT_TRY(sort_places(l, i, next, length + 1));
  }
  return ATT_OK;
}

/* Characters first, then the highest scores; of equal ones the first in the order. */
static int by_seed(const void *a, const void *b) {
  const seed *x = a, *y = b;
  if ((x->length == 1) != (y->length == 1)) return x->length == 1 ? -1 : 1;
  if (x->score != y->score) return x->score > y->score ? -1 : 1;
  return x->begin != y->begin ? (x->begin < y->begin ? -1 : 1) : (x->length < y->length ? -1 : x->length > y->length);
}

static att_status make_pieces(learner *l) {
  size_t characters = 0;
  double total = 0;
  if (l->seed_count) qsort(l->seeds, l->seed_count, sizeof *l->seeds, by_seed);
  while (characters < l->seed_count && l->seeds[characters].length == 1) characters++;
  if (l->seed_count > characters + MOST_SEEDS) l->seed_count = characters + MOST_SEEDS;
  l->piece_count = (uint32_t)l->seed_count;
  l->pieces = ATT_NEW(l->ctx, l->seed_count, piece);
  l->expected = ATT_NEW(l->ctx, l->seed_count + 1, double); /* piece 0, even where there is none */
  if (!l->pieces || !l->expected) return ATT_MEMORY;
  for (size_t i = 0; i < l->seed_count; i++) total += (double)l->seeds[i].score;
  for (size_t i = 0; i < l->seed_count; i++) {
    const seed *s = &l->seeds[i];
    l->pieces[i] = (piece){log((double)s->score / total), l->order[s->begin].place, s->length};
  }
  return ATT_OK;
}

/* A piece stands at each place of its seed. */
static att_status make_edges(learner *l) {
  uint64_t total = 0;
  for (size_t i = 0; i < l->seed_count; i++) total += l->seeds[i].end - l->seeds[i].begin;
  if (total >= UINT32_MAX) return att_fail(l->ctx, ATT_UNSUPPORTED, "the texts have too many different words");
  l->first_edges = ATT_NEW(l->ctx, (size_t)l->places + 1, uint32_t);
  l->edges = ATT_NEW(l->ctx, total, edge);
  if (!l->first_edges || !l->edges) return ATT_MEMORY;
  for (size_t i = 0; i < l->seed_count; i++)
    for (uint32_t k = l->seeds[i].begin; k < l->seeds[i].end; k++) l->first_edges[l->order[k].place + 1]++;
  for (uint32_t place = 0; place < l->places; place++) l->first_edges[place + 1] += l->first_edges[place];
  for (size_t i = 0; i < l->seed_count; i++)
    for (uint32_t k = l->seeds[i].begin; k < l->seeds[i].end; k++)
      l->edges[l->first_edges[l->order[k].place]++] = (edge){(uint32_t)i, l->seeds[i].length};
  memmove(l->first_edges + 1, l->first_edges, l->places * sizeof *l->first_edges); /* each is now the next one's */
  l->first_edges[0] = 0;
  att_free(l->ctx, l->seeds);
  att_free(l->ctx, l->order);
  l->seeds = NULL;
  l->order = NULL;
  return ATT_OK;
}

/* Leaves out the pieces whose length is 0, and their edges. */
static void leave_out(learner *l) {
  uint32_t kept = 0, edges = 0, *names = (uint32_t *)(void *)l->expected; /* what was expected is of no more use */
  l->worst = 0;
  for (uint32_t i = 0; i < l->piece_count; i++) {
    names[i] = kept;
    if (l->pieces[i].length) l->worst = fmin(l->worst, l->pieces[i].score);
    if (!l->pieces[i].length) names[i] = UINT32_MAX;
    if (l->pieces[i].length) l->pieces[kept++] = l->pieces[i];
  }
  for (uint32_t place = 0, begin = 0; place < l->places; place++) {
    uint32_t end = l->first_edges[place + 1];
    l->first_edges[place] = edges;
    for (; begin < end; begin++) {
      edge one = l->edges[begin];
      if (names[one.piece] != UINT32_MAX) l->edges[edges++] = (edge){names[one.piece], one.length};
    }
  }
  l->first_edges[l->places] = edges;
  l->piece_count = kept;
}

/* ---- lattices -------------------------------------------------------------------------------------------------- */

/* Calls use(to, score, piece) for the edges from `from` that end within `length` characters of `place`; for a character
 * that is no piece one of piece 0, the most frequent character: SentencePiece counts it so, and what it learns depends
 * on it. */
#define EACH_EDGE(l, place, length, from, use)                                                                         \
  do {                                                                                                                 \
    bool alone_ = false;                                                                                               \
    for (uint32_t e_ = (l)->first_edges[(place) + (from)]; e_ < (l)->first_edges[(place) + (from) + 1]; e_++) {        \
      const edge *edge_ = &(l)->edges[e_];                                                                             \
      alone_ = alone_ || edge_->length == 1;                                                                           \
      if ((from) + edge_->length <= (length))                                                                          \
        use((from) + edge_->length, (l)->pieces[edge_->piece].score, edge_->piece);                                    \
    }                                                                                                                  \
    if (!alone_) use((from) + 1, (l)->worst - UNKNOWN, 0u);                                                            \
  } while (0)

/* log(exp(a) + exp(b)) */
static double add_logs(double a, double b) {
  double high = a > b ? a : b, low = a > b ? b : a;
  return low == (double)-INFINITY ? high : high + log1p(exp(low - high));
}

/* Adds to `expected` how often each piece is expected in the word, over all ways to cut it. */
static void expect(learner *l, uint32_t place, uint32_t length, double count) {
  double *forward = l->forward, *backward = l->backward;
  for (uint32_t i = 0; i <= length; i++) forward[i] = backward[i] = (double)-INFINITY;
  forward[0] = backward[length] = 0;
#define FORWARD(to, score, piece)  ((void)(piece), forward[to] = add_logs(forward[to], forward[i] + (score)))
#define BACKWARD(to, score, piece) ((void)(piece), backward[i] = add_logs(backward[i], backward[to] + (score)))
#define EXPECT(to, score, piece)   (l->expected[piece] += count * exp(forward[i] + (score) + backward[to] - whole))
  for (uint32_t i = 0; i < length; i++) EACH_EDGE(l, place, length, i, FORWARD);
  for (uint32_t i = length; i-- > 0;) EACH_EDGE(l, place, length, i, BACKWARD);
  const double whole = forward[length];
  for (uint32_t i = 0; i < length; i++) EACH_EDGE(l, place, length, i, EXPECT);
}

/* The best two ways to a place, by their last piece and which of the two ways they go on from. */
struct best {
  struct {
    double score;
    uint32_t from, piece;
    int way;
  } ways[2];
};

static void offer(struct best *to, double score, uint32_t from, uint32_t last, int way) {
  int at = score > to->ways[0].score ? 0 : score > to->ways[1].score ? 1 : 2;
  if (at == 2) return;
  if (at == 0) to->ways[1] = to->ways[0];
  to->ways[at].score = score;
  to->ways[at].from = from;
  to->ways[at].piece = last;
  to->ways[at].way = way;
}

static void find_best(learner *l, uint32_t place, uint32_t length, int ways) {
  struct best *best = l->best;
  for (uint32_t i = 0; i <= length; i++) best[i].ways[0].score = best[i].ways[1].score = (double)-INFINITY;
  best[0].ways[0].score = 0;
#define OFFER(to, more, piece)                                                                                         \
  do {                                                                                                                 \
    for (int way = 0; way < ways && best[i].ways[way].score > (double)-INFINITY; way++)                                \
      offer(&best[to], best[i].ways[way].score + (more), i, piece, way);                                               \
  } while (0)
  for (uint32_t i = 0; i < length; i++) EACH_EDGE(l, place, length, i, OFFER);
}

/* ---- EM -------------------------------------------------------------------------------------------------------- */

static double digamma(double x) {
  double result = 0;
  for (; x < 7; x++) result -= 1 / x;
  x -= 0.5;
  double xx = 1 / x, xx2 = xx * xx, xx4 = xx2 * xx2;
  return result + log(x) + xx2 / 24 - 7 * xx4 / 960 + 31 * xx4 * xx2 / 8064 - 127 * xx4 * xx4 / 30720;
}

static att_status each_word(learner *l, void (*use)(learner *l, uint32_t place, uint32_t length, double count)) {
  for (uint32_t place = 0, end; place < l->places; place = end + 1) {
    for (end = place; l->codes[end] != BEFORE_SPACE && l->codes[end] != BEFORE_END;) end++;
    if (att_is_interrupted(l->ctx)) return att_fail(l->ctx, ATT_INTERRUPTED, "training the tokenizer was interrupted");
    use(l, place, end - place, (double)l->words->words[l->word[place]].count);
  }
  return ATT_OK;
}

/* A pass of EM in which few occurrences count for less than they are (Liang and Klein 2007, section 2.4). */
static att_status improve(learner *l) {
  double sum = 0;
  memset(l->expected, 0, l->piece_count * sizeof *l->expected);
  ATT_TRY(each_word(l, expect));
  for (uint32_t i = 0; i < l->piece_count; i++) sum += l->expected[i] < LEAST_COUNT ? 0 : l->expected[i];
  sum = digamma(sum);
  for (uint32_t i = 0; i < l->piece_count; i++) {
    if (l->expected[i] < LEAST_COUNT)
      l->pieces[i].length = 0;
    else
      l->pieces[i].score = digamma(l->expected[i]) - sum;
  }
  leave_out(l);
  return ATT_OK;
}

/* ---- pruning --------------------------------------------------------------------------------------------------- */

typedef struct loss {
  double loss;
  uint32_t piece;
} loss;

static int by_loss(const void *a, const void *b) {
  const loss *x = a, *y = b;
  if (x->loss != y->loss) return x->loss > y->loss ? -1 : 1;
  return x->piece < y->piece ? -1 : x->piece > y->piece;
}

/* Counts the pieces of the word's best way. */
static void count_best(learner *l, uint32_t place, uint32_t length, double count) {
  find_best(l, place, length, 1);
  for (uint32_t at = length; at > 0; at = l->best[at].ways[0].from) l->expected[l->best[at].ways[0].piece] += count;
}

/* What is lost where a piece is cut in its second-best way: the log-likelihood of its occurrences, so many of the
 * words. Positive infinity: it cannot be cut; negative: it is in no word's best way. SentencePiece counts words by
 * piece, where a word that has it twice counts twice: as here. */
static double loss_of(learner *l, uint32_t i, double sum, double words) {
  const piece *p = &l->pieces[i];
  double count = l->expected[i], with = 0;
  uint32_t pieces = 0;
  find_best(l, p->place, p->length, 2);
  const struct best *best = l->best;
  if (count == 0 || best[p->length].ways[0].piece != i) return (double)-INFINITY;
  if (best[p->length].ways[1].score == (double)-INFINITY) return (double)INFINITY;
  int way = 1;
  for (uint32_t at = p->length; at > 0; pieces++) {
    uint32_t used = best[at].ways[way].piece, from = best[at].ways[way].from;
    with += log(l->expected[used] + count);
    way = best[at].ways[way].way;
    at = from;
  }
  double after = log(sum + count * (pieces - 1.0));
  return count / words * (log(count) - log(sum) - (with - pieces * after));
}

static att_status prune(learner *l, uint32_t most) {
  double sum = 0, words = 0;
  memset(l->expected, 0, l->piece_count * sizeof *l->expected);
  ATT_TRY(each_word(l, count_best));
  for (size_t i = 0; i < l->words->count; i++) words += (double)l->words->words[i].count;
  for (uint32_t i = 0; i < l->piece_count; i++) sum += l->expected[i];
  loss *losses = ATT_NEW(l->ctx, l->piece_count, loss);
  if (!losses) return ATT_MEMORY;
  for (uint32_t i = 0; i < l->piece_count; i++) losses[i] = (loss){loss_of(l, i, sum, words), i};
  qsort(losses, l->piece_count, sizeof *losses, by_loss);
  for (uint32_t i = 0; i < l->piece_count; i++)
    if (i >= most || losses[i].loss == (double)-INFINITY) l->pieces[losses[i].piece].length = 0;
  att_free(l->ctx, losses);
  leave_out(l);
  return ATT_OK;
}

/* What is now better cut than whole would never come. */
static void leave_out_unreachable(learner *l) {
  for (uint32_t i = 0; i < l->piece_count; i++) {
    piece *p = &l->pieces[i];
    find_best(l, p->place, p->length, 1);
    l->expected[i] = l->best[p->length].ways[0].piece == i;
  }
  for (uint32_t i = 0; i < l->piece_count; i++)
    if (l->expected[i] == 0) l->pieces[i].length = 0;
  leave_out(l);
}

/* ---- the end --------------------------------------------------------------------------------------------------- */

static int by_score(const void *a, const void *b) {
  const att_learnt_piece *x = a, *y = b;
  if (x->score != y->score) return x->score > y->score ? -1 : 1;
  return strcmp(x->spelling, y->spelling);
}

static void spell(const learner *l, const piece *p, att_learnt_piece *out) {
  size_t size = 0;
  for (uint32_t i = 0; i < p->length; i++) size += att_utf8_put(l->codes[p->place + i], out->spelling + size);
  out->spelling[size] = '\0';
  out->score = p->score;
}

/* The characters that are no piece (any more) score as the worst piece does, each a little otherwise. */
static att_status add_characters(const learner *l, att_learnt_piece *out, size_t *count) {
  counted *missing = ATT_NEW(l->ctx, 0x110000, counted);
  size_t some = 0;
  if (!missing) return ATT_MEMORY;
  for (int32_t code = 0; code < 0x110000; code++) missing[code] = (counted){l->required[code], code};
  for (uint32_t i = 0; i < l->piece_count; i++) {
    const piece *p = &l->pieces[i];
    if (p->length != 1) continue;
    spell(l, p, &out[(*count)++]);
    missing[l->codes[p->place]].count = 0;
  }
  qsort(missing, 0x110000, sizeof *missing, by_count);
  for (; some < 0x110000 && missing[some].count; some++) {
    att_learnt_piece *one = &out[(*count)++];
    one->spelling[att_utf8_put(missing[some].code, one->spelling)] = '\0';
    one->score = l->worst + 0.0001 * (double)some;
  }
  att_free(l->ctx, missing);
  return ATT_OK;
}

/* All characters, then the pieces with the highest scores. */
static att_status choose(const learner *l, size_t most, att_learnt_piece **pieces, size_t *count) {
  size_t characters = 0, all = 0;
  for (int32_t code = 0; code < 0x110000; code++) characters += l->required[code] > 0;
  *pieces = ATT_NEW(l->ctx, characters + l->piece_count, att_learnt_piece);
  *count = 0;
  if (!*pieces) return ATT_MEMORY;
  ATT_TRY(add_characters(l, *pieces, count));
  characters = all = *count;
  for (uint32_t i = 0; i < l->piece_count; i++)
    if (l->pieces[i].length > 1) spell(l, &l->pieces[i], &(*pieces)[all++]);
  qsort(*pieces + characters, all - characters, sizeof **pieces, by_score);
  *count = all < most ? all : most > characters ? most : characters;
  qsort(*pieces, *count, sizeof **pieces, by_score);
  return ATT_OK;
}

static att_status learn(learner *l, size_t most, size_t vocab, double coverage,
                        int (*progress)(void *user, double done), void *user, att_learnt_piece **pieces,
                        size_t *count) {
  ATT_TRY(choose_characters(l, coverage));
  ATT_TRY(spell_words(l));
  if (l->order_count) ATT_TRY(sort_places(l, 0, l->order_count, 0));
  ATT_TRY(make_pieces(l));
  ATT_TRY(make_edges(l));
  l->forward = ATT_NEW(l->ctx, l->longest + 1, double);
  l->backward = ATT_NEW(l->ctx, l->longest + 1, double);
  l->best = ATT_NEW(l->ctx, l->longest + LONGEST + 1, struct best);
  if (!l->forward || !l->backward || !l->best) return ATT_MEMORY;
  leave_out(l); /* none: finds the worst score */
  double wanted = floor((double)vocab * 1.1), all = l->piece_count > wanted ? log(l->piece_count / wanted) : 1;
  for (bool more = true; more;) {
    for (int round = 0; round < ROUNDS; round++) ATT_TRY(improve(l));
    double left = l->piece_count > wanted ? log(l->piece_count / wanted) / all : 0;
    if (progress && progress(user, 1 - 0.5 * left))
      return att_fail(l->ctx, ATT_INTERRUPTED, "training the tokenizer was interrupted");
    double next = floor(SHRINK * l->piece_count);
    more = next >= wanted; /* the last pruning, to what is wanted, has no pass of EM behind it */
    ATT_TRY(prune(l, (uint32_t)(more ? next : wanted)));
  }
  leave_out_unreachable(l);
  return choose(l, most, pieces, count);
}

att_status att_unigram_learn(att_context *ctx, const att_words *words, size_t most, size_t vocab, double coverage,
                             int (*progress)(void *user, double done), void *user, att_learnt_piece **pieces,
                             size_t *count) {
  learner l = {.ctx = ctx, .words = words};
  *pieces = NULL;
  *count = 0;
  att_status status = learn(&l, most, vocab, coverage, progress, user, pieces, count);
  if (status) {
    att_free(ctx, *pieces);
    *pieces = NULL;
  }
  att_free(ctx, l.codes);
  att_free(ctx, l.word);
  att_free(ctx, l.required);
  att_free(ctx, l.order);
  att_free(ctx, l.seeds);
  att_free(ctx, l.pieces);
  att_free(ctx, l.edges);
  att_free(ctx, l.first_edges);
  att_free(ctx, l.expected);
  att_free(ctx, l.forward);
  att_free(ctx, l.backward);
  att_free(ctx, l.best);
  return status;
}
