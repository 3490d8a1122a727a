/* Owns where a verb's texts come from: its words, a file at once, standard input as it arrives. See cli.h. */
#include "options.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_LINES = 2048, MOST_BYTES = 64 << 20, CHUNK = 64 << 10, TURN = 200 /* ms */ };

struct att_cli_input {
  att_cli *cli;
  att_text *file; /* all lines of a named file, or NULL: standard input, unless there are: */
  char *words;    /* one text */
  size_t file_count, next;
  char *buffer; /* [capacity]; bytes [0, used) are read, of which [0, scanned) are known to hold `ends` line ends */
  size_t used, scanned, ends, capacity;
  size_t taken;               /* bytes of the window given last */
  bool begun, end;            /* something was read; nothing more is to be */
  att_text lines[MOST_LINES]; /* the window */
};

size_t att_cli_byte_order_mark(const char *data, size_t size) {
  return size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/* The words after MODEL as one text, to be freed; NULL: there is no memory. */
static char *join_words(const att_cli *cli) {
  size_t size = 1;
  for (int i = 1; i < cli->word_count; i++) size += strlen(cli->words[i]) + 1;
  char *text = calloc(size, 1), *at = text;
  for (int i = 1; i < cli->word_count && at; i++) {
    const char *word = cli->words[i];
    if (i == 1) word += att_cli_byte_order_mark(word, strlen(word));
    at += sprintf(at, "%s%s", i > 1 ? " " : "", word);
  }
  if (at > text && at[-1] == '\r') at[-1] = '\0'; /* of $(head -1 FILE): the shell takes the other half */
  return text;
}

/* "notes.txt": a text of one word like that may be a file's name with a slip in it. */
static bool looks_like_file(const char *word) {
  static const char *const ends[] = {".txt", ".csv", ".tsv", ".gz", ".json", ".jsonl", ".md", ".html"};
  size_t size = strlen(word);
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
    if (size > strlen(ends[i]) && strcmp(word + size - strlen(ends[i]), ends[i]) == 0) return !strchr(word, ' ');
  return false;
}

/* The file that the only word names, or NULL: a text of one word that is the name of a file is hardly meant as a text.
 * What is taken for what is said. */
static const char *named_file(att_cli *cli) {
  struct stat info;
  const char *word = cli->words[1];
  if (cli->word_count != 2) return NULL;
  bool there = stat(word, &info) == 0;
  if (there && S_ISREG(info.st_mode)) {
    if (!cli->common.quiet) att_cli_fail(cli, 0, "'%s' is a file: its lines are read", word);
    return word;
  }
  if (there && S_ISDIR(info.st_mode))
    att_cli_warn(cli, "'%s' is a folder: the word itself is taken as the text", word);
  else if (!there && looks_like_file(word))
    att_cli_warn(cli, "there is no file '%s': the word itself is taken as the text", word);
  return NULL;
}

/* Words of one text need no quotes; texts in quotes are hardly one. */
static void warn_of_joining(att_cli *cli) {
  int texts = 0;
  for (int i = 1; i < cli->word_count; i++) texts += strchr(cli->words[i], ' ') != NULL;
  if (texts > 1)
    att_cli_warn(cli, "%d texts are joined to one: give several by standard input or a file, one a line",
                 cli->word_count - 1);
}

static int take_words(att_cli *cli, att_cli_input *input) {
  warn_of_joining(cli);
  input->words = join_words(cli);
  if (!input->words) return att_cli_fail(cli, ATT_CLI_FAILED, "no memory");
  input->lines[0] = (att_text){input->words, strlen(input->words)};
  return 0;
}

bool att_cli_is_tune(const char *path) {
  const char *end = strrchr(path, '.');
  return end && (strcasecmp(end, ".mid") == 0 || strcasecmp(end, ".midi") == 0 || strcasecmp(end, ".abc") == 0);
}

int att_cli_input_open(att_cli *cli, const char *path, att_cli_input **out) {
  att_cli_input *input = calloc(1, sizeof *input);
  int status = 0;
  *out = NULL;
  if (!input) return att_cli_fail(cli, ATT_CLI_FAILED, "no memory");
  input->cli = cli;
  const char *named = path ? path : named_file(cli);
  if (path && cli->word_count > 1)
    status = att_cli_fail(cli, ATT_CLI_MISUSED, "a text after the model and --file FILE exclude each other");
  else if (cli->word_count > 1 && !named)
    status = take_words(cli, input);
  else if (named && strcmp(named, "-") != 0)
    status = att_cli_failed(cli, att_read_lines(cli->ctx, named, &input->file, &input->file_count));
  else
    att_cli_say_waiting(cli, "lines of text");
  if (status) {
    att_cli_input_close(input);
    return status;
  }
  *out = input;
  return 0;
}

bool att_cli_input_is_words(const att_cli_input *input) { return input->words != NULL; }

void att_cli_say_waiting(att_cli *cli, const char *what) {
  if (!cli->common.quiet && isatty(STDIN_FILENO))
    att_cli_fail(cli, 0, "waiting for %s; Ctrl-D on a line of its own ends them", what);
}

void att_cli_input_close(att_cli_input *input) {
  if (!input) return;
  att_release(input->cli->ctx, input->file);
  free(input->words);
  free(input->buffer);
  free(input);
}

static int read_more(att_cli_input *input) {
  if (input->capacity - input->used < CHUNK) {
    size_t capacity = input->capacity ? 2 * input->capacity : 4 * CHUNK;
    char *grown = realloc(input->buffer, capacity);
    if (!grown) return att_cli_fail(input->cli, ATT_CLI_FAILED, "standard input: no memory for a line");
    input->buffer = grown;
    input->capacity = capacity;
  }
  struct pollfd waiting = {.fd = STDIN_FILENO, .events = POLLIN};
  ssize_t got;
  do {
    bool ready = poll(&waiting, 1, TURN) > 0;
    if (att_cli_is_stopping()) return att_cli_fail(input->cli, ATT_CLI_INTERRUPTED, "interrupted");
    errno = EAGAIN;
    got = ready ? read(STDIN_FILENO, input->buffer + input->used, CHUNK) : -1;
  } while (got < 0 && (errno == EINTR || errno == EAGAIN));
  if (got < 0) return att_cli_fail(input->cli, ATT_CLI_FAILED, "standard input: %s", strerror(errno));
  input->end = got == 0;
  input->used += (size_t)got;
  return 0;
}

/* What comes first tells whether it is text. */
static int read_beginning(att_cli_input *input) {
  int failed = read_more(input);
  if (failed) return failed;
  input->begun = true;
  att_status status = att_check_text(input->cli->ctx, "standard input", (att_text){input->buffer, input->used});
  return status == ATT_OK ? 0 : att_cli_failed(input->cli, status);
}

static void count_ends(att_cli_input *input) {
  while (input->scanned < input->used && input->ends < MOST_LINES) {
    char *start = input->buffer + input->scanned;
    char *found = memchr(start, '\n', input->used - input->scanned);
    input->scanned = found ? (size_t)(found - input->buffer) + 1 : input->used;
    if (found) input->ends++;
  }
}

static bool more_is_waiting(void) {
  struct pollfd waiting = {.fd = STDIN_FILENO, .events = POLLIN};
  return poll(&waiting, 1, 0) > 0 && (waiting.revents & POLLIN);
}

static size_t split(att_cli_input *input) {
  size_t count = 0, start = input->next ? 0 : att_cli_byte_order_mark(input->buffer, input->used);
  while (count < MOST_LINES && start < input->used) {
    char *line = input->buffer + start, *found = memchr(line, '\n', input->used - start);
    if (!found && !input->end) break;
    size_t size = found ? (size_t)(found - line) : input->used - start;
    start += size + (found != NULL);
    if (found && size > 0 && line[size - 1] == '\r') size--;
    input->lines[count++] = (att_text){line, size};
  }
  input->taken = start;
  return count;
}

static int next_of_stdin(att_cli_input *input, size_t *count) {
  if (input->taken) memmove(input->buffer, input->buffer + input->taken, input->used - input->taken);
  input->used -= input->taken;
  input->taken = input->scanned = input->ends = 0;
  if (input->used) count_ends(input);
  while (!input->end &&
         (input->ends == 0 || (input->ends < MOST_LINES && input->used < MOST_BYTES / 4 && more_is_waiting()))) {
    int status = input->begun ? read_more(input) : read_beginning(input);
    if (status) return status;
    count_ends(input);
    if (input->ends == 0 && input->used > MOST_BYTES)
      return att_cli_fail(input->cli, ATT_CLI_FAILED, "standard input: line %zu is longer than %d MiB", input->next + 1,
                          MOST_BYTES >> 20);
  }
  *count = split(input);
  return 0;
}

int att_cli_input_next(att_cli_input *input, const att_text **lines, size_t *count, size_t *first) {
  *first = input->next;
  if (input->words) {
    *count = input->next == 0;
    *lines = input->lines;
  } else if (input->file) {
    size_t left = input->file_count - input->next;
    *count = left < MOST_LINES ? left : MOST_LINES;
    *lines = input->file + input->next;
  } else {
    int status = next_of_stdin(input, count);
    if (status) return status;
    *lines = input->lines;
  }
  input->next += *count;
  return 0;
}

int att_cli_input_all(att_cli_input *input, const att_text **lines, size_t *count) {
  att_cli *cli = input->cli;
  int status = 0;
  if (!input->words && !input->file)
    status = att_cli_failed(cli, att_read_lines(cli->ctx, "-", &input->file, &input->file_count));
  *lines = input->words ? input->lines : input->file;
  *count = input->words ? 1 : input->file_count;
  return status;
}
