# A thin front for Meson: `make run` shows outcry, `make test` proves it.
SOAK_MINUTES ?= 10
MAKEFLAGS    += --no-print-directory

.PHONY: run test build check bench soak install clean format setup

run: build
	build/outcry demo

# Every compiler, sanitizer and suite: about a quarter of an hour on two cores.
test:
	@.ci/setup test
	python3 tests/matrix.py

setup:
	@.ci/setup run

build: setup build/build.ninja
	ninja -C build

build/build.ninja:
	meson setup build

# The inner loop: seconds.
check:
	@.ci/setup test
	@$(MAKE) build
	meson test -C build --suite unit --print-errorlogs

bench: build
	meson test -C build --benchmark --verbose

soak:
	@.ci/setup test
	@$(MAKE) build
	python3 tests/soak.py --minutes $(SOAK_MINUTES)

install: build
	meson install -C build --no-rebuild

format:
	git ls-files -co --exclude-standard -- '*.c' '*.h' | xargs -r clang-format -i

clean:
	rm -rf build build-clang build-asan build-tsan build-fuzz
