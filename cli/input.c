/* Owns reading lines: a file at once, standard input as it arrives. See cli.h. */
#include "cli.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_LINES = 2048, MOST_BYTES = 64 << 20, CHUNK = 64 << 10 };

struct att_cli_input {
  att_cli *cli;
  att_text *file; /* all lines of a named file, or NULL: standard input */
  size_t file_count, next;
  char *buffer; /* [capacity]; bytes [0, used) are read, of which [0, scanned) are known to hold `ends` line ends */
  size_t used, scanned, ends, capacity;
  size_t taken;               /* bytes of the window given last */
  bool end;                   /* nothing more to read */
  att_text lines[MOST_LINES]; /* the window */
};

size_t att_cli_byte_order_mark(const char *data, size_t size) {
  return size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

int att_cli_input_open(att_cli *cli, const char *path, att_cli_input **out) {
  att_cli_input *input = calloc(1, sizeof *input);
  *out = NULL;
  if (!input) return att_cli_fail(cli, ATT_CLI_FAILED, "no memory");
  input->cli = cli;
  if (path && strcmp(path, "-") != 0) {
    att_status status = att_read_lines(cli->ctx, path, &input->file, &input->file_count);
    if (status != ATT_OK) {
      free(input);
      return att_cli_failed(cli, status);
    }
  }
  *out = input;
  return 0;
}

void att_cli_input_close(att_cli_input *input) {
  if (!input) return;
  att_release(input->cli->ctx, input->file);
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
  ssize_t got;
  do got = read(STDIN_FILENO, input->buffer + input->used, CHUNK);
  while (got < 0 && errno == EINTR);
  if (got < 0) return att_cli_fail(input->cli, ATT_CLI_FAILED, "standard input: %s", strerror(errno));
  input->end = got == 0;
  input->used += (size_t)got;
  return 0;
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
    int status = read_more(input);
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
  if (input->file) {
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
