/*
 * Owns `attend chat`: a conversation with a chat model. What was said stands in a list of messages; each turn the
 * model's chat template makes a prompt of all of them.
 */
#include "generation.h"

#include <stdlib.h>
#include <string.h>

typedef struct chat_options {
  att_cli_common common;
  att_generate_options generate;
  const char *system;
  att_cli_grammar grammar;
} chat_options;

#define AT(member) offsetof(chat_options, member)
#define IN(member) offsetof(chat_options, generate.member)

/* clang-format off */
static const att_cli_option options[] = {
    {.group = "Text", .name = "system", .kind = ATT_CLI_TEXT, .value = "TEXT", .offset = AT(system),
     .help = "what the model is told before the conversation"},
    {.name = "max-tokens", .kind = ATT_CLI_INT, .value = "N", .low = 0, .high = 1 << 30, .offset = IN(max_tokens),
     .help = "the most tokens of an answer; 0: until the model's context is full", .initial = "0"},

    ATT_CLI_GRAMMAR(AT),
    ATT_CLI_REPETITION(IN),
    ATT_CLI_PENALTIES(IN),

    ATT_CLI_SAMPLING(IN),
    {.name = NULL}};
/* clang-format on */

typedef struct conversation {
  att_cli *cli;
  att_model *model;
  att_service *service; /* which keeps what was read: a turn reads what is new */
  const chat_options *options;
  att_chat_message *messages; /* [count]; their contents are its own */
  size_t count, capacity;
  char *answer; /* what has come of it */
  size_t size, room;
  att_finish finish;
  bool no_memory;
} conversation;

static int no_memory(conversation *c) { return att_cli_fail(c->cli, ATT_CLI_FAILED, "no memory for the conversation"); }

/* ---- messages --------------------------------------------------------------------------------------------------- */

static int say(conversation *c, const char *role, const char *data, size_t size) {
  if (c->count == c->capacity) {
    size_t capacity = 2 * c->capacity + 8;
    att_chat_message *grown = realloc(c->messages, capacity * sizeof *grown);
    if (!grown) return no_memory(c);
    c->messages = grown;
    c->capacity = capacity;
  }
  char *content = malloc(size + 1);
  if (!content) return no_memory(c);
  if (size) memcpy(content, data, size);
  c->messages[c->count++] = (att_chat_message){{role, strlen(role)}, {content, size}};
  return 0;
}

static void forget(conversation *c, size_t count) {
  while (c->count > count) free((char *)c->messages[--c->count].content.data);
}

static size_t beginning(const conversation *c) { return c->options->system != NULL; }

/* ---- an answer -------------------------------------------------------------------------------------------------- */

static int on_piece(void *user, const att_piece_of_text *piece) {
  conversation *c = user;
  if (piece->size > c->room - c->size) {
    size_t room = 2 * (c->size + piece->size) + 256;
    char *grown = realloc(c->answer, room);
    if (!grown) return c->no_memory = true;
    c->answer = grown;
    c->room = room;
  }
  if (piece->size) memcpy(c->answer + c->size, piece->text, piece->size);
  c->size += piece->size;
  c->finish = piece->finish;
  att_cli_write(c->cli, piece->text, piece->size);
  return !att_cli_flush(c->cli);
}

static att_status serve(conversation *c, const att_request *request) {
  uint64_t id = 0;
  att_status status = att_service_submit(c->service, request, &id);
  for (size_t left = 1; left && !status;) status = att_service_step(c->service, &left);
  if (id) att_service_cancel(c->service, id); /* where it was stopped */
  return status;
}

static att_status generate(conversation *c) {
  char *prompt;
  att_request request;
  att_request_default(&request);
  request.generate = &c->options->generate;
  request.give = on_piece;
  request.user = c;
  att_status status =
      att_chat_prompt(c->model, c->messages, c->count, (att_text){NULL, 0}, &prompt, &request.text.size);
  request.text.data = prompt;
  if (!status) status = serve(c, &request);
  att_release(c->cli->ctx, prompt);
  return status;
}

static att_status open_service(conversation *c) {
  att_service_options pool;
  att_service_options_default(&pool);
  pool.slots = 2; /* rows for the conversation that is kept, and for one that is read in its place */
  return att_service_new(c->model, &pool, &c->service);
}

/* Ctrl-C ends a person's answer, and what there is of it stays in the conversation. */
static int answer(conversation *c, att_text message, bool person) {
  att_cli *cli = c->cli;
  int status = say(c, "user", message.data, message.size);
  if (status) return status;
  c->size = 0;
  c->finish = ATT_RUNNING;
  att_cli_work(cli);
  att_status done = generate(c);
  att_cli_rest();
  bool stopped = done == ATT_INTERRUPTED && person && !c->no_memory && !cli->write_error;
  if (!done || stopped || c->size) att_cli_print(cli, "\n");
  if (!att_cli_flush(cli)) return ATT_CLI_FAILED;
  if (c->no_memory) return no_memory(c);
  if (done && !stopped) { /* as if it had not been asked */
    forget(c, c->count - 1);
    return att_cli_failed(cli, done);
  }
  if (c->finish == ATT_FINISH_CONTEXT && !cli->common.quiet)
    att_cli_fail(cli, 0, "the model's context is full; /reset begins a new conversation");
  return say(c, "assistant", c->answer, c->size);
}

/* ---- commands --------------------------------------------------------------------------------------------------- */

static void put_messages(const conversation *c, FILE *out) {
  fputs("[", out);
  for (size_t i = 0; i < c->count; i++) {
    const att_chat_message *message = &c->messages[i];
    fprintf(out, "%s{\"role\": \"%s\", \"content\": ", i ? ",\n " : "", message->role.data);
    att_cli_put_json(out, message->content.data, message->content.size);
    fputs("}", out);
  }
  fputs("]\n", out);
}

static int save(conversation *c, const char *path) {
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  if (!out) return no_memory(c);
  put_messages(c, out);
  bool good = !ferror(out);
  good = fclose(out) == 0 && good;
  int status = good ? att_cli_failed(c->cli, att_write_file(c->cli->ctx, path, text, size)) : no_memory(c);
  free(text);
  return status;
}

static int obey(conversation *c, const char *command) {
  att_cli *cli = c->cli;
  const char *argument = command + strcspn(command, " \t");
  size_t size = (size_t)(argument - command);
  argument += strspn(argument, " \t");
  if (size == 6 && memcmp(command, "/reset", 6) == 0) return forget(c, beginning(c)), 0;
  if (size == 5 && memcmp(command, "/save", 5) == 0)
    return *argument ? save(c, argument) : att_cli_fail(cli, ATT_CLI_MISUSED, "/save needs a FILE");
  if (size != 5 || memcmp(command, "/help", 5) != 0)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "there is no command '%.*s'; /help lists them", (int)size, command);
  fputs("/reset      begin anew\n"
        "/save FILE  write the conversation as JSON: [{\"role\", \"content\"}, ...]\n"
        "/help       show this\n"
        "Ctrl-C stops an answer, the end of input (Ctrl-D) ends.\n",
        stderr);
  return 0;
}

/* A line is a command or a message. */
static int take_line(conversation *c, att_text line, bool person) {
  size_t blank = 0;
  while (blank < line.size && strchr(" \t\r", line.data[blank]) && line.data[blank]) blank++;
  if (blank == line.size) return 0;
  if (line.data[0] != '/') return answer(c, line, person);
  char *command = strndup(line.data, line.size);
  if (!command) return no_memory(c);
  for (size_t end = strlen(command); end > 0 && strchr(" \t\r", command[end - 1]); end--) command[end - 1] = '\0';
  int status = obey(c, command);
  free(command);
  return status;
}

/* A person's mistake is said, a script's ends it. */
static int converse(conversation *c) {
  att_cli_asker *asker = NULL;
  att_text line;
  bool end = false;
  int status = att_cli_asker_open(c->cli, &asker);
  bool person = !status && att_cli_asks_person(asker);
  if (person && !c->cli->common.quiet) fputs("/help lists the commands; Ctrl-D ends\n", stderr);
  while (!status) {
    status = att_cli_ask(asker, &line, &end);
    if (status || end) break;
    status = take_line(c, line, person);
    if (person && !c->cli->write_error && !c->no_memory) status = 0;
  }
  att_cli_asker_close(asker);
  return status;
}

/* ---- the verb --------------------------------------------------------------------------------------------------- */

static int settle(att_cli *cli, att_model *model, chat_options *o) {
  att_generate_options *generate = &o->generate;
  att_generate_options_default(model, generate);
  generate->max_tokens = generate->max_length = 0; /* an answer ends where the model ends it */
  int status = att_cli_parse(cli, o);
  if (status) return status;
  if (att_cli_given(cli, "min-tokens")) generate->min_length = 0;
  if (att_cli_given(cli, "seed")) generate->seed = o->common.seed;
  generate->samples = 1;
  status = att_cli_check_lengths(cli, generate->min_tokens, generate->max_tokens);
  if (status) return status;
  status = att_cli_read_grammar(cli, &o->grammar, generate);
  if (status) return status;
  generate->no_special_tokens = true; /* the template writes them */
  const char *sampling = att_cli_sampling_given(cli);
  if (sampling && generate->temperature <= 0)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--%s is for sampling: give --temperature above 0 too", sampling);
  return 0;
}

/* Whether there is a template, and one that knows a system message where there is one. */
static int try_template(conversation *c) {
  char *prompt;
  size_t size, count = c->count;
  int status = say(c, "user", "?", 1);
  if (status) return status;
  status =
      att_cli_failed(c->cli, att_chat_prompt(c->model, c->messages, c->count, (att_text){NULL, 0}, &prompt, &size));
  if (!status) att_release(c->cli->ctx, prompt);
  forget(c, count);
  return status;
}

static int run(att_cli *cli) {
  chat_options o = {0};
  conversation c = {.cli = cli, .options = &o};
  int status = att_cli_parse(cli, &o);
  if (!status) status = att_cli_start(cli);
  if (!status) status = att_cli_open_model_for(cli, ATT_VERB_GENERATE, &c.model);
  if (!status) status = settle(cli, c.model, &o);
  if (!status && o.system) status = say(&c, "system", o.system, strlen(o.system));
  if (!status) status = try_template(&c);
  if (!status) status = att_cli_failed(cli, open_service(&c));
  if (!status) att_cli_rest();
  if (!status) status = converse(&c);
  forget(&c, 0);
  free(c.messages);
  free(c.answer);
  att_release(cli->ctx, o.grammar.text);
  att_service_free(c.service);
  att_model_close(c.model);
  return status;
}

const att_cli_verb att_cli_chat = {
    .name = "chat",
    .arguments = "MODEL",
    .summary = "a conversation with a chat model",
    .about = "Reads a message, writes the model's answer as it comes, and so on until the input ends; the model's own "
             "chat template makes the prompt of all that was said. Lines are edited where there is a terminal; else "
             "each line of standard input is a message. Lines that begin with / are commands: /reset, /save FILE, "
             "/help. Ctrl-C stops an answer and keeps the conversation.",
    .example = "attend chat model --system \"Answer in one sentence.\"\n"
               "printf 'My name is Ann.\\nWhat is my name?\\n' | attend chat model",
    .options = options,
    .least_words = 1,
    .most_words = 1,
    .run = run,
};
