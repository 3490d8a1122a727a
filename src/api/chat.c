/* Owns att_chat_prompt: messages and variables as the JSON that a chat template sees. */
#include "text/chat.h"
#include "models/model.h"
#include "text/unicode.h"

#include <string.h>

static att_status no_memory(att_context *ctx) { return att_fail(ctx, ATT_MEMORY, "no memory for the chat"); }

static att_status put_text(att_context *ctx, json_t *message, const char *key, att_text text) {
  att_buffer repaired = {0};
  att_status status = ATT_OK;
  bool valid = att_utf8_valid(text.data, text.size);
  if (!valid) status = att_utf8_repair(ctx, text, &repaired);
  if (!valid && !status) text = (att_text){repaired.data, repaired.size};
  if (!status && json_object_set_new(message, key, json_stringn(text.size ? text.data : "", text.size)))
    status = no_memory(ctx);
  att_buffer_free(ctx, &repaired);
  return status;
}

static att_status put_message(att_context *ctx, json_t *list, const att_chat_message *message) {
  json_t *object = json_object();
  if (json_array_append_new(list, object)) return no_memory(ctx);
  ATT_TRY(put_text(ctx, object, "role", message->role));
  return put_text(ctx, object, "content", message->content);
}

/* Behind those that the variables have. */
static att_status put_messages(att_context *ctx, json_t *variables, const att_chat_message *messages, size_t count) {
  json_t *list = json_object_get(variables, "messages");
  if (list && !json_is_array(list)) return att_fail(ctx, ATT_ARGUMENT, "the chat's \"messages\" are no list");
  if (!list && json_object_set_new(variables, "messages", list = json_array())) return no_memory(ctx);
  for (size_t i = 0; i < count; i++) ATT_TRY(put_message(ctx, list, &messages[i]));
  return ATT_OK;
}

static att_status read_variables(att_context *ctx, att_text text, json_t **variables) {
  if (text.size == 0) return (*variables = json_object()) ? ATT_OK : no_memory(ctx);
  ATT_TRY(att_json_parse(ctx, "the chat's variables", text.data, text.size, variables));
  return json_is_object(*variables) ? ATT_OK : att_fail(ctx, ATT_ARGUMENT, "the chat's variables are no JSON object");
}

static att_status make_prompt(att_model *model, const att_chat_message *messages, size_t count, att_text text,
                              json_t **variables, att_buffer *out) {
  ATT_TRY(att_model_check_text(model));
  ATT_TRY(read_variables(model->ctx, text, variables));
  ATT_TRY(put_messages(model->ctx, *variables, messages, count));
  ATT_TRY(att_chat_render(model->tokenizer, model->ctx, *variables, out));
  return att_buffer_append(model->ctx, out, "", 0); /* a text, if only an empty one */
}

att_status att_chat_prompt(att_model *model, const att_chat_message *messages, size_t count, att_text variables,
                           char **prompt, size_t *size) {
  json_t *object = NULL;
  att_buffer out = {0};
  *prompt = NULL;
  *size = 0;
  att_status status = make_prompt(model, messages, count, variables, &object, &out);
  json_decref(object);
  if (status) {
    att_buffer_free(model->ctx, &out);
    return status;
  }
  *prompt = out.data;
  *size = out.size;
  return ATT_OK;
}
