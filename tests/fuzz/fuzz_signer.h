/*
 * A key of the fuzz targets' own, so that they reach what lies behind a signature.
 */
#ifndef OUTCRY_TESTS_FUZZ_FUZZ_SIGNER_H
#define OUTCRY_TESTS_FUZZ_FUZZ_SIGNER_H

#include "journal/key.h"

/* fuzz_signer_open makes a signer, the same in every run, and the ring that trusts it. */
void fuzz_signer_open(struct signer **signer, struct key_ring *ring);

#endif
