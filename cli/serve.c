/* Owns `attend serve`: models for programs that speak HTTP, and for people with a browser. */
#include "../server/server.h"
#include "options.h"

#include <string.h>

typedef struct serve_options {
  att_cli_common common;
  att_server_options server;
  att_cli_texts keys, origins;
  int max_body, max_file, max_text; /* KiB */
} serve_options;

#define AT(member) offsetof(serve_options, member)
#define IN(member) offsetof(serve_options, server.member)

/* clang-format off */
static const att_cli_option options[] = {
    {.group = "Address", .name = "host", .kind = ATT_CLI_TEXT, .value = "NAME", .offset = IN(host),
     .help = "listen on this name or address; 0.0.0.0: on all of this machine's", .initial = "127.0.0.1"},
    {.name = "port", .kind = ATT_CLI_INT, .value = "N", .low = 0, .high = 65535, .offset = IN(port),
     .help = "and this port; 0: any that is free", .initial = "8080"},
    {.name = "tls-certificate", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = IN(certificate),
     .help = "speak HTTPS with this certificate (PEM)"},
    {.name = "tls-key", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = IN(key), .help = "and its key (PEM)"},

    {.group = "Who may ask", .name = "api-key", .kind = ATT_CLI_TEXTS, .value = "KEY", .offset = AT(keys),
     .help = "answer only who sends this key; may be given several times. Others on this machine can see the words of "
             "a command: --api-key-file is safer"},
    {.name = "api-key-file", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = IN(key_file),
     .help = "the same for each line of FILE"},
    {.name = "allow-origin", .kind = ATT_CLI_TEXTS, .value = "ORIGIN", .offset = AT(origins),
     .help = "pages from there may ask (https://example.org; *: all); may be given several times", .initial = "none"},

    {.group = "Limits", .name = "slots", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 4096, .offset = IN(slots),
     .help = "samples and hypotheses of beams that a model writes at once", .initial = "64"},
    {.name = "queue", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 1 << 20, .offset = IN(queue),
     .help = "requests that may wait beyond those; more are told to come again later", .initial = "64"},
    {.name = "max-tokens", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 1 << 30, .offset = IN(max_tokens),
     .help = "the most new tokens that a request gets", .initial = "4096"},
    {.name = "max-text", .kind = ATT_CLI_INT, .value = "KIB", .low = 1, .high = 1 << 20, .offset = AT(max_text),
     .help = "the longest prompt or text, in KiB", .initial = "1024"},
    {.name = "max-body", .kind = ATT_CLI_INT, .value = "KIB", .low = 1, .high = 1 << 20, .offset = AT(max_body),
     .help = "the largest request, in KiB", .initial = "4096"},
    {.name = "max-file", .kind = ATT_CLI_INT, .value = "KIB", .low = 1, .high = 1 << 20, .offset = AT(max_file),
     .help = "the largest with a recording, in KiB", .initial = "25600"},
    {.name = "timeout", .kind = ATT_CLI_INT, .value = "SECONDS", .low = 1, .high = 1 << 20, .offset = IN(timeout),
     .help = "the most time for a request, waiting in", .initial = "600"},
    {.name = "connections", .kind = ATT_CLI_INT, .value = "N", .low = 16, .high = 1 << 20, .offset = IN(connections),
     .help = "open at once; beyond them the one that was silent longest is closed", .initial = "1024"},
    {.name = "grace", .kind = ATT_CLI_INT, .value = "SECONDS", .low = 0, .high = 1 << 20, .offset = IN(grace),
     .help = "how long running requests have, once Ctrl-C or SIGTERM came", .initial = "30"},

    {.group = "Models", .name = "lazy", .kind = ATT_CLI_FLAG, .offset = IN(lazy),
     .help = "open a model when it is first asked for"},
    {.name = "keep", .kind = ATT_CLI_INT, .value = "MINUTES", .low = 0, .high = 1 << 20, .offset = IN(keep),
     .help = "close a model that nobody asked for so long; 0: never", .initial = "0"},
    {.name = NULL}};
/* clang-format on */

static int settle(att_cli *cli, serve_options *o) {
  att_server_options *s = &o->server;
  int status = att_cli_parse(cli, o);
  if (status) return status;
  if (!s->certificate != !s->key)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--tls-certificate and --tls-key go together");
  s->models = cli->words;
  s->model_count = (size_t)cli->word_count;
  s->keys = o->keys.items;
  s->key_count = (size_t)o->keys.count;
  s->origins = o->origins.items;
  s->origin_count = (size_t)o->origins.count;
  s->max_body = 1024 * (int64_t)o->max_body;
  s->max_file = 1024 * (int64_t)o->max_file;
  s->max_text = 1024 * (int64_t)o->max_text;
  return 0;
}

#ifdef ATT_HAVE_MICROHTTPD
static void stop(void *server) { att_server_stop(server); }

static int serve(att_cli *cli, const att_server_options *o) {
  char message[ATT_SERVER_MESSAGE];
  int status = att_cli_start(cli);
  if (status) return status;
  att_server *server = att_server_new(cli->ctx, o, message);
  if (!server && att_cli_is_stopping()) return ATT_CLI_INTERRUPTED;
  if (!server) return att_cli_fail(cli, ATT_CLI_FAILED, "%s", message);
  cli->drops_log = true;
  att_cli_stop_by(stop, server);
  att_cli_print(cli, "%s\n", att_server_address(server));
  if (att_cli_flush(cli)) att_server_run(server);
  att_cli_stop_by(NULL, NULL);
  att_server_free(server);
  return 0;
}
#else
static int serve(att_cli *cli, const att_server_options *o) {
  (void)o;
  return att_cli_fail(cli, ATT_CLI_FAILED, "this attend was built without libmicrohttpd (Debian: libmicrohttpd-dev)");
}
#endif

static int run(att_cli *cli) {
  serve_options o;
  memset(&o, 0, sizeof o);
  o.server = (att_server_options){.host = "127.0.0.1",
                                  .port = 8080,
                                  .slots = 16,
                                  .queue = 64,
                                  .max_tokens = 4096,
                                  .timeout = 600,
                                  .connections = 1024,
                                  .grace = 30};
  o.max_text = 1024;
  o.max_body = 4096;
  o.max_file = 25600;
  int status = settle(cli, &o);
  return status ? status : serve(cli, &o.server);
}

const att_cli_verb att_cli_serve = {
    .name = "serve",
    .arguments = "MODEL...",
    .summary = "answer programs by HTTP, and people in the browser",
    .about =
        "Answers requests of OpenAI's interface (/v1/completions, /v1/chat/completions, /v1/embeddings, /v1/models), "
        "and attend's own, for many clients at once; /openapi.json lists all. Prints the address, and serves until "
        "Ctrl-C or SIGTERM; requests that run then are finished. A model is called by the last part of its path, or "
        "by NAME where MODEL is NAME=PATH. No request writes a file or opens one, and no text is logged.",
    .example = "attend serve models/de-en\n"
               "attend serve SmolLM2-135M-Instruct chat=qwen.gguf --api-key-file keys.txt\n"
               "curl -N 127.0.0.1:8080/v1/completions -d '{\"prompt\": \"Once upon\"}'",
    .options = options,
    .least_words = 1,
    .most_words = 256,
    .run = run,
};
