/* What a machine can do at most is some number above 0, and measuring it takes and gives back memory. */
#include "scratch.h"

#include <math.h>

static att_status measure(att_context *counted, void *arg) {
  (void)arg;
  const att_machine_limits *limits;
  ATT_TRY(att_measure_machine(counted, &limits));
  assert_true(isfinite(limits->read_bytes) && limits->read_bytes > 1e7);
  assert_true(isfinite(limits->float32_products) && limits->float32_products > 1e6);
  assert_true(isfinite(limits->q8_0_products) && limits->q8_0_products > 1e6);
  return ATT_OK;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  assert_true(fail_each_allocation(measure, NULL) >= 7);
}

static void is_interrupted(void **state) {
  (void)state;
  const att_machine_limits *limits;
  att_interrupt(ctx);
  must_say(att_measure_machine(ctx, &limits), ATT_INTERRUPTED, "interrupted while measuring the machine");
  assert_null(limits);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_may_fail), cmocka_unit_test(is_interrupted)};
  return cmocka_run_group_tests(tests, begin, end);
}
