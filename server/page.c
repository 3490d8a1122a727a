/* Owns the page at "/": page.html as it stands, which the assembler reads in. */
#include "page.h"

#include <stdlib.h>
#include <string.h>

__asm__(".section .rodata\n"
        ".global att_page_begin\n.global att_page_end\n"
        "att_page_begin:\n.incbin \"" ATT_PAGE "\"\natt_page_end:\n.byte 0\n"
        ".previous\n");
extern const char att_page_begin[], att_page_end[];

char *att_page(att_tasks *tasks, size_t *size) {
  (void)tasks;
  *size = (size_t)(att_page_end - att_page_begin);
  char *text = malloc(*size);
  if (text) memcpy(text, att_page_begin, *size);
  return text;
}
