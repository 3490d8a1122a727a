/* Owns the chat template of a tokenizer. See chat.h. */
#include "text/chat.h"

#include "text/components.h"
#include "text/template/template.h"

#include <string.h>

static att_status no_memory(att_context *ctx) { return att_fail(ctx, ATT_MEMORY, "no memory for the chat"); }

/* ---- the template ----------------------------------------------------------------------------------------------- */

/* One text, or several with names: "tool_use" where there are tools, else "default". NULL: none. */
static const json_t *find_template(const json_t *templates, bool tools) {
  const json_t *found = NULL, *item;
  size_t i;
  if (json_is_string(templates)) return templates;
  json_array_foreach(templates, i, item) {
    const char *name = json_string_value(json_object_get(item, "name"));
    const json_t *text = json_object_get(item, "template");
    if (!name || !json_is_string(text)) continue;
    if (strcmp(name, "default") == 0 && !found) found = text;
    if (strcmp(name, "tool_use") == 0 && tools) found = text;
  }
  return found;
}

/* ---- special tokens --------------------------------------------------------------------------------------------- */

/* What a class of Transformers calls a special token that tokenizer_config.json does not name. */
static const char *usual_token(const json_t *config, const char *role) {
  const char *class_name = json_string_value(json_object_get(config, "tokenizer_class"));
  bool bos = strcmp(role, "bos_token") == 0, eos = strcmp(role, "eos_token") == 0, unk = strcmp(role, "unk_token") == 0;
  if (!class_name || !(bos || eos || unk)) return NULL;
  if (strncmp(class_name, "GPT2Tokenizer", 13) == 0) return "<|endoftext|>";
  if (strncmp(class_name, "LlamaTokenizer", 14) == 0) return bos ? "<s>" : eos ? "</s>" : "<unk>";
  return NULL;
}

/* What the chat says itself stays. */
static att_status put_special_tokens(const json_t *config, att_context *ctx, json_t *variables) {
  static const char *const roles[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                      "pad_token", "cls_token", "mask_token"};
  for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
    const json_t *named = json_object_get(config, roles[i]);
    const char *token = named ? NULL : usual_token(config, roles[i]);
    if (json_is_object(named)) named = json_object_get(named, "content");
    if (json_is_string(named)) token = json_string_value(named);
    if (!token || json_object_get(variables, roles[i])) continue;
    if (json_object_set_new(variables, roles[i], json_string(token))) return no_memory(ctx);
  }
  return ATT_OK;
}

/* ---- the chat --------------------------------------------------------------------------------------------------- */

static void drop_nulls(json_t *message) {
  const char *key;
  void *next;
  json_t *value;
  json_object_foreach_safe(message, next, key, value) {
    if (json_is_null(value)) json_object_del(message, key);
  }
}

/* What was thought goes by "reasoning_content" in most templates, by "thinking" in gpt-oss's: messages[i] has both. */
static att_status name_thoughts(att_context *ctx, json_t *messages, size_t i) {
  static const char *const names[] = {"reasoning_content", "thinking", "reasoning"};
  json_t *message = json_array_get(messages, i), *thought = NULL, *both;
  for (int n = 0; n < 3 && !thought; n++) thought = json_object_get(message, names[n]);
  if (!thought) return ATT_OK;
  both = json_pack("{s:O}", names[1], thought); /* in Transformers' order, which tojson shows */
  bool good = both && !json_object_update(both, message) && !json_object_set(both, names[0], thought);
  if (good) good = !json_array_set(messages, i, both);
  json_decref(both);
  return good ? ATT_OK : no_memory(ctx);
}

static att_status read_messages(att_context *ctx, json_t *messages) {
  if (!json_is_array(messages) || json_array_size(messages) == 0)
    return att_fail(ctx, ATT_ARGUMENT, "a chat needs messages: a list with one or more");
  for (size_t i = 0; i < json_array_size(messages); i++) {
    json_t *message = json_array_get(messages, i);
    if (!json_is_object(message)) return att_fail(ctx, ATT_ARGUMENT, "message %zu of the chat is no object", i + 1);
    drop_nulls(message);
    ATT_TRY(name_thoughts(ctx, messages, i));
  }
  return ATT_OK;
}

static att_status put_missing(att_context *ctx, json_t *variables, const char *key, json_t *value) {
  if (value && json_object_get(variables, key)) return json_decref(value), ATT_OK;
  return json_object_set_new(variables, key, value) ? no_memory(ctx) : ATT_OK;
}

att_status att_chat_render(const att_tokenizer *tokenizer, att_context *ctx, json_t *variables, att_buffer *out) {
  att_chat_template *template;
  const json_t *tools = json_object_get(variables, "tools");
  const json_t *text =
      find_template(json_object_get(tokenizer->config, "chat_template"), tools && !json_is_null(tools));
  if (!text)
    return att_fail(ctx, ATT_UNSUPPORTED,
                    "the model has no chat template: its folder needs a chat_template.jinja, or one in "
                    "tokenizer_config.json");
  ATT_TRY(read_messages(ctx, json_object_get(variables, "messages")));
  ATT_TRY(put_special_tokens(tokenizer->config, ctx, variables));
  ATT_TRY(put_missing(ctx, variables, "tools", json_null()));
  ATT_TRY(put_missing(ctx, variables, "documents", json_null()));
  ATT_TRY(put_missing(ctx, variables, "add_generation_prompt", json_true()));
  ATT_TRY(att_chat_template_open(ctx, "chat template", (att_text){json_string_value(text), json_string_length(text)},
                                 &template));
  att_status status = att_chat_template_render(template, ctx, variables, out);
  att_chat_template_free(template);
  return status;
}
