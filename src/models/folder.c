/*
 * Owns telling why a path cannot be opened as a model: nothing there, a file, a folder one level too high, Hugging
 * Face's cache, an adapter, weights or a tokenizer of another format, links to nothing. It says what it is and what to
 * do. Refuses to read what a file contains but for the name of a class and whether there is text at all: config.c,
 * weights.c and the tokenizer do that.
 */
#include "formats/file.h"
#include "formats/json.h"
#include "models/model.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define ATT_MOST_NAMES 100000 /* of a folder that are looked at */
#define ATT_NEEDED     "a model is a folder with config.json, model.safetensors and tokenizer.json, or a .gguf"

typedef struct att_listing {
  att_context *ctx;
  const char *path;
  att_buffer names; /* a NUL behind each, and one behind the last */
} att_listing;

/* ---- looking -------------------------------------------------------------------------------------------------- */

static att_status list(att_listing *l, bool *readable) {
  DIR *folder = opendir(l->path);
  att_status status = ATT_OK;
  *readable = folder != NULL;
  if (!folder) return ATT_OK;
  size_t count = 0;
  for (const struct dirent *entry; !status && count < ATT_MOST_NAMES && (entry = readdir(folder)); count++) {
    if (entry->d_name[0] != '.')
      status = att_buffer_append(l->ctx, &l->names, entry->d_name, strlen(entry->d_name) + 1);
  }
  closedir(folder);
  return status ? status : att_buffer_append(l->ctx, &l->names, "", 1);
}

/* The name after `last` (NULL: the first) that is as the pattern says, or NULL. */
static const char *find_next(const att_listing *l, const char *pattern, const char *last) {
  const char *name = last ? last + strlen(last) + 1 : l->names.data;
  for (; *name; name += strlen(name) + 1)
    if (fnmatch(pattern, name, 0) == 0) return name;
  return NULL;
}

static const char *find(const att_listing *l, const char *pattern) { return find_next(l, pattern, NULL); }

/* Whether PATH/NAME/INSIDE is there. */
static att_status has_inside(const att_listing *l, const char *name, const char *inside, bool *there) {
  char *folder = att_path(l->ctx, l->path, name), *path = folder ? att_path(l->ctx, folder, inside) : NULL;
  att_status status = path ? ATT_OK : ATT_MEMORY;
  if (path) *there = att_file_exists(path);
  att_free(l->ctx, folder);
  att_free(l->ctx, path);
  return status;
}

/* Of ASCII. */
static bool is_letter_or_digit(char c) { return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'); }

/* ---- other formats -------------------------------------------------------------------------------------------- */

typedef struct att_foreign {
  const char *pattern, *what, *remedy; /* remedy NULL: Transformers converts it */
} att_foreign;

#define ATT_OTHER "take a version of the model that has model.safetensors"

/* The first that is there is named. */
static const att_foreign weights[] = {
    {"model-*-of-*.safetensors", "parts of the weights",
     "their list, model.safetensors.index.json, is missing too: download it"},
    {"pytorch_model*.bin*", "PyTorch's own format", NULL},
    {"consolidated*.pth", "Meta's own format", "Transformers converts it (convert_llama_weights_to_hf)"},
    {"adapter_model.*", "a PEFT adapter",
     "merge it into its base model first (merge_and_unload, then save_pretrained)"},
    {"*.gguf", "GGUF", "give that file in place of the folder"},
    {"tf_model*.h5", "TensorFlow's", ATT_OTHER},
    {"flax_model*.msgpack", "Flax's", ATT_OTHER},
    {"*.onnx", "ONNX", ATT_OTHER},
    {"onnx", "ONNX", ATT_OTHER},
    {"openvino_model.*", "OpenVINO's", ATT_OTHER},
    {"rust_model.ot", "Rust's", ATT_OTHER},
    {"model.bin", "CTranslate2's", "take the Hugging Face folder that it was converted from"},
    {"*.npz", "Marian's own format", "Transformers converts it (convert_marian_to_pytorch)"},
    {"*.ckpt*", "a checkpoint of another program", ATT_OTHER},
    {"*.pt", "a checkpoint of another program", ATT_OTHER},
    {"*.pth", "a checkpoint of another program", ATT_OTHER},
    {"*.bin", "a format that attend does not read", ATT_OTHER},
    {"*.safetensors", "weights under a name that no model has",
     "call the file model.safetensors, or give the index that lists it"},
};

static const att_foreign *find_foreign(const att_listing *l, const char **name) {
  for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) {
    *name = find(l, weights[i].pattern);
    if (*name && strcmp(*name, "model.safetensors") == 0) *name = find_next(l, weights[i].pattern, *name);
    if (*name) return &weights[i];
  }
  return NULL;
}

/* The name that a file has under the key, or `otherwise`, also where the file is none. */
static att_status find_class(const att_listing *l, const char *file, const char *key, const char *otherwise,
                             char name[80]) {
  json_t *root = NULL;
  char *path = att_path(l->ctx, l->path, file);
  if (!path) return ATT_MEMORY;
  att_status status = att_file_exists(path) ? att_json_open(l->ctx, path, &root) : ATT_OK;
  const json_t *value = json_object_get(root, key);
  if (json_is_array(value)) value = json_array_get(value, 0);
  const char *text = json_string_value(value);
  bool good = text && *text && strlen(text) < 80;
  for (const char *at = text; good && *at; at++) good = is_letter_or_digit(*at) || *at == '_';
  snprintf(name, 80, "%s", good ? text : otherwise);
  json_decref(root);
  att_free(l->ctx, path);
  return status == ATT_MEMORY || status == ATT_INTERRUPTED ? status : ATT_OK;
}

static att_status fail_weights(const att_listing *l, const att_foreign *foreign, const char *name) {
  char class[80];
  if (foreign->remedy) {
    return att_fail(l->ctx, ATT_UNSUPPORTED, "%s: it has no model.safetensors but %s (%s): %s", l->path, name,
                    foreign->what, foreign->remedy);
  }
  ATT_TRY(find_class(l, "config.json", "architectures", "AutoModel", class));
  return att_fail(
      l->ctx, ATT_UNSUPPORTED,
      "%s: it has no model.safetensors but %s (%s): Transformers converts it: python3 -c \"from transformers "
      "import %s as M; M.from_pretrained('%s').save_pretrained('%s')\"",
      l->path, name, foreign->what, class, l->path, l->path);
}

/* ---- a folder that is another's ------------------------------------------------------------------------------- */

static att_status fail_adapter(const att_listing *l) {
  char base[80];
  ATT_TRY(find_class(l, "adapter_config.json", "peft_type", "PEFT", base));
  return att_fail(l->ctx, ATT_UNSUPPORTED,
                  "%s: is a PEFT adapter (%s), not a whole model: merge it into its base model first (PEFT's "
                  "merge_and_unload, then save_pretrained)",
                  l->path, base);
}

/* Models one level below; ATT_OK where there are none. */
static att_status fail_level(const att_listing *l) {
  char found[512] = "";
  size_t count = 0;
  for (const char *name = find(l, "*"); name; name = find_next(l, "*", name)) {
    bool there = false;
    ATT_TRY(has_inside(l, name, "config.json", &there));
    if (!there || strlen(found) + strlen(name) + 8 > sizeof found) continue;
    snprintf(found + strlen(found), sizeof found - strlen(found), "%s%s", count++ ? ", " : "", name);
  }
  if (count == 0) return ATT_OK;
  if (count == 1) {
    return att_fail(l->ctx, ATT_IO, "%s: there is no config.json in it; the model is one level below: give %s/%s",
                    l->path, l->path, found);
  }
  return att_fail(l->ctx, ATT_IO, "%s: there is no config.json in it, but folders with models: give one of them (%s)",
                  l->path, found);
}

/* models--OWNER--NAME/snapshots/COMMIT: Hugging Face's cache. */
static att_status fail_snapshot(const att_listing *l, const char *model) {
  char *folder = att_path(l->ctx, l->path, model), *path = folder ? att_path(l->ctx, folder, "snapshots") : NULL;
  att_listing inside = {.ctx = l->ctx, .path = path};
  bool readable = false, there = false;
  att_status status = path ? list(&inside, &readable) : ATT_MEMORY;
  const char *name = readable && !status ? find(&inside, "*") : NULL, *last = name;
  for (; name && !status; name = find_next(&inside, "*", name)) {
    status = has_inside(&inside, name, "config.json", &there);
    if (there || status) break;
  }
  if (name) last = name;
  if (!status && last)
    status =
        att_fail(l->ctx, ATT_IO, "%s: is a folder of Hugging Face's cache: the model is in %s/%s", l->path, path, last);
  else if (!status)
    status = att_fail(l->ctx, ATT_IO, "%s: is a folder of Hugging Face's cache in which the model was not downloaded",
                      l->path);
  att_buffer_free(l->ctx, &inside.names);
  att_free(l->ctx, folder);
  att_free(l->ctx, path);
  return status;
}

static att_status fail_config(const att_listing *l) {
  const char *name;
  const att_foreign *foreign = find_foreign(l, &name);
  if (find(l, "adapter_config.json")) return fail_adapter(l);
  if (find(l, "snapshots")) return fail_snapshot(l, "");
  if (find(l, "models--*")) return fail_snapshot(l, find(l, "models--*"));
  if (!find(l, "modules.json")) ATT_TRY(fail_level(l)); /* whose stages have a config.json too */
  if (!*l->names.data) return att_fail(l->ctx, ATT_IO, "%s: the folder is empty: " ATT_NEEDED, l->path);
  if (foreign && foreign->remedy) return fail_weights(l, foreign, name);
  return att_fail(l->ctx, ATT_IO, "%s: there is no config.json in it: " ATT_NEEDED, l->path);
}

/* ---- the tokenizer -------------------------------------------------------------------------------------------- */

static const att_foreign tokenizers[] = {
    {"source.spm", "SentencePiece's, without the vocab.json beside it", NULL},
    {"*.spm", "SentencePiece's files", NULL},
    {"sentencepiece*.model", "SentencePiece's file", NULL},
    {"*.tiktoken", "tiktoken's file", NULL},
    {"tekken.json", "Mistral's file", NULL},
    {"encoder.json", "an older GPT-2's", NULL},
    {"vocab.bpe", "an older GPT-2's", NULL},
    {"vocab.json", "a vocabulary without its merges", NULL},
};

/* Classes of Transformers that have no tokenizer.json: it cannot write one. */
static bool is_slow(const char *class) {
  static const char *const slow[] = {"MarianTokenizer", "M2M100Tokenizer", "FSMTTokenizer", "XLMTokenizer"};
  for (size_t i = 0; i < sizeof slow / sizeof *slow; i++)
    if (strcmp(class, slow[i]) == 0) return true;
  return false;
}

/* A model that reads rows of floats has none. */
static att_status needs_tokenizer(const att_listing *l, bool *needs) {
  json_t *root = NULL;
  char *path = att_path(l->ctx, l->path, "config.json");
  if (!path) return ATT_MEMORY;
  att_status status = att_json_open(l->ctx, path, &root);
  *needs = !json_object_get(root, "input_width") && !json_object_get(root, "context_length");
  json_decref(root);
  att_free(l->ctx, path);
  return status;
}

/* SentencePiece's file with fairseq's ids, where it is XLM-RoBERTa's: what other classes make of it is not known. */
static att_status has_fairseq(const att_listing *l, bool *has) {
  static const char name[] = "XLMRobertaTokenizer"; /* and its ...Fast */
  char class[80], type[80];
  *has = find(l, "sentencepiece.bpe.model");
  if (!*has) return ATT_OK;
  ATT_TRY(find_class(l, "tokenizer_config.json", "tokenizer_class", "", class));
  ATT_TRY(find_class(l, "config.json", "model_type", "", type));
  *has = strncmp(class, name, sizeof name - 1) == 0 || (!*class && strcmp(type, "xlm-roberta") == 0);
  return ATT_OK;
}

static att_status fail_tokenizer(const att_listing *l) {
  const char *name = NULL, *what = "";
  char class[80], type[80];
  for (size_t i = 0; !name && i < sizeof tokenizers / sizeof *tokenizers; i++) {
    name = find(l, tokenizers[i].pattern);
    what = tokenizers[i].what;
  }
  if (!name) return att_fail(l->ctx, ATT_IO, "%s: there is no tokenizer.json in it: download it too", l->path);
  ATT_TRY(find_class(l, "tokenizer_config.json", "tokenizer_class", "", class));
  ATT_TRY(find_class(l, "config.json", "model_type", "", type));
  bool marian = find(l, "source.spm") || (!*class && (strcmp(type, "marian") == 0 || strcmp(type, "m2m_100") == 0));
  if (marian || is_slow(class)) {
    return att_fail(l->ctx, ATT_UNSUPPORTED,
                    "%s: its tokenizer is %s%s (%s), which attend does not read, and Transformers makes no "
                    "tokenizer.json of it: take a model with a tokenizer.json, or train one",
                    l->path, name, find(l, "target.spm") && strcmp(name, "source.spm") == 0 ? " and target.spm" : "",
                    what);
  }
  return att_fail(
      l->ctx, ATT_UNSUPPORTED,
      "%s: its tokenizer is %s (%s), but attend reads tokenizer.json: Transformers writes it (with the packages "
      "sentencepiece and protobuf): python3 -c \"from transformers import AutoTokenizer as T; "
      "T.from_pretrained('%s').save_pretrained('%s')\"",
      l->path, name, what, l->path, l->path);
}

/* ---- no folder ------------------------------------------------------------------------------------------------ */

/* "owner/name", or "name". */
static bool is_name_of_hub(const char *path) {
  size_t slashes = 0;
  if (!is_letter_or_digit(*path)) return false;
  for (; *path; path++) {
    slashes += *path == '/';
    if (!is_letter_or_digit(*path) && !strchr("/._-", *path)) return false;
  }
  return slashes <= 1 && path[-1] != '/';
}

static att_status fail_absent(att_context *ctx, const char *path) {
  if (!is_name_of_hub(path)) return att_fail(ctx, ATT_IO, "%s: there is no such folder", path);
  return att_fail(ctx, ATT_IO,
                  "%s: there is no such folder; a model of that name on Hugging Face is to be downloaded first: hf "
                  "download %s --local-dir DIR",
                  path, path);
}

static att_status fail_file(att_context *ctx, const char *path) {
  const char *slash = strrchr(path, '/');
  char *folder =
      slash ? att_copy_text(ctx, path, slash == path ? 1 : (size_t)(slash - path)) : att_copy_text(ctx, ".", 1);
  char *config = folder ? att_path(ctx, folder, "config.json") : NULL;
  att_status status = ATT_MEMORY;
  if (config && att_file_exists(config))
    status = att_fail(ctx, ATT_IO, "%s: is a file, and a model is a folder: give %s", path, folder);
  else if (config)
    status = att_fail(ctx, ATT_IO, "%s: is a file: " ATT_NEEDED, path);
  att_free(ctx, folder);
  att_free(ctx, config);
  return status;
}

/* ---- the check ------------------------------------------------------------------------------------------------ */

/* A name that is there and leads nowhere: a cache that was copied without what its links point to. */
static att_status check_links(const att_listing *l) {
  static const char *const names[] = {"config.json",    "model.safetensors", "model.safetensors.index.json",
                                      "tokenizer.json", "vocab.txt",         "merges.txt",
                                      "modules.json"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (!find(l, names[i])) continue;
    char *path = att_path(l->ctx, l->path, names[i]);
    if (!path) return ATT_MEMORY;
    struct stat info;
    bool lost = stat(path, &info) != 0 && errno == ENOENT;
    if (lost)
      att_fail(l->ctx, ATT_IO,
               "%s: is a link to a file that is not there: copy the folder with what its links point to (cp -rL)",
               path);
    att_free(l->ctx, path);
    if (lost) return ATT_IO;
  }
  return ATT_OK;
}

static att_status check(const att_listing *l) {
  const char *name;
  ATT_TRY(check_links(l));
  if (!find(l, "config.json")) return fail_config(l);
  if (!find(l, "model.safetensors") && !find(l, "model.safetensors.index.json") && !find(l, "model.gguf")) {
    const att_foreign *foreign = find_foreign(l, &name);
    if (foreign) return fail_weights(l, foreign, name);
    if (find(l, "train.jsonl") && find(l, "checkpoint")) {
      return att_fail(l->ctx, ATT_IO,
                      "%s: the run in it has kept no model yet: go on with it (--resume), or open %s/checkpoint",
                      l->path, l->path);
    }
    return att_fail(l->ctx, ATT_IO, "%s: there is no model.safetensors in it: download it too", l->path);
  }
  bool older = find(l, "vocab.txt") || (find(l, "merges.txt") && find(l, "vocab.json")), needs;
  bool pieces =
      find(l, "tokenizer.model") || find(l, "spiece.model") || (find(l, "source.spm") && find(l, "vocab.json"));
  if (find(l, "tokenizer.json") || older || pieces) return ATT_OK;
  ATT_TRY(has_fairseq(l, &pieces));
  if (pieces) return ATT_OK;
  ATT_TRY(needs_tokenizer(l, &needs));
  return needs ? fail_tokenizer(l) : ATT_OK;
}

att_status att_model_check_folder(att_context *ctx, const char *path) {
  struct stat info;
  bool readable;
  if (stat(path, &info) != 0 && (errno == ENOENT || errno == ENOTDIR)) return fail_absent(ctx, path);
  if (stat(path, &info) == 0 && !S_ISDIR(info.st_mode)) return fail_file(ctx, path);
  att_listing l = {.ctx = ctx, .path = path};
  att_status status = list(&l, &readable);
  if (!status && readable) status = check(&l); /* one that may not be listed may still be read by name */
  att_buffer_free(ctx, &l.names);
  return status;
}
