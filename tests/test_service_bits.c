/*
 * Services, to the last bit: a request has the same log-probabilities alone and among others, however its prompt is cut
 * into pieces, and whichever beginning it shares.
 */
#include "service_fixture.h"

enum { REQUESTS = 12 };

static void make_prompt(const setup *s, int number, int32_t *tokens, size_t *count) {
  *count = (size_t)(1 + number * 7);
  for (size_t i = 0; i < *count; i++) tokens[i] = (int32_t)(3 + att_random64((uint64_t)number, i) % 280);
  (void)s;
}

/* folder NULL: a model with windows. piece: tokens of prompts that are read in a step. */
static void check(const char *folder, bool sampling, int piece) {
  setup s;
  att_service *service;
  att_service_options service_options;
  att_generate_options options[REQUESTS];
  collected *got[REQUESTS], *want[REQUESTS];
  int32_t tokens[REQUESTS][128];
  if (folder) set_up(&s, folder);
  if (!folder) set_up_windowed(&s);
  att_service_options_default(&service_options);
  service_options.prompt_tokens = piece;
  ok(&s, att_service_new(s.model, &service_options, &service));
  for (int i = 0; i < REQUESTS; i++) {
    att_request request;
    att_request_default(&request);
    make_prompt(&s, i, tokens[i], &request.token_count);
    att_generate_options_default(s.model, &options[i]);
    options[i].temperature = sampling ? 1 : 0;
    options[i].samples = sampling && i % 4 == 3 ? 2 : 1;
    options[i].max_tokens = 30 + i;
    options[i].seed = (uint64_t)i;
    options[i].ignore_end = true;
    request.tokens = tokens[i];
    request.generate = &options[i];
    want[i] = alone(&s, &request);
    request.give = collect;
    request.user = got[i] = collector();
    submit(&s, service, &request, got[i]);
    if (i % 2) ok(&s, att_service_step(service, NULL));
  }
  run_all(&s, service);
  for (int i = 0; i < REQUESTS; i++) {
    char what[64];
    snprintf(what, sizeof what, "%s, pieces of %d, request %d", folder ? folder : "windows", piece, i);
    for (int j = 0; j < options[i].samples; j++) same_sample(what, &got[i]->samples[j], &want[i]->samples[j], 0);
    free(got[i]);
    free(want[i]);
  }
  att_service_free(service);
  tear_down(&s);
}

static void test_the_same_bits(void **state) {
  (void)state;
  static const int pieces[] = {4096, 1, 3, 7, 64};
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    check("generate_gpt2", i % 2 == 0, pieces[i]);
    check("generate_llama", i % 2 == 1, pieces[i]);
    check(NULL, i % 2 == 1, pieces[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_same_bits)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
