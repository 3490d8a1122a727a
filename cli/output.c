/* Owns standard output, the spelling of JSON, and what the terminal can do. See cli.h. */
#include "cli.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- writing ---- */

static bool keep_error(att_cli *cli, bool good) {
  if (!good && !cli->write_error) cli->write_error = errno ? errno : EIO;
  return !cli->write_error;
}

bool att_cli_write(att_cli *cli, const void *data, size_t size) {
  if (cli->write_error) return false;
  return keep_error(cli, fwrite(data, 1, size, stdout) == size);
}

bool att_cli_print(att_cli *cli, const char *format, ...) {
  if (cli->write_error) return false;
  va_list args;
  va_start(args, format);
  bool good = vprintf(format, args) >= 0;
  va_end(args);
  return keep_error(cli, good);
}

bool att_cli_flush(att_cli *cli) { return !cli->write_error && keep_error(cli, fflush(stdout) == 0); }

int att_cli_close_output(att_cli *cli, int status) {
  att_cli_flush(cli);
  if (!cli->write_error) keep_error(cli, fclose(stdout) == 0);
  if (!cli->write_error) return status;
  if (cli->write_error == EPIPE) return ATT_CLI_DONE; /* the reader has what it wanted, as after `head -1` */
  return att_cli_fail(cli, ATT_CLI_FAILED, "standard output: %s", strerror(cli->write_error));
}

bool att_cli_write_line_text(att_cli *cli, const char *data, size_t size) {
  size_t start = 0;
  for (size_t i = 0; i < size; i++) {
    if (data[i] != '\n' && data[i] != '\r' && data[i] != '\t') continue;
    att_cli_write(cli, data + start, i - start);
    att_cli_write(cli, " ", 1);
    start = i + 1;
  }
  return att_cli_write(cli, data + start, size - start);
}

/* ---- JSON ---- */

/* Bytes of the UTF-8 sequence at data[0..size), or 0 where it is none (Unicode 15, table 3-7). */
static size_t sequence_length(const unsigned char *data, size_t size) {
  unsigned char first = data[0], low = 0x80, high = 0xBF;
  if (first < 0x80) return 1;
  size_t length = first >= 0xC2 && first <= 0xDF ? 2 : first >= 0xE0 && first <= 0xEF ? 3 : 0;
  if (first >= 0xF0 && first <= 0xF4) length = 4;
  if (length == 0 || length > size) return 0;
  if (first == 0xE0) low = 0xA0;
  if (first == 0xED) high = 0x9F;
  if (first == 0xF0) low = 0x90;
  if (first == 0xF4) high = 0x8F;
  for (size_t i = 1; i < length; i++) {
    if (data[i] < low || data[i] > high) return 0;
    low = 0x80;
    high = 0xBF;
  }
  return length;
}

static void put_escaped(FILE *out, unsigned char byte) {
  const char *const plain = "\"\\\n\r\t", *const letters = "\"\\nrt";
  const char *found = byte ? strchr(plain, byte) : NULL;
  if (found)
    fprintf(out, "\\%c", letters[found - plain]);
  else
    fprintf(out, "\\u%04x", byte);
}

bool att_cli_put_json(FILE *out, const char *data, size_t size) {
  const unsigned char *bytes = (const unsigned char *)data;
  fputc('"', out);
  for (size_t i = 0; i < size;) {
    size_t length = sequence_length(bytes + i, size - i);
    if (length == 0)
      fputs("\xEF\xBF\xBD", out);
    else if (length == 1 && (bytes[i] < ' ' || bytes[i] == '"' || bytes[i] == '\\' || bytes[i] == 127))
      put_escaped(out, bytes[i]);
    else
      fwrite(bytes + i, 1, length, out);
    i += length ? length : 1;
  }
  return fputc('"', out) != EOF && !ferror(out);
}

bool att_cli_write_json(att_cli *cli, const char *data, size_t size) {
  return !cli->write_error && keep_error(cli, att_cli_put_json(stdout, data, size));
}

bool att_cli_write_tokens(att_cli *cli, att_model *model, const int32_t *tokens, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const char *spelling = att_token(model, tokens[i]);
    att_cli_print(cli, "%s", i ? ", " : "[");
    att_cli_write_json(cli, spelling ? spelling : "", spelling ? strlen(spelling) : 0);
  }
  return att_cli_print(cli, "%s]", count ? "" : "[");
}

bool att_cli_write_integers(att_cli *cli, const int32_t *numbers, size_t count) {
  for (size_t i = 0; i < count; i++) att_cli_print(cli, "%s%d", i ? ", " : "[", (int)numbers[i]);
  return att_cli_print(cli, "%s]", count ? "" : "[");
}

const char *att_cli_number(double number, char text[32]) {
  if (!isfinite(number)) return strcpy(text, "null");
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, 32, "%.*g", digits, number);
    if (strtod(text, NULL) == number) break;
  }
  return text;
}

/* ---- terminals ---- */

int att_cli_columns(int fd) {
  struct winsize size;
  if (!isatty(fd) || ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return 80;
  return size.ws_col;
}

bool att_cli_colour(int fd) {
  const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");
  return isatty(fd) && !(no && *no) && !(terminal && strcmp(terminal, "dumb") == 0);
}

bool att_cli_unicode(void) {
  const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
  bool set = false;
  for (size_t i = 0; i < 3; i++) {
    const char *value = getenv(names[i]);
    if (value && *value) set = true;
  }
  return !set || strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}
