/*
 * Any bytes as a chat template and, behind a NUL byte, its variables as JSON. What is made must be UTF-8.
 * Built by cmake/tests.cmake: with ATTEND_FUZZ by clang's -fsanitize=fuzzer; else with runner.c, as a test over
 * tests/data/fuzz/fuzz_template (made by tools/make_template_fixtures.py).
 */
#include "text/template/template.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void render(att_context *ctx, const att_chat_template *template, const json_t *variables) {
  att_buffer out = {0};
  if (att_chat_template_render(template, ctx, variables, &out) == ATT_OK && !att_utf8_valid(out.data, out.size))
    abort();
  att_buffer_free(ctx, &out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
  att_text text = {(const char *)data, end ? (size_t)(end - data) : size};
  att_context *ctx;
  att_chat_template *template;
  json_t *variables = NULL;
  if (att_context_new(NULL, &ctx) != ATT_OK) abort();
  if (end && att_json_parse(ctx, "fuzz", (const char *)end + 1, size - text.size - 1, &variables)) variables = NULL;
  if (!variables) variables = json_object();
  if (att_chat_template_open(ctx, "fuzz", text, &template) == ATT_OK) render(ctx, template, variables);
  if (template) att_chat_template_free(template);
  json_decref(variables);
  att_context_free(ctx);
  return 0;
}
