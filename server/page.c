/* Owns the page at "/": page.html, which the assembler reads in, with a nonce in place of each @NONCE@. */
#include "page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

__asm__(".section .rodata\n"
        ".global att_page_begin\n.global att_page_end\n"
        "att_page_begin:\n.incbin \"" ATT_PAGE "\"\natt_page_end:\n.byte 0\n"
        ".previous\n");
extern const char att_page_begin[], att_page_end[];

enum { NONCE = 32 };
static const char place[] = "nonce=\"@NONCE@\"";

static void make_nonce(char nonce[NONCE + 1]) {
  unsigned char random[NONCE / 2];
  if (getrandom(random, sizeof random, 0) != sizeof random) memset(random, 0, sizeof random); /* blocks no page */
  for (size_t i = 0; i < sizeof random; i++) snprintf(nonce + 2 * i, 3, "%02x", random[i]);
}

char *att_page(att_tasks *tasks, const char *rest, size_t *size) {
  char nonce[NONCE + 1];
  att_out page = {0};
  (void)tasks, (void)rest;
  make_nonce(nonce);
  for (const char *at = att_page_begin; at < att_page_end;) {
    const char *next = strstr(at, place), *end = next ? next : att_page_end;
    att_out_put(&page, at, (size_t)(end - at));
    if (next) att_out_print(&page, "nonce=\"%s\"", nonce);
    at = next ? next + sizeof place - 1 : att_page_end;
  }
  *size = page.size;
  return att_out_take(&page);
}

void att_page_policy(const char *page, char policy[ATT_POLICY]) {
  const char *nonce = page ? strstr(page, "nonce=\"") : NULL;
  snprintf(policy, ATT_POLICY,
           "default-src 'none'; script-src 'nonce-%.*s'; style-src 'nonce-%.*s'; connect-src 'self'; img-src data:; "
           "base-uri 'none'; "
           "form-action 'none'; frame-ancestors 'none'",
           nonce ? NONCE : 0, nonce ? nonce + 7 : "", nonce ? NONCE : 0, nonce ? nonce + 7 : "");
}
