/*
 * Chat templates: each case of tests/data/template.json against what Jinja2 made of it (tools/
 * make_template_fixtures.py), hostile templates, allocation failures.
 */
#include "scratch.h"

#include "text/template/template.h"

static const char *fixtures_path = ATT_TEST_DATA "/template.json"; /* or the first argument: of other templates */
static json_t *fixtures;

static json_t *read_fixtures(void) {
  json_t *root = NULL;
  assert_int_equal(att_json_open(ctx, fixtures_path, &root), ATT_OK);
  return root;
}

static att_status render(att_context *context, const char *text, size_t size, const json_t *variables,
                         att_buffer *out) {
  att_chat_template *template;
  ATT_TRY(att_chat_template_open(context, "template", (att_text){text, size}, &template));
  att_status status = att_chat_template_render(template, context, variables, out);
  att_chat_template_free(template);
  return status;
}

/* One case: the output, or "error": that there is one. Prints what differs; false where it does. */
static bool holds(const char *name, const json_t *text, const json_t *variables, const json_t *expected) {
  att_buffer out = {0};
  att_status status = render(ctx, json_string_value(text), json_string_length(text), variables, &out);
  bool good = status != ATT_OK;
  if (json_is_string(expected)) {
    size_t size = json_string_length(expected);
    good = status == ATT_OK && out.size == size && memcmp(out.data, json_string_value(expected), size) == 0;
  } else {
    good = good && strchr(att_message(ctx), '\n') == NULL && att_message(ctx)[0];
  }
  if (!good) {
    print_error("%s: %.200s\n  expected: %.300s\n  got:      %.300s\n", name, json_string_value(text),
                json_is_string(expected) ? json_string_value(expected) : "an error",
                status ? att_message(ctx) : out.data);
  }
  att_buffer_free(ctx, &out);
  return good;
}

/* "variables" holds sets of them by name; "cases" [[template, name of its variables, output or null]]. */
static void test_cases(void **state) {
  (void)state;
  json_t *sets = json_object_get(fixtures, "variables"), *cases = json_object_get(fixtures, "cases"), *item;
  size_t i, wrong = 0;
  json_array_foreach(cases, i, item) {
    const char *set = json_string_value(json_array_get(item, 1));
    wrong += !holds(set, json_array_get(item, 0), json_object_get(sets, set), json_array_get(item, 2));
  }
  assert_true(i > 500);
  assert_int_equal(wrong, 0);
}

/* {name: {"text", "outputs": {name of a conversation: output or null}}} */
static void test_models(void **state) {
  (void)state;
  json_t *chats = json_object_get(fixtures, "chats"), *models = json_object_get(fixtures, "models"), *model, *expected;
  const char *name, *chat;
  size_t wrong = 0, count = 0;
  json_object_foreach(models, name, model) {
    json_object_foreach(json_object_get(model, "outputs"), chat, expected) {
      wrong += !holds(name, json_object_get(model, "text"), json_object_get(chats, chat), expected);
      count++;
    }
  }
  assert_true(count > 100);
  assert_int_equal(wrong, 0);
}

/* ---- what is said of what is wrong ---- */

static void must_end(const char *text, att_status status, const char *clue) {
  att_buffer out = {0};
  json_t *variables = json_pack("{s:[{s:s, s:s}]}", "messages", "role", "user", "content", "hi");
  assert_int_equal(att_buffer_append(ctx, &out, "before", 6), ATT_OK);
  must_say(render(ctx, text, strlen(text), variables, &out), status, clue);
  assert_string_equal(out.data, "before");
  json_decref(variables);
  att_buffer_free(ctx, &out);
}

static void test_messages(void **state) {
  (void)state;
  must_end("{{ raise_exception('Only two\nroles') }}", ATT_ARGUMENT, "the chat template says: Only two roles");
  must_end("a\n{% if x %}", ATT_FORMAT, "template, line 2: elif expected, and this is the end");
  must_end("a\n\n{{ 1 + }}", ATT_FORMAT, "template, line 3: an expression expected, not '}}'");
  must_end("{% include 'x' %}", ATT_FORMAT, "line 1: a tag that attend knows expected, not 'include'");
  must_end("{{ nobody.name }}", ATT_FORMAT, "line 1: 'nobody' is undefined");
  must_end("\n{{ messages[0].name.first }}", ATT_FORMAT, "line 2: there is no key or attribute 'name'");
  must_end("{{ messages|frobnicate }}", ATT_UNSUPPORTED, "there is no filter 'frobnicate'");
  must_end("{{ messages.append(1) }}", ATT_FORMAT, "would change a list or dict");
  must_end("{{ 9223372036854775807 + 1 }}", ATT_UNSUPPORTED, "beyond 64 bits");
  must_end("{{ \"\xff\" }}", ATT_FORMAT, "not UTF-8");
  must_end("{{ 'abc'.encode() }}", ATT_UNSUPPORTED, "str.encode()");
}

static char *repeated(const char *what, size_t times) {
  size_t size = strlen(what);
  char *text = malloc(size * times + 1);
  assert_non_null(text);
  for (size_t i = 0; i < times; i++) memcpy(text + i * size, what, size);
  text[size * times] = '\0';
  return text;
}

static void test_bounds(void **state) {
  (void)state;
  must_end("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", ATT_FORMAT, "too much");
  must_end("{% set s = 'x' * 10000000 %}{% for a in range(99999) if 'y' in s %}{% endfor %}", ATT_FORMAT, "too long");
  must_end("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", ATT_FORMAT, "too deep");
  must_end("{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}", ATT_FORMAT, "too deep");
  must_end("{{ 'x' * 9999999999 }}", ATT_FORMAT, "memory");
  must_end("{{ [1] * 9223372036854775807 }}", ATT_FORMAT, "memory");
  must_end("{% set n = namespace(s='xxxxxxxx') %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}",
           ATT_FORMAT, "memory");
  must_end("{% set s = 'x' * 1000000 %}{% for i in range(99999) %}{{ s }}{% endfor %}", ATT_FORMAT, "");
  must_end("{{ range(100001) }}", ATT_FORMAT, "range() gives more");
  must_end("{% set n = namespace(l=[]) %}{% for i in range(999) %}{% set n.l = [n.l] %}{% endfor %}{{ n.l }}",
           ATT_FORMAT, "too deep");
  static const char *const nested[] = {"(", "[", "{{ -", "{% if 1 %}", "not ", "{{ x[", "{1:", "{% for a in b %}"};
  for (size_t i = 0; i < sizeof nested / sizeof *nested; i++) {
    char *text = repeated(nested[i], 100000), *whole = malloc(strlen(text) + 8);
    assert_non_null(whole);
    sprintf(whole, "%s%s", nested[i][0] == '{' && nested[i][1] > '9' ? "" : "{{ ", text);
    must_end(whole, ATT_FORMAT, "line 1");
    free(whole);
    free(text);
  }
  char *sum = repeated("1 + ", 100000), *whole = malloc(strlen(sum) + 16);
  assert_non_null(whole);
  sprintf(whole, "{{ %s1 }}", sum);
  must_end(whole, ATT_FORMAT, "too deep");
  free(whole);
  free(sum);
}

static void test_interrupt(void **state) {
  (void)state;
  ctx->interrupted = 1;
  must_end("{% for a in range(99999) %}{% endfor %}", ATT_INTERRUPTED, "interrupted");
  ctx->interrupted = 0;
}

/* ---- allocations ---- */

typedef struct one_case {
  const json_t *text, *variables;
} one_case;

static att_status render_one(att_context *context, void *arg) {
  const one_case *c = arg;
  att_buffer out = {0};
  att_status status = render(context, json_string_value(c->text), json_string_length(c->text), c->variables, &out);
  att_buffer_free(context, &out);
  return status;
}

static void test_allocations(void **state) {
  (void)state;
  json_t *chats = json_object_get(fixtures, "chats"), *models = json_object_get(fixtures, "models"), *model, *expected;
  const char *name, *chat;
  long failed = 0;
  json_object_foreach(models, name, model) {
    json_object_foreach(json_object_get(model, "outputs"), chat, expected) {
      if (!json_is_string(expected)) continue;
      one_case c = {json_object_get(model, "text"), json_object_get(chats, chat)};
      failed += fail_each_allocation(render_one, &c);
      break;
    }
  }
  assert_true(failed > 100);
}

static int open_fixtures(void **state) {
  if (begin(state)) return 1;
  fixtures = read_fixtures();
  return 0;
}

static int close_fixtures(void **state) {
  json_decref(fixtures);
  return end(state);
}

int main(int argc, char **argv) {
  if (argc > 1) fixtures_path = argv[1];
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases),     cmocka_unit_test(test_models),
                                     cmocka_unit_test(test_messages),  cmocka_unit_test(test_bounds),
                                     cmocka_unit_test(test_interrupt), cmocka_unit_test(test_allocations)};
  return cmocka_run_group_tests(tests, open_fixtures, close_fixtures);
}
