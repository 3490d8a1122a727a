/* Owns what mixture.h says. */
#include "models/mixture.h"

#include <stdio.h>
#include <string.h>

#define LENGTH(list) (sizeof(list) / sizeof *(list))

typedef enum size_name { PLAIN, SMALL, MEDIUM, LARGE } size_name;

static const struct {
  att_mixture mixture;
  size_name size;
} all[] = {{{"float32", ATT_F32, 0}, PLAIN},   {{"float16", ATT_F16, 1}, PLAIN},   {{"bfloat16", ATT_BF16, 32}, PLAIN},
           {{"q4_0", ATT_Q4_0, 2}, PLAIN},     {{"q4_1", ATT_Q4_1, 3}, PLAIN},     {{"q5_0", ATT_Q5_0, 8}, PLAIN},
           {{"q5_1", ATT_Q5_1, 9}, PLAIN},     {{"q8_0", ATT_Q8_0, 7}, PLAIN},     {{"q2_k", ATT_Q2_K, 10}, MEDIUM},
           {{"q2_k_s", ATT_Q2_K, 21}, SMALL},  {{"q3_k_s", ATT_Q3_K, 11}, SMALL},  {{"q3_k_m", ATT_Q3_K, 12}, MEDIUM},
           {{"q3_k_l", ATT_Q3_K, 13}, LARGE},  {{"q4_k_s", ATT_Q4_K, 14}, SMALL},  {{"q4_k_m", ATT_Q4_K, 15}, MEDIUM},
           {{"q5_k_s", ATT_Q5_K, 16}, SMALL},  {{"q5_k_m", ATT_Q5_K, 17}, MEDIUM}, {{"q6_k", ATT_Q6_K, 18}, PLAIN},
           {{"iq4_nl", ATT_IQ4_NL, 25}, PLAIN}};

static const char *const others[][2] = {{"f32", "float32"}, {"f16", "float16"}, {"bf16", "bfloat16"},
                                        {"q3_k", "q3_k_m"}, {"q4_k", "q4_k_m"}, {"q5_k", "q5_k_m"}};

const att_mixture *att_mixture_find(const char *name) {
  for (size_t i = 0; i < LENGTH(others); i++) {
    if (strcmp(name, others[i][0]) == 0) name = others[i][1];
  }
  for (size_t i = 0; i < LENGTH(all); i++) {
    if (strcmp(name, all[i].mixture.name) == 0) return &all[i].mixture;
  }
  return NULL;
}

const att_mixture *att_mixture_of(att_type type) { return att_mixture_find(att_type_name(type)); }

void att_mixture_names(char *out, size_t size) {
  size_t used = 0;
  for (size_t i = 0; i < LENGTH(all) && used < size; i++) {
    used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "", all[i].mixture.name);
  }
}

static size_name size_of(const att_mixture *m) {
  for (size_t i = 0; i < LENGTH(all); i++) {
    if (m == &all[i].mixture) return all[i].size;
  }
  return PLAIN;
}

/* The first eighth of the layers, the last, and every third between. */
static bool is_finer(int64_t layer, int64_t layers) {
  return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

static att_type values_type(const att_mixture *m, size_name size, int64_t layer, int64_t layers, int64_t shared) {
  switch (m->type) {
  case ATT_Q2_K:
    if (shared >= 4) return ATT_Q4_K;
    return size == MEDIUM ? ATT_Q3_K : ATT_Q2_K;
  case ATT_Q3_K:
    if (size == MEDIUM) return layer < 2 ? ATT_Q5_K : ATT_Q4_K;
    return size == LARGE ? ATT_Q5_K : ATT_Q3_K;
  case ATT_Q4_K:
    if (size == MEDIUM) return is_finer(layer, layers) ? ATT_Q6_K : ATT_Q4_K;
    return layer < 4 ? ATT_Q5_K : ATT_Q4_K;
  case ATT_Q5_K: return size == MEDIUM && is_finer(layer, layers) ? ATT_Q6_K : ATT_Q5_K;
  case ATT_IQ4_NL: return shared >= 4 ? ATT_Q5_K : ATT_IQ4_NL;
  default: return m->type;
  }
}

static att_type down_type(const att_mixture *m, size_name size, int64_t layer, int64_t layers) {
  bool early = layer < layers / 8;
  switch (m->type) {
  case ATT_Q2_K:
    if (size == MEDIUM) return ATT_Q3_K;
    return early ? ATT_Q4_K : ATT_Q2_K;
  case ATT_Q3_K:
    if (size == MEDIUM) return layer < layers / 16 ? ATT_Q5_K : ATT_Q4_K;
    return size == LARGE ? ATT_Q5_K : ATT_Q3_K;
  case ATT_Q4_K:
    if (size == MEDIUM) return is_finer(layer, layers) ? ATT_Q6_K : ATT_Q4_K;
    return early ? ATT_Q5_K : ATT_Q4_K;
  case ATT_Q5_K: return size == MEDIUM && is_finer(layer, layers) ? ATT_Q6_K : ATT_Q5_K;
  case ATT_IQ4_NL: return early ? ATT_Q5_K : ATT_IQ4_NL;
  default: return m->type;
  }
}

static att_type attention_out_type(const att_mixture *m, size_name size) {
  if (m->type == ATT_Q2_K) return size == MEDIUM ? ATT_Q3_K : ATT_Q2_K;
  if (m->type == ATT_Q3_K) return size == MEDIUM ? ATT_Q4_K : size == LARGE ? ATT_Q5_K : ATT_Q3_K;
  return m->type;
}

static att_type joined_type(const att_mixture *m, size_name size) {
  if (m->type == ATT_Q3_K && size >= MEDIUM) return ATT_Q4_K;
  if (m->type == ATT_Q4_K && size == MEDIUM) return ATT_Q5_K;
  if (m->type == ATT_Q5_K && size == MEDIUM) return ATT_Q6_K;
  return m->type;
}

static att_type output_type(const att_mixture *m, int64_t cols) {
  if (cols % att_type_block(m->type)) return ATT_Q8_0;
  return m->type == ATT_Q8_0 ? ATT_Q8_0 : ATT_Q6_K;
}

static att_type fitting(att_type type, int64_t cols) {
  if (cols % att_type_block(type) == 0) return type;
  switch (type) {
  case ATT_Q2_K:
  case ATT_Q3_K: type = ATT_IQ4_NL; break;
  case ATT_Q4_K: type = ATT_Q5_0; break;
  case ATT_Q5_K: type = ATT_Q5_1; break;
  default: type = ATT_Q8_0;
  }
  return cols % att_type_block(type) == 0 ? type : ATT_F16;
}

att_type att_mixture_type(const att_mixture *m, att_role role, int64_t layer, int64_t layers, int64_t shared,
                          int64_t cols) {
  size_name size = size_of(m);
  att_type type = m->type;
  if (type < ATT_FLOAT_TYPES) return type;
  switch (role) {
  case ATT_ROLE_OUTPUT: type = output_type(m, cols); break;
  case ATT_ROLE_VALUES: type = values_type(m, size, layer, layers, shared); break;
  case ATT_ROLE_DOWN: type = down_type(m, size, layer, layers); break;
  case ATT_ROLE_ATTENTION_OUT: type = attention_out_type(m, size); break;
  case ATT_ROLE_JOINED: type = joined_type(m, size); break;
  default: break;
  }
  return fitting(type, cols);
}
