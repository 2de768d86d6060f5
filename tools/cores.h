/*
 * Cores: how many threads are of use to this process.
 */
#ifndef OUTCRY_TOOLS_CORES_H
#define OUTCRY_TOOLS_CORES_H

/* cores_cnt returns how many cores the calling thread may use, at most most. */
unsigned cores_cnt(unsigned most);

#endif
