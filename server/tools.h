/* Owns what a model writes to call a tool, as OpenAI's tool_calls. */
#ifndef ATT_SERVER_TOOLS_H
#define ATT_SERVER_TOOLS_H

#include <jansson.h>
#include <stddef.h>

/* The calls in a text: <tool_call>{"name", "arguments"}</tool_call>, as Hermes and Qwen write them; [TOOL_CALLS] and a
 * list, as Mistral; or such an object alone, as Llama 3 ("parameters"). *content: bytes before the first. NULL: there
 * is none, or no memory. */
json_t *att_tool_calls(const char *text, size_t size, size_t *content);

/* The JSON schema of a call of one of `tools` (OpenAI's list), or of the one of them that is named: an object of name
 * and arguments. NULL: there is none such, or no memory. */
json_t *att_tool_schema(const json_t *tools, const char *name);

#endif
