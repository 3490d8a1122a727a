/*
 * Folders that are no model of attend's: each is named for what it is, with what to do. What a file contains does not
 * matter here: it is told by its name, as it would be by a person.
 */
#include "run_fixture.h"

#include "models/model.h"

#define MOST 8

/* names: files to make, empty; one with '=' gets what is behind it, one that ends in '/' is a folder, "A -> B" a link.
 */
typedef struct wrong_folder {
  const char *names[MOST];
  att_status status;
  const char *clues[3];
} wrong_folder;

static char place[512];

static void make(const char *name) {
  char path[1024];
  const char *content = strchr(name, '='), *link = strstr(name, " -> ");
  size_t size = content ? (size_t)(content - name) : link ? (size_t)(link - name) : strlen(name);
  snprintf(path, sizeof path, "%s/%.*s", place, (int)size, name);
  if (link) {
    assert_int_equal(symlink(link + 4, path), 0);
  } else if (path[strlen(path) - 1] == '/') {
    assert_int_equal(mkdir(path, 0777), 0);
  } else {
    write_bytes(path, content ? content + 1 : "", content ? strlen(content + 1) : 0);
  }
}

static void must_refuse(const wrong_folder *w) {
  att_model *model;
  snprintf(place, sizeof place, "%s/m", folder);
  remove_all(place);
  assert_int_equal(mkdir(place, 0777), 0);
  for (int i = 0; i < MOST && w->names[i]; i++) make(w->names[i]);
  att_status status = att_model_open(ctx, place, &model);
  assert_null(model);
  for (int i = 0; i < 3 && w->clues[i]; i++) must_say(status, w->status, w->clues[i]);
  assert_true(strstr(att_message(ctx), "/m")); /* where */
  assert_true(strlen(att_message(ctx)) < 700);
}

#define CONFIG "config.json={\"model_type\": \"bert\", \"architectures\": [\"BertForMaskedLM\"]}"

static const wrong_folder folders[] = {
    {{NULL}, ATT_IO, {"the folder is empty: a model is a folder with config.json, model.safetensors and"}},
    {{"notes.txt"}, ATT_IO, {"there is no config.json in it: a model is"}},
    /* weights of another format */
    {{CONFIG, "pytorch_model.bin", "vocab.txt"},
     ATT_UNSUPPORTED,
     {"no model.safetensors but pytorch_model.bin (PyTorch's own format)",
      "python3 -c \"from transformers import BertForMaskedLM as M; M.from_pretrained('", "/m').save_pretrained('"}},
    {{"config.json={}", "pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin",
      "pytorch_model.bin.index.json"},
     ATT_UNSUPPORTED,
     {"PyTorch's own format", "import AutoModel as M"}},
    {{"config.json={\"architectures\": [\"'); import os; os.x('\"]}", "pytorch_model.bin"},
     ATT_UNSUPPORTED,
     {"import AutoModel as M"}},
    {{"config.json={", "pytorch_model.bin"}, ATT_UNSUPPORTED, {"import AutoModel as M"}},
    {{CONFIG, "tf_model.h5"}, ATT_UNSUPPORTED, {"tf_model.h5 (TensorFlow's): take a version of the model that has"}},
    {{CONFIG, "flax_model.msgpack"}, ATT_UNSUPPORTED, {"flax_model.msgpack (Flax's)"}},
    {{CONFIG, "model.onnx"}, ATT_UNSUPPORTED, {"model.onnx (ONNX)"}},
    {{CONFIG, "onnx/", "onnx/model.onnx"}, ATT_UNSUPPORTED, {"onnx (ONNX)"}},
    {{CONFIG, "openvino_model.xml"}, ATT_UNSUPPORTED, {"OpenVINO"}},
    {{"config.json={\"add_source_eos\": false}", "model.bin", "shared_vocabulary.json"},
     ATT_UNSUPPORTED,
     {"model.bin (CTranslate2's): take the Hugging Face folder that it was converted from"}},
    {{"model.bin", "shared_vocabulary.txt"}, ATT_UNSUPPORTED, {"CTranslate2"}},
    {{"model-q4_k_m.gguf"}, ATT_UNSUPPORTED, {"model-q4_k_m.gguf (GGUF)"}},
    {{CONFIG, "model-q4_k_m.gguf"}, ATT_UNSUPPORTED, {"model-q4_k_m.gguf (GGUF)"}},
    {{"opus.npz", "decoder.yml", "source.spm"}, ATT_UNSUPPORTED, {"opus.npz (Marian's own format)"}},
    {{"consolidated.00.pth", "params.json", "tokenizer.model"}, ATT_UNSUPPORTED, {"Meta's own format"}},
    {{CONFIG, "model-00001-of-00003.safetensors"}, ATT_UNSUPPORTED, {"model.safetensors.index.json, is missing"}},
    {{CONFIG, "weights.safetensors"}, ATT_UNSUPPORTED, {"weights.safetensors", "call the file model.safetensors"}},
    {{CONFIG, "best.pt"}, ATT_UNSUPPORTED, {"best.pt (a checkpoint of another program)"}},
    {{CONFIG, "tokenizer.json"}, ATT_IO, {"there is no model.safetensors in it: download it too"}},
    {{CONFIG, "tokenizer.json", "train.jsonl", "checkpoint/"}, ATT_IO, {"has kept no model yet", "/m/checkpoint"}},
    /* an adapter */
    {{"adapter_config.json={\"peft_type\": \"LORA\"}", "adapter_model.safetensors"},
     ATT_UNSUPPORTED,
     {"is a PEFT adapter (LORA), not a whole model: merge it into its base model"}},
    {{"adapter_config.json", "adapter_model.bin", "tokenizer.json"}, ATT_UNSUPPORTED, {"is a PEFT adapter (PEFT)"}},
    {{CONFIG, "adapter_config.json", "adapter_model.safetensors"}, ATT_UNSUPPORTED, {"a PEFT adapter", "merge"}},
    /* a tokenizer of another format */
    {{"config.json={\"model_type\": \"marian\"}", "model.safetensors", "source.spm", "target.spm"},
     ATT_UNSUPPORTED,
     {"its tokenizer is source.spm and target.spm (SentencePiece's, without the vocab.json beside it)",
      "take a model with a tokenizer.json"}},
    {{CONFIG, "model.safetensors", "source.spm"}, ATT_UNSUPPORTED, {"its tokenizer is source.spm (Sent"}},
    {{"config.json={\"model_type\": \"camembert\"}", "model.safetensors", "sentencepiece.bpe.model"},
     ATT_UNSUPPORTED,
     {"sentencepiece.bpe.model", "AutoTokenizer"}},
    {{"config.json={\"model_type\": \"m2m_100\"}", "model.safetensors", "sentencepiece.bpe.model", "vocab.json",
      "tokenizer_config.json={\"tokenizer_class\": \"M2M100Tokenizer\"}"},
     ATT_UNSUPPORTED,
     {"sentencepiece.bpe.model", "makes no tokenizer.json of it"}},
    {{"config.json={\"model_type\": \"m2m_100\"}", "model.safetensors", "sentencepiece.bpe.model",
      "tokenizer_config.json={\"tokenizer_class\": \"NllbTokenizer\"}"},
     ATT_UNSUPPORTED,
     {"sentencepiece.bpe.model", "AutoTokenizer"}},
    {{CONFIG, "model.safetensors", "qwen.bpe.tiktoken"},
     ATT_UNSUPPORTED,
     {"python3 -c \"from transformers import AutoTokenizer as T; T.from_pretrained('", "sentencepiece and protobuf"}},
    {{CONFIG, "model.safetensors", "qwen.tiktoken"}, ATT_UNSUPPORTED, {"qwen.tiktoken (tiktoken's file)"}},
    {{CONFIG, "model.safetensors", "tekken.json"}, ATT_UNSUPPORTED, {"tekken.json"}},
    {{CONFIG, "model.safetensors", "vocab.json"}, ATT_UNSUPPORTED, {"vocab.json (a vocabulary without its merges)"}},
    {{CONFIG, "model.safetensors"}, ATT_IO, {"there is no tokenizer.json in it: download it too"}},
    /* a level too high */
    {{"bert/", "bert/" CONFIG}, ATT_IO, {"one level below: give", "/m/bert"}},
    {{"a/", "b/", "c/", "a/" CONFIG, "b/" CONFIG}, ATT_IO, {"give one of them (", "a", "b"}},
    {{"refs/", "blobs/", "snapshots/", "snapshots/0a1b/", "snapshots/2c3d/", "snapshots/2c3d/" CONFIG},
     ATT_IO,
     {"is a folder of Hugging Face's cache: the model is in", "/m/snapshots/2c3d"}},
    {{"refs/", "blobs/", "snapshots/"}, ATT_IO, {"in which the model was not downloaded"}},
    {{"models--a--b/", "models--a--b/snapshots/", "models--a--b/snapshots/0a/", "models--a--b/snapshots/0a/" CONFIG},
     ATT_IO,
     {"the model is in", "/m/models--a--b/snapshots/0a"}},
    /* of sentence-transformers, with pieces missing: its stages are no models */
    {{"modules.json=[{\"type\": \"sentence_transformers.models.Transformer\", \"path\": \"\"}]", "1_Pooling/",
      "1_Pooling/config.json"},
     ATT_IO,
     {"there is no config.json in it: a model is"}},
    {{"modules.json=[{\"type\": \"sentence_transformers.models.Transformer\", \"path\": \"\"}]", CONFIG,
      "pytorch_model.bin", "vocab.txt"},
     ATT_UNSUPPORTED,
     {"PyTorch's own format"}},
    {{CONFIG, "model.safetensors", "tokenizer.json", "modules.json -> x"}, ATT_IO, {"modules.json: is a link"}},
    /* a cache copied without what its links point to */
    {{"config.json -> ../../blobs/123", "model.safetensors"}, ATT_IO, {"config.json: is a link to a file that is not"}},
    {{CONFIG, "model.safetensors -> ../../blobs/9"}, ATT_IO, {"model.safetensors: is a link to", "cp -rL"}},
    {{CONFIG, "model.safetensors", "tokenizer.json -> x"}, ATT_IO, {"tokenizer.json: is a link"}},
    /* pointers of git-lfs */
    {{"config.json=version https://git-lfs.github.com/spec/v1\nsize 5\n", "tokenizer.json", "model.safetensors"},
     ATT_FORMAT,
     {"config.json: is a git-lfs pointer"}},
};

static void folders_are_told_apart(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) must_refuse(&folders[i]);
}

/* A pointer in the place of each file of a good folder is named. */
static void a_pointer_in_each_place(void **state) {
  (void)state;
  static const char *const names[] = {"config.json", "tokenizer.json", "model.safetensors"};
  static const char pointer[] = "version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 77\n";
  snprintf(place, sizeof place, "%s/m", folder);
  for (size_t wrong = 0; wrong < 3; wrong++) {
    char from[1024], to[1024], clue[128];
    att_model *model;
    remove_all(place);
    assert_int_equal(mkdir(place, 0777), 0);
    for (size_t i = 0; i < 3; i++) {
      snprintf(from, sizeof from, "%s/look_bert/%s", ATT_TEST_DATA, names[i]);
      snprintf(to, sizeof to, "%s/%s", place, names[i]);
      att_buffer bytes = read_whole(from);
      write_bytes(to, i == wrong ? pointer : bytes.data, i == wrong ? sizeof pointer - 1 : bytes.size);
      att_buffer_free(ctx, &bytes);
    }
    snprintf(clue, sizeof clue, "/%s: is a git-lfs pointer that stands for the file, which has 77 bytes", names[wrong]);
    must_say(att_model_open(ctx, place, &model), ATT_FORMAT, clue);
  }
}

static void no_folder_at_all(void **state) {
  (void)state;
  att_model *model;
  must_say(att_model_open(ctx, "/nowhere/at/all", &model), ATT_IO, "/nowhere/at/all: there is no such folder");
  assert_null(strstr(att_message(ctx), "Hugging Face"));
  must_say(att_model_open(ctx, "Helsinki-NLP/opus-mt-de-en", &model), ATT_IO,
           "is to be downloaded first: hf download Helsinki-NLP/opus-mt-de-en --local-dir DIR");
  must_say(att_model_open(ctx, "gpt3.5", &model), ATT_IO, "hf download gpt3.5");
  must_say(att_model_open(ctx, "a/b/c", &model), ATT_IO, "a/b/c: there is no such folder");
  assert_null(strstr(att_message(ctx), "hf download"));
  must_say(att_model_open(ctx, "", &model), ATT_IO, "there is no such folder");
  must_say(att_model_open(ctx, ATT_TEST_DATA "/look_bert/model.safetensors", &model), ATT_IO,
           "model.safetensors: is a file, and a model is a folder: give " ATT_TEST_DATA "/look_bert");
  must_say(att_model_open(ctx, ATT_TEST_DATA "/bleu.json", &model), ATT_IO,
           "bleu.json: is a file: a model is a folder");
  write_bytes(in_folder("x.gguf"), "GGUF", 4);
  must_say(att_model_open(ctx, in_folder("x.gguf"), &model), ATT_FORMAT, "is cut off after 4 bytes");
  must_say(att_model_open(ctx, in_folder("x.gguf/y"), &model), ATT_IO, "there is no such folder");
}

/* Beside what attend reads other formats may lie, as in many folders: they are none of its business. */
static void a_good_folder_with_more(void **state) {
  (void)state;
  static const char *const names[] = {"config.json", "model.safetensors", "tokenizer.json"};
  static const char *const more[] = {"pytorch_model.bin", "tf_model.h5",         "onnx/",     "source.spm",
                                     "README.md",         "adapter_config.json", "model.gguf"};
  snprintf(place, sizeof place, "%s/m", folder);
  remove_all(place);
  assert_int_equal(mkdir(place, 0777), 0);
  for (size_t i = 0; i < 3; i++) {
    char from[1024], to[1024];
    snprintf(from, sizeof from, "%s/look_bert/%s", ATT_TEST_DATA, names[i]);
    snprintf(to, sizeof to, "%s/%s", place, names[i]);
    assert_int_equal(symlink(from, to), 0);
  }
  for (size_t i = 0; i < sizeof more / sizeof *more; i++) make(more[i]);
  att_model *model;
  if (att_model_open(ctx, place, &model)) fail_msg("%s", att_message(ctx));
  att_model_close(model);
}

static att_status open_wrong(att_context *small, void *arg) {
  att_model *model;
  att_status status = att_model_open(small, arg, &model);
  if (status == ATT_MEMORY) return status;
  return status && *att_message(small) ? ATT_OK : ATT_FORMAT;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    must_refuse(&folders[i]);
    assert_true(fail_each_allocation(open_wrong, place) >= 1);
  }
}

static int clean(void **state) {
  (void)state;
  char path[600];
  snprintf(path, sizeof path, "%s/m", folder);
  remove_all(path);
  return empty_folder(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(folders_are_told_apart, clean),
      cmocka_unit_test_teardown(a_pointer_in_each_place, clean),
      cmocka_unit_test_teardown(no_folder_at_all, clean),
      cmocka_unit_test_teardown(a_good_folder_with_more, clean),
      cmocka_unit_test_teardown(each_allocation_may_fail, clean),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
