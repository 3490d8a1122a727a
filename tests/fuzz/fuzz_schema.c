/*
 * Any text as a JSON schema, as a request's response_format or tools bring it. It becomes a grammar in GBNF or is
 * refused with a message; that grammar has no fault of form. Built by cmake/tests.cmake as fuzz_tokenizer.c; the seeds
 * are made by tools/make_fuzz_seeds.py.
 */
#include "decode/automaton.h"
#include "decode/json_schema.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Its rules refer to each other as they should; it may be larger than attend takes, or fit nothing. */
static void compile(att_context *ctx, const char *grammar) {
  static att_automaton automaton;
  memset(&automaton, 0, sizeof automaton);
  if (att_gbnf_compile(ctx, grammar, &automaton) != ATT_OK && !strstr(att_message(ctx), "larger than") &&
      !strstr(att_message(ctx), "no text fits"))
    abort();
  att_free(ctx, automaton.nodes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  att_context *ctx;
  att_buffer grammar = {0};
  if (att_context_new(NULL, &ctx) != ATT_OK) abort();
  char *text = att_copy_text(ctx, (const char *)data, size);
  if (!text) abort();
  att_status status = att_json_schema_grammar(ctx, text, &grammar);
  if (status == ATT_OK) compile(ctx, grammar.data);
  if (status != ATT_OK && !*att_message(ctx)) abort();
  att_buffer_free(ctx, &grammar);
  att_free(ctx, text);
  att_context_free(ctx);
  return 0;
}
