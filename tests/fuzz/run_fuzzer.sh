#!/bin/sh
# Usage: run_fuzzer.sh PROGRAM FOUND_DIR SECONDS CORPUS_DIR
#
# libFuzzer writes new inputs to the first directory it is given, so that is one
# in the build tree; the checked-in corpus, if there is one, is only read.
set -eu
program=$1 found=$2 seconds=$3 corpus=$4
mkdir -p "$found"
[ -d "$corpus" ] || corpus=
# The seed is always the same, so that a run that passed passes again; a soak or a
# developer gives another by OUTCRY_SEED.
# libFuzzer tells a crash by status 77, which Meson would take for a skipped test.
"$program" -seed="${OUTCRY_SEED:-1}" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="$found/" "$found" ${corpus:+"$corpus"} || exit 1
