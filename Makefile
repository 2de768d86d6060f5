# A thin front for Meson: `make run` shows outcry, `make test` proves it.
SOAK_MINUTES ?= 10

.PHONY: run test build check bench soak install clean format setup setup-test

run: build
	build/outcry demo

# Every compiler, sanitizer and suite: twenty to thirty minutes on two cores.
test: setup-test
	python3 tests/matrix.py

setup:
	@.ci/setup run

setup-test:
	@.ci/setup test

# The program and its Python module; tests and benchmarks are built by those who run them.
build: setup build/build.ninja
	ninja -C build outcry python

build/build.ninja: | setup
	meson setup build

# The inner loop: seconds.
check: setup-test
	python3 tests/matrix.py build --suite unit

bench: setup build/build.ninja
	perf/bench.py build

soak: setup-test
	python3 tests/soak.py --minutes $(SOAK_MINUTES)

install: build
	ninja -C build library python
	meson install -C build --no-rebuild

format:
	git ls-files -co --exclude-standard -- '*.c' '*.h' | xargs -r clang-format -i

clean:
	rm -rf build build-clang build-asan build-tsan build-fuzz
