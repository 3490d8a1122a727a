/* Owns what ranking and searching share: how alike vectors are, and the order of results. */
#ifndef ATT_API_RANK_H
#define ATT_API_RANK_H

#include <attend/attend.h>

/* Of a, b [width], as sentence-transformers computes it, in double. Not for ATT_SIMILARITY_DEFAULT. */
double att_similar(att_similarity similarity, const float *a, const float *b, size_t width);

/* For qsort, of att_ranked: the highest score first; of equal ones the earlier line. */
int att_by_relevance(const void *a, const void *b);

#endif
