# netns-services: what to type. `make` builds, `make demo` shows it, `make test` tests it,
# `make install` installs what `make` built. `make help` lists them all.
# SPDX-License-Identifier: MIT OR Apache-2.0

# Where things go. A packager sets these, and DESTDIR. PREFIX is not /usr/local: OpenRC
# gives init scripts a PATH without it, and there they would not find netns-exec.
PREFIX     = /usr
SYSCONFDIR = /etc
SBINDIR    = $(PREFIX)/sbin
MANDIR     = $(PREFIX)/share/man
DOCDIR     = $(PREFIX)/share/doc/netns-services
SVDIR      = $(SYSCONFDIR)/sv
DESTDIR    =

# What is built: a static program, so that one build runs on Debian, on Alpine and in a
# bare virtual machine. musl's static programs start faster; the compiler's own C library
# does where the musl target is not installed. `make TARGET=...` takes another.
CARGO  = cargo
STATIC = target/static
HOST   = $(shell rustc -vV | sed -n 's/^host: //p')
MUSL   = $(subst -gnu,-musl,$(HOST))
TARGET = $(if $(wildcard $(shell rustc --print sysroot)/lib/rustlib/$(MUSL)/lib/libstd-*),$(MUSL),$(HOST))

# One build for each program: built together, netns-exec would be linked with the features
# of netns-setup, which carries an async runtime.
BUILD = RUSTFLAGS="$$RUSTFLAGS -C target-feature=+crt-static" \
	$(CARGO) build --locked --release --target "$$target"

all:
	@target='$(TARGET)'; set -x; \
	$(BUILD) --bin netns-setup && \
	$(BUILD) --no-default-features --bin netns-exec && \
	mkdir -p $(STATIC) && \
	install -m 755 "target/$$target/release/netns-setup" \
		"target/$$target/release/netns-exec" $(STATIC)/

help:
	@printf '%s\n' \
	'make            build both programs, static, into $(STATIC)' \
	'make demo       a daemon in a namespace, under a real OpenRC, on this machine; root' \
	'make test       every test, on real kernels, shells and inits; root' \
	'make test-all   the same, and on the newest Debian' \
	'make bench      how long it takes, beside ip(8); root' \
	'make lint       format, clippy and the pages of the code'

# They install the tools they need by the distribution's packages, and ask for root by
# sudo. The compiler does not run as root by that: only what it built does.
TEST = $(CARGO) test --locked --config 'target."cfg(unix)".runner = "$(CURDIR)/tests/as-root"'

demo: all
	tests/get-tools demo
	tests/as-root tests/demo

test: all
	tests/get-tools test
	$(TEST)

test-all: all
	tests/get-tools test
	NETNS_TESTS_ALL=1 $(TEST)

bench: all
	tests/get-tools bench
	tests/as-root tests/bench/run

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --all-targets --no-default-features -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps --document-private-items

.PHONY: all help demo test test-all bench lint
