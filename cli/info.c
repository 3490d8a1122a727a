/* Owns `attend info`: what a model is; without one, what this machine and build are. */
#include "options.h"

#include <string.h>

typedef struct info_options {
  att_cli_common common;
  bool json;
} info_options;

static const att_cli_option options[] = {{.name = "json",
                                          .kind = ATT_CLI_FLAG,
                                          .offset = offsetof(info_options, json),
                                          .help = "one object",
                                          .group = "Output"},
                                         {.name = NULL}};

/* ---- one member after another, as JSON or as lines of a table ---- */

typedef struct info_writer {
  att_cli *cli;
  bool json;
  int members;
} info_writer;

static void next_member(info_writer *w, const char *key, const char *label) {
  if (w->json)
    att_cli_print(w->cli, "%s\"%s\": ", w->members++ ? ", " : "{", key);
  else
    att_cli_print(w->cli, "%-16s ", label);
}

static void put_text(info_writer *w, const char *key, const char *label, const char *value) {
  next_member(w, key, label);
  if (!w->json)
    att_cli_print(w->cli, "%s\n", value);
  else
    att_cli_write_json(w->cli, value, strlen(value));
}

/* "12,345,678" */
static const char *grouped(int64_t number, char text[32]) {
  char digits[24];
  int count = 0, out = 0;
  uint64_t rest = number < 0 ? 0 : (uint64_t)number;
  do digits[count++] = (char)('0' + rest % 10);
  while (rest /= 10);
  while (count-- > 0) {
    text[out++] = digits[count];
    if (count && count % 3 == 0) text[out++] = ',';
  }
  text[out] = '\0';
  return text;
}

static void put_number(info_writer *w, const char *key, const char *label, int64_t value) {
  char text[32];
  next_member(w, key, label);
  if (w->json)
    att_cli_print(w->cli, "%lld", (long long)value);
  else
    att_cli_print(w->cli, "%s\n", grouped(value, text));
}

static void put_bytes(info_writer *w, const char *key, const char *label, int64_t value) {
  if (w->json) {
    put_number(w, key, label, value);
    return;
  }
  next_member(w, key, label);
  att_cli_print(w->cli, "%.1f MB\n", (double)value / 1e6);
}

/* ---- a model ---- */

static void put_parts(info_writer *w, const att_model_info *info) {
  if (w->json) {
    next_member(w, "parts", "");
    for (size_t i = 0; i < info->part_count; i++) {
      att_cli_print(w->cli, i ? ", {\"name\": " : "[{\"name\": ");
      att_cli_write_json(w->cli, info->parts[i]->name, strlen(info->parts[i]->name));
      att_cli_print(w->cli, ", \"parameters\": %lld}", (long long)info->parts[i]->parameters);
    }
    att_cli_print(w->cli, info->part_count ? "]" : "[]");
    return;
  }
  char text[32];
  att_cli_print(w->cli, "\n%-44s %14s %8s\n", "part", "parameters", "share");
  for (size_t i = 0; i < info->part_count; i++)
    att_cli_print(w->cli, "%-44s %14s %7.1f%%\n", info->parts[i]->name, grouped(info->parts[i]->parameters, text),
                  info->parameters ? 100.0 * (double)info->parts[i]->parameters / (double)info->parameters : 0.0);
  att_cli_print(w->cli, "%-44s %14s %7.1f%%\n", "all", grouped(info->parameters, text), 100.0);
}

static void put_side(info_writer *w, const char *name, int64_t layers, int64_t heads, int64_t shared,
                     int64_t feedforward) {
  if (!layers) return;
  att_cli_print(w->cli, "%-16s %lld layer%s", name, (long long)layers, layers == 1 ? "" : "s");
  if (heads) att_cli_print(w->cli, ", %lld heads", (long long)heads);
  if (heads && shared && shared != heads) att_cli_print(w->cli, " (%lld of keys and values)", (long long)shared);
  if (feedforward) att_cli_print(w->cli, ", feed-forward %lld", (long long)feedforward);
  att_cli_print(w->cli, "\n");
}

static void put_sides(info_writer *w, const att_model_info *info) {
  if (w->json) {
    put_number(w, "encoder_layers", "", info->encoder_layers);
    put_number(w, "decoder_layers", "", info->decoder_layers);
    put_number(w, "encoder_heads", "", info->encoder_heads);
    put_number(w, "decoder_heads", "", info->decoder_heads);
    put_number(w, "kv_heads", "", info->kv_heads);
    put_number(w, "encoder_feedforward", "", info->encoder_feedforward);
    put_number(w, "decoder_feedforward", "", info->decoder_feedforward);
    return;
  }
  put_side(w, "encoder", info->encoder_layers, info->encoder_heads, info->kv_heads, info->encoder_feedforward);
  put_side(w, "decoder", info->decoder_layers, info->decoder_heads, info->kv_heads, info->decoder_feedforward);
}

/* What a network does not have is null in JSON, and no line. */
static void put_choice(info_writer *w, const char *key, const char *label, const char *value) {
  if (value) {
    put_text(w, key, label, value);
  } else if (w->json) {
    next_member(w, key, label);
    att_cli_print(w->cli, "null");
  }
}

static void put_flag(info_writer *w, const char *key, const char *label, bool value, const char *yes, const char *no) {
  next_member(w, key, label);
  if (w->json)
    att_cli_print(w->cli, value ? "true" : "false");
  else
    att_cli_print(w->cli, "%s\n", value ? yes : no);
}

static void put_norm(info_writer *w, const att_model_info *info) {
  if (w->json) {
    put_choice(w, "norm", "", info->norm);
    put_choice(w, "norm_order", "", info->norm_order);
  } else if (info->norm) {
    att_cli_print(w->cli, "%-16s %s, %s each part\n", "norm", info->norm, info->norm_order);
  }
}

static void put_answer(info_writer *w, const att_model_info *info) {
  static const char *const kinds[] = {"encoder-decoder", "decoder", "encoder"};
  put_text(w, "kind", "kind", kinds[info->kind]);
  put_text(w, "head", "head", info->head_name);
  if (w->json || info->label_count) put_number(w, "label_count", "labels", info->label_count);
}

static void put_memory(info_writer *w, const att_model_info *info) {
  if (w->json) put_number(w, "weight_bytes", "", info->weight_bytes);
  next_member(w, "memory", "in memory");
  for (size_t i = 0; i < info->memory_count; i++) {
    const att_memory_info *m = info->memory[i];
    if (w->json) {
      att_cli_print(w->cli, "%s{\"type\": \"%s\", \"mapped_bytes\": %lld, \"copied_bytes\": %lld}", i ? ", " : "[",
                    m->type, (long long)m->mapped_bytes, (long long)m->copied_bytes);
      continue;
    }
    const char *before = i ? ", " : "";
    if (m->mapped_bytes)
      att_cli_print(w->cli, "%s%.1f MB %s in the mapped file", before, (double)m->mapped_bytes / 1e6, m->type);
    if (m->mapped_bytes) before = ", ";
    if (m->copied_bytes) att_cli_print(w->cli, "%s%.1f MB %s", before, (double)m->copied_bytes / 1e6, m->type);
  }
  att_cli_print(w->cli, w->json ? "%s" : "%s\n", w->json ? "]" : "");
}

static void put_model(info_writer *w, const att_model_info *info) {
  bool recurrent = info->attention != NULL;
  put_text(w, "type", "type", info->type);
  put_text(w, "network", "network", info->network);
  put_answer(w, info);
  put_number(w, "width", "width", info->width);
  put_sides(w, info);
  put_choice(w, "activation", "activation", info->activation);
  put_norm(w, info);
  put_choice(w, "position", "positions", info->position);
  put_choice(w, "attention", "attention", info->attention);
  if (w->json || recurrent) {
    put_flag(w, "bidirectional", "directions", info->bidirectional, "both", "one");
  }
  put_number(w, "vocabulary", "vocabulary", info->vocabulary);
  put_number(w, "context", "context", info->context);
  if (info->input_width) put_number(w, "input_width", "numbers a row", info->input_width);
  if (w->json || info->head == ATT_HEAD_TOKENS) {
    put_flag(w, "tied", "embeddings", info->tied, "one matrix for input and output", "separate");
  }
  put_text(w, "storage", "stored as", info->storage);
  put_number(w, "parameters", "parameters", info->parameters);
  put_bytes(w, "file_bytes", "file", info->file_bytes);
  put_memory(w, info);
  put_parts(w, info);
}

/* ---- the machine ---- */

static void put_machine(info_writer *w, const att_machine_info *info) {
  put_text(w, "version", "attend", info->version);
  put_text(w, "compiler", "compiler", info->compiler);
  put_text(w, "processor", "processor", info->processor);
  put_text(w, "instruction_set", "kernels", info->instruction_set);
  put_text(w, "gemm", "matrix products", info->gemm);
  put_number(w, "threads", "threads", info->threads);
  put_bytes(w, "memory_bytes", "memory", info->memory_bytes);
}

static int run(att_cli *cli) {
  info_options o;
  memset(&o, 0, sizeof o);
  att_model *model = NULL;
  const att_model_info *info = NULL;
  const att_machine_info *machine;
  int status = att_cli_parse(cli, &o);
  if (!status) status = att_cli_start(cli);
  info_writer w = {cli, o.json, 0};
  if (!status && cli->word_count) {
    status = att_cli_open_model(cli, &model);
    if (!status) status = att_cli_failed(cli, att_model_describe(model, &info));
    if (!status) put_model(&w, info);
  } else if (!status) {
    status = att_cli_failed(cli, att_describe_machine(cli->ctx, &machine));
    if (!status) put_machine(&w, machine);
  }
  if (!status && o.json) att_cli_print(cli, "}\n");
  att_model_close(model);
  return status;
}

const att_cli_verb att_cli_info = {
    .name = "info",
    .arguments = "[MODEL]",
    .summary = "what a model is, or what this machine and build are",
    .about =
        "With a MODEL: its architecture, the parameters of its parts, its memory. Without: this machine and build.",
    .example = "attend info de-en",
    .options = options,
    .most_words = 1,
    .run = run,
};
