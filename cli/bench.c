/* Owns `attend bench`: tokens a second that a model reads and writes on this machine, beside what the machine can do.
 */
#include "options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_SIZES = 16, PROMPT = 8, PARTS = ATT_TIMED_PART_COUNT + 1, COLUMNS = 6 };

typedef struct bench_options {
  att_cli_common common;
  const char *lengths, *batches;
  int64_t tokens;
  double seconds;
  bool json;
} bench_options;

#define AT(member) offsetof(bench_options, member)

/* clang-format off */
static const att_cli_option options[] = {
    {.group = "Work", .name = "lengths", .kind = ATT_CLI_TEXT, .value = "N,...", .offset = AT(lengths),
     .help = "tokens of what is read", .initial = "32,512"},
    {.name = "batches", .kind = ATT_CLI_TEXT, .value = "N,...", .offset = AT(batches),
     .help = "texts that are read, or written, together", .initial = "1,8"},
    {.name = "tokens", .kind = ATT_CLI_INT64, .value = "N", .low = 2, .high = 1e6, .offset = AT(tokens),
     .help = "tokens that each text is written for", .initial = "64"},
    {.name = "seconds", .kind = ATT_CLI_NUMBER, .value = "X", .low = 0, .high = 3600, .offset = AT(seconds),
     .help = "each work is done again for so long, and twice at least; the fastest counts", .initial = "2"},

    {.group = "Output", .name = "json", .kind = ATT_CLI_FLAG, .offset = AT(json),
     .help = "one object a line: of the machine, then of each work: work (read, write), batch, tokens, seconds, "
             "tokens_per_second, memory_share and arithmetic_share of what the machine can do, and parts, the shares of "
             "the time"},
    {.name = NULL}};
/* clang-format on */

/* What was done, and what went where in the time of it: the last part is all that is in no other. */
typedef struct bench_result {
  const char *work;
  int64_t batch, tokens; /* tokens: of each text */
  double seconds, shares[PARTS];
} bench_result;

/* Seconds of the time that runs, of all and of each part. */
typedef struct bench_clock {
  double begin, all, parts[ATT_TIMED_PART_COUNT];
} bench_clock;

typedef struct bench_run {
  att_cli *cli;
  const bench_options *options;
  att_model *model;
  const att_model_info *info;
  const att_machine_limits *limits;
  int32_t *ids; /* [longest * largest batch] */
  bench_clock *clock;
  bench_result *results; /* [result_count] */
  size_t result_count;
} bench_run;

/* Weights that one kind of work multiplies with: of each token that is read, and of one that is written. */
typedef struct bench_weights {
  double parameters, bytes, head_parameters, head_bytes;
} bench_weights;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void start(const bench_run *run) {
  memset(run->clock->parts, 0, sizeof run->clock->parts);
  att_time_parts(run->cli->ctx, run->clock->parts, ATT_TIMED_PART_COUNT);
  run->clock->begin = now();
}

static double stop(const bench_run *run) {
  run->clock->all = now() - run->clock->begin;
  att_time_parts(run->cli->ctx, NULL, 0);
  return run->clock->all;
}

static void take_shares(const bench_clock *clock, double shares[PARTS]) {
  double all = clock->all > 0 ? clock->all : 1, rest = clock->all;
  for (int i = 0; i < ATT_TIMED_PART_COUNT; i++) {
    shares[i] = clock->parts[i] / all;
    rest -= clock->parts[i];
  }
  shares[ATT_TIMED_PART_COUNT] = fmax(rest / all, 0);
}

/* "1,8": at least one number, each from 1 to `most`. 0, or the exit status. */
static int read_sizes(att_cli *cli, const char *name, const char *text, long most, int64_t sizes[MOST_SIZES],
                      int *count) {
  const char *at = text;
  for (*count = 0; *count < MOST_SIZES; at++) {
    char *end;
    long size = strtol(at, &end, 10);
    if (end == at || *at < '0' || *at > '9' || size < 1 || size > most || (*end && *end != ',')) break;
    sizes[(*count)++] = size;
    at = end;
    if (!*at) return 0;
  }
  return att_cli_fail(cli, ATT_CLI_MISUSED, "--%s: \"%s\" is no list of up to %d numbers from 1 to %ld", name, text,
                      MOST_SIZES, most);
}

static bool begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

/* Of the side that works: the encoder reads, the decoder writes, and reads where it is alone. */
static bench_weights weights_of(const bench_run *run, bool writes) {
  bool decoder = writes || run->info->kind == ATT_DECODER, other = !decoder,
       tokens = run->info->head == ATT_HEAD_TOKENS;
  bench_weights w = {0};
  for (size_t i = 0; i < run->info->part_count; i++) {
    const att_part_info *part = run->info->parts[i];
    bool head = !begins(part->name, "encoder ") && !begins(part->name, "decoder ") &&
                (run->info->tied ? true : !begins(part->name, "embedding"));
    if (begins(part->name, decoder ? "decoder layer" : "encoder layer")) {
      w.parameters += (double)part->parameters;
      w.bytes += (double)part->bytes;
    } else if (head && tokens && !other) {
      w.head_parameters += (double)part->parameters;
      w.head_bytes += (double)part->bytes;
    }
  }
  return w;
}

/* ---- what is said --------------------------------------------------------------------------------------------- */

static double arithmetic_limit(const bench_run *run) {
  bool floats = begins(run->info->storage, "float") || begins(run->info->storage, "bfloat");
  return floats ? run->limits->float32_products : run->limits->q8_0_products;
}

static void put_number(att_cli *cli, const char *key, double value, const char *behind) {
  char number[32];
  att_cli_print(cli, "\"%s\": %s%s", key, att_cli_number(value, number), behind);
}

static int put_machine(const bench_run *run) {
  att_cli *cli = run->cli;
  const att_machine_info *machine;
  int status = att_cli_failed(cli, att_describe_machine(cli->ctx, &machine));
  if (status) return status;
  if (run->options->json) {
    att_cli_print(cli, "{\"processor\": ");
    att_cli_write_json(cli, machine->processor, strlen(machine->processor));
    att_cli_print(cli, ", \"instruction_set\": \"%s\", \"threads\": %d, ", machine->instruction_set, machine->threads);
    put_number(cli, "read_bytes_per_second", run->limits->read_bytes, ", ");
    put_number(cli, "float32_products_per_second", run->limits->float32_products, ", ");
    put_number(cli, "q8_0_products_per_second", run->limits->q8_0_products, "}\n");
  } else {
    att_cli_print(cli, "%s, %s, threads: %d\n", machine->processor, machine->instruction_set, machine->threads);
    att_cli_print(cli, "memory %.1f GB/s, products %.1f G/s of float32, %.1f G/s of q8_0\n\n",
                  run->limits->read_bytes / 1e9, run->limits->float32_products / 1e9, run->limits->q8_0_products / 1e9);
    att_cli_print(cli, "%-6s %5s %8s %12s %12s %8s %11s\n", "work", "batch", "tokens", "tokens/s", "seconds", "memory",
                  "arithmetic");
  }
  return att_cli_flush(cli) ? 0 : ATT_CLI_FAILED;
}

static const char *part_name(int part) {
  return part < ATT_TIMED_PART_COUNT ? att_timed_part_name((att_timed_part)part) : "other";
}

static void put_parts(att_cli *cli, const double shares[PARTS]) {
  att_cli_print(cli, "\"parts\": {");
  for (int i = 0; i < PARTS; i++) {
    if (shares[i] > 0 || i == PARTS - 1) put_number(cli, part_name(i), shares[i], i < PARTS - 1 ? ", " : "");
  }
  att_cli_print(cli, "}}\n");
}

/* passes: how often all weights are read. */
static int put_work(const bench_run *run, const bench_result *r, bool writes, int64_t passes) {
  att_cli *cli = run->cli;
  const bench_weights w = weights_of(run, writes);
  int64_t batch = r->batch, tokens = r->tokens;
  double seconds = r->seconds, all = (double)(batch * tokens), heads = writes ? all : (double)batch;
  double memory = (w.bytes + w.head_bytes) * (double)passes / seconds / run->limits->read_bytes;
  double arithmetic = (w.parameters * all + w.head_parameters * heads) / seconds / arithmetic_limit(run);
  if (run->options->json) {
    att_cli_print(cli, "{\"work\": \"%s\", \"batch\": %lld, \"tokens\": %lld, ", r->work, (long long)batch,
                  (long long)tokens);
    put_number(cli, "seconds", seconds, ", ");
    put_number(cli, "tokens_per_second", all / seconds, ", ");
    put_number(cli, "memory_share", memory, ", ");
    put_number(cli, "arithmetic_share", arithmetic, ", ");
    put_parts(cli, r->shares);
  } else {
    att_cli_print(cli, "%-6s %5lld %8lld %12.1f %12.4f %6.1f %% %9.1f %%\n", r->work, (long long)batch,
                  (long long)tokens, all / seconds, seconds, 100 * memory, 100 * arithmetic);
  }
  return att_cli_flush(cli) ? 0 : ATT_CLI_FAILED;
}

static bool takes_time(const bench_run *run, int part) {
  for (size_t i = 0; i < run->result_count; i++)
    if (run->results[i].shares[part] > 0) return true;
  return false;
}

/* A column a work, of some; their heads are lines of the table above. */
static void put_columns(const bench_run *run, const bench_result *results, size_t count) {
  att_cli *cli = run->cli;
  att_cli_print(cli, "\n%-21s", "share of the time");
  for (size_t i = 0; i < count; i++) att_cli_print(cli, "%9s", results[i].work);
  att_cli_print(cli, "\n%-21s", "batch");
  for (size_t i = 0; i < count; i++) att_cli_print(cli, "%9lld", (long long)results[i].batch);
  att_cli_print(cli, "\n%-21s", "tokens");
  for (size_t i = 0; i < count; i++) att_cli_print(cli, "%9lld", (long long)results[i].tokens);
  att_cli_print(cli, "\n");
  for (int part = 0; part < PARTS; part++) {
    if (!takes_time(run, part)) continue;
    att_cli_print(cli, "%-21s", part_name(part));
    for (size_t i = 0; i < count; i++) att_cli_print(cli, "%7.1f %%", 100 * results[i].shares[part]);
    att_cli_print(cli, "\n");
  }
}

static int put_shares(const bench_run *run) {
  for (size_t i = 0; i < run->result_count && !run->options->json; i += COLUMNS) {
    size_t left = run->result_count - i;
    put_columns(run, run->results + i, left < COLUMNS ? left : COLUMNS);
  }
  return att_cli_flush(run->cli) ? 0 : ATT_CLI_FAILED;
}

/* ---- reading and writing by a service --------------------------------------------------------------------------- */

static int ignore(void *user, const att_piece_of_text *piece) {
  (void)user, (void)piece;
  return 0;
}

/* tokens: read; most: written. */
static att_status submit(const bench_run *run, att_service *service, int64_t index, int64_t tokens, int64_t most) {
  att_request request;
  att_generate_options generate;
  att_decode_options decode;
  att_request_default(&request);
  request.tokens = run->ids + index * tokens;
  request.token_count = (size_t)tokens;
  request.give = ignore;
  if (run->info->kind == ATT_DECODER) {
    att_generate_options_default(run->model, &generate);
    generate.max_tokens = (int)most;
    generate.min_tokens = generate.max_length = generate.min_length = 0;
    generate.samples = 1;
    generate.temperature = 0;
    generate.ignore_end = generate.no_lookup = true;
    request.generate = &generate;
  } else {
    att_decode_options_default(run->model, &decode);
    decode.beam = decode.nbest = 1;
    decode.temperature = 0;
    decode.max_length = decode.min_tokens = (int)most;
    request.decode = &decode;
  }
  return att_service_submit(service, &request, NULL);
}

static att_status new_service(const bench_run *run, int64_t batch, int64_t tokens, int64_t most, att_service **out) {
  att_service_options o;
  att_service_options_default(&o);
  o.slots = o.queue = (int)batch;
  o.cache_rows = batch * (tokens + most + 2);
  o.kept_rows = 0;
  o.prompt_tokens = batch * tokens;
  o.cache_type = ATT_CACHE_F32;
  att_status status = att_service_new(run->model, &o, out);
  for (int64_t i = 0; i < batch && !status; i++) status = submit(run, *out, i, tokens, most);
  return status;
}

/* Seconds that the texts are read in; the first token of each is chosen then. */
static att_status time_reading(const bench_run *run, int64_t batch, int64_t tokens, double *seconds, int64_t *passes) {
  att_service *service;
  size_t left = 1;
  att_status status = new_service(run, batch, tokens, 1, &service);
  start(run);
  for (*passes = 0; left && !status; (*passes)++) status = att_service_step(service, &left);
  *seconds = stop(run);
  att_service_free(service);
  return status;
}

/* Seconds in which each text, short and read before, gets so many tokens: one with each step. */
static att_status time_writing(const bench_run *run, int64_t batch, int64_t tokens, double *seconds, int64_t *passes) {
  att_service *service;
  size_t left = 1;
  att_status status = new_service(run, batch, PROMPT, tokens + 2, &service);
  for (int i = 0; i < 2 && left && !status; i++) status = att_service_step(service, &left); /* reads, and begins */
  start(run);
  for (*passes = 0; left && *passes < tokens && !status; (*passes)++) status = att_service_step(service, &left);
  *seconds = stop(run);
  if (*passes) *seconds *= (double)tokens / (double)*passes; /* a translation cannot be kept from ending */
  *passes = tokens;
  att_service_free(service);
  return status;
}

/* ---- reading by an encoder -------------------------------------------------------------------------------------- */

static att_status time_embedding(const bench_run *run, int64_t batch, int64_t tokens, double *seconds,
                                 int64_t *passes) {
  att_embed_options o;
  att_embed_options_default(run->model, &o);
  o.batch_tokens = batch * (tokens + 8);
  att_text *lines = calloc((size_t)batch, sizeof *lines);
  float *vectors = calloc((size_t)batch * att_embedding_width(run->model, &o) + 1, sizeof *vectors);
  att_status status = lines && vectors ? ATT_OK : ATT_MEMORY;
  for (int64_t i = 0; i < batch && !status; i++) {
    char *text = NULL;
    status = att_detokenize(run->model, run->ids + i * tokens, (size_t)tokens, &text, &lines[i].size);
    lines[i].data = text;
  }
  start(run);
  if (!status) status = att_embed(run->model, lines, (size_t)batch, &o, vectors);
  *seconds = stop(run);
  *passes = 1;
  for (int64_t i = 0; lines && i < batch; i++) att_release(run->cli->ctx, (char *)(uintptr_t)lines[i].data);
  free(lines);
  free(vectors);
  return status;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

typedef att_status bench_work(const bench_run *run, int64_t batch, int64_t tokens, double *seconds, int64_t *passes);

/* The fastest of some times; the first is not counted. */
static int bench_one(bench_run *run, bench_work *work, int64_t batch, int64_t tokens) {
  bool writes = work == time_writing;
  bench_result *best = &run->results[run->result_count++];
  double begin = 0, seconds;
  int64_t passes = 0;
  *best = (bench_result){writes ? "write" : "read", batch, tokens, INFINITY, {0}};
  for (int i = 0; i < 3 || now() - begin < run->options->seconds; i++) {
    int status = att_cli_failed(run->cli, work(run, batch, tokens, &seconds, &passes));
    if (status) return status;
    if (i > 0 && seconds < best->seconds) {
      best->seconds = seconds;
      take_shares(run->clock, best->shares);
    }
    if (i == 0) begin = now();
  }
  return put_work(run, best, writes, passes);
}

/* Ids of the vocabulary's middle: words, hardly special tokens. Any will do, for none is faster than another. */
static bool make_ids(bench_run *run, int64_t count) {
  int64_t size = run->info->vocabulary, first = size / 4, range = size / 2 ? size / 2 : 1;
  uint64_t state = 1;
  run->ids = calloc((size_t)count + 1, sizeof *run->ids);
  for (int64_t i = 0; run->ids && i < count; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    run->ids[i] = (int32_t)(first + (int64_t)((state >> 33) % (uint64_t)range));
  }
  return run->ids;
}

static int bench_all(bench_run *run) {
  static bench_result results[(MOST_SIZES + 1) * MOST_SIZES];
  bench_clock clock;
  int64_t lengths[MOST_SIZES], batches[MOST_SIZES], longest = PROMPT, largest = 1;
  int length_count = 0, batch_count = 0;
  const bench_options *o = run->options;
  bool encoder = run->info->kind == ATT_ENCODER;
  run->results = results;
  run->clock = &clock;
  int status = read_sizes(run->cli, "lengths", o->lengths, 1 << 20, lengths, &length_count);
  if (!status) status = read_sizes(run->cli, "batches", o->batches, 1024, batches, &batch_count);
  for (int i = 0; i < length_count; i++) longest = lengths[i] > longest ? lengths[i] : longest;
  for (int i = 0; i < batch_count; i++) largest = batches[i] > largest ? batches[i] : largest;
  if (!status && run->info->context < PROMPT + 4)
    status = att_cli_fail(run->cli, ATT_CLI_FAILED, "a context of %lld tokens is too short to measure",
                          (long long)run->info->context);
  if (!status && !make_ids(run, longest * largest)) status = att_cli_fail(run->cli, ATT_CLI_FAILED, "no memory");
  if (!status) status = att_cli_failed(run->cli, att_measure_machine(run->cli->ctx, &run->limits));
  if (!status) status = put_machine(run);
  for (int i = 0; i < length_count * batch_count && !status; i++) {
    int64_t length = lengths[i / batch_count], room = run->info->context - 2;
    if (length > room) length = room; /* said by the tokens of its line */
    status = bench_one(run, encoder ? time_embedding : time_reading, batches[i % batch_count], length);
  }
  for (int i = 0; i < batch_count && !status && !encoder; i++) {
    int64_t room = run->info->context - PROMPT - 2;
    status = bench_one(run, time_writing, batches[i], o->tokens < room ? o->tokens : room);
  }
  if (!status) status = put_shares(run);
  free(run->ids);
  return status;
}

static int run(att_cli *cli) {
  bench_options o = {.lengths = "32,512", .batches = "1,8", .tokens = 64, .seconds = 2};
  bench_run work = {.cli = cli, .options = &o};
  int status = att_cli_parse(cli, &o);
  if (!status) status = att_cli_start(cli);
  if (!status) status = att_cli_open_model(cli, &work.model);
  if (!status) status = att_cli_failed(cli, att_model_describe(work.model, &work.info));
  if (!status) {
    att_kind kind = work.info->kind;
    att_verb verb = kind == ATT_DECODER ? ATT_VERB_GENERATE : kind == ATT_ENCODER ? ATT_VERB_EMBED : ATT_VERB_TRANSLATE;
    status = att_cli_failed(cli, att_check_verb(work.model, verb));
  }
  if (!status) status = bench_all(&work);
  att_model_close(work.model);
  return status;
}

const att_cli_verb att_cli_bench = {
    .name = "bench",
    .arguments = "MODEL",
    .summary = "how fast a model reads and writes here",
    .about =
        "Tokens a second that MODEL reads and writes on this machine now, texts of random tokens, and which share "
        "that is of what the machine can do: of the speed that all threads read memory with (weights are read once "
        "a pass), and of that of products in its caches (one a weight and token; attention's own are not counted). "
        "A translator reads with its encoder and writes with its decoder, greedily; an encoder reads only. Then the "
        "share of the time that attention, its projections, feed-forward parts and the output head took; other is "
        "norms, embeddings, and choosing tokens. Other programs at work make all of it slower.",
    .example = "attend bench model.gguf\n"
               "attend bench model --lengths 128 --batches 1,4,16 --json",
    .options = options,
    .least_words = 1,
    .most_words = 1,
    .run = run,
};
