# netns-services: what to type. `make` builds, `make demo` shows it, `make check` and
# `make test` test it, `make install` installs what `make` built. `make help` lists them all.
# SPDX-License-Identifier: MIT OR Apache-2.0

# Where things go. A packager sets these, and DESTDIR. PREFIX is not /usr/local: OpenRC
# gives init scripts a PATH without it, and there they would not find netns-exec.
PREFIX     = /usr
SYSCONFDIR = /etc
SBINDIR    = $(PREFIX)/sbin
LIBEXECDIR = $(PREFIX)/libexec
MANDIR     = $(PREFIX)/share/man
DOCDIR     = $(PREFIX)/share/doc/netns-services
BASHDIR    = $(PREFIX)/share/bash-completion/completions
ZSHDIR     = $(PREFIX)/share/zsh/site-functions
DATADIR    = $(PREFIX)/share/netns-services
LSBDIR     = /lib/lsb/init-functions.d
export DESTDIR =

# What is built: a static program, so that one build runs on Debian, on Alpine and in a
# bare virtual machine. musl's static programs start faster; the compiler's own C library
# does where the musl target is not installed. `make TARGET=...` takes another.
CARGO  = cargo
STATIC = target/static
HOST   = $(shell rustc -vV | sed -n 's/^host: //p')
MUSL   = $(subst -gnu,-musl,$(HOST))
TARGET = $(if $(wildcard $(shell rustc --print sysroot)/lib/rustlib/$(MUSL)/lib/libstd-*),$(MUSL),$(HOST))

# What netns-setup is built with. A packager who wants no allocator with unsafe code takes
# `make FEATURES=setup`.
FEATURES = setup,allocator

# One build for each program: built together, netns-exec would be linked with the features
# of netns-setup, which carries an async runtime.
# The paths of this machine do not belong into it.
BUILD = RUSTFLAGS="$$RUSTFLAGS -C target-feature=+crt-static \
	--remap-path-prefix=$${CARGO_HOME:-$$HOME/.cargo}=cargo \
	--remap-path-prefix=$(CURDIR)=netns-services" \
	$(CARGO) rustc --locked --release --target "$$target"

# At a fixed address and in two pieces instead of four: each page that need not be
# relocated, or looked up again, is a page fault less, together a tenth of what netns-exec
# takes, and a twentieth of an up.
export EXEC_FLAGS = -C relocation-model=static -C link-arg=-Wl,-z,noseparate-code

all:
	@target='$(TARGET)'; set -x; \
	$(BUILD) --no-default-features --features '$(FEATURES)' --bin netns-setup -- $(EXEC_FLAGS) && \
	$(BUILD) --no-default-features --bin netns-exec -- $(EXEC_FLAGS) && \
	mkdir -p $(STATIC) && \
	install -m 755 "target/$$target/release/netns-setup" \
		"target/$$target/release/netns-exec" $(STATIC)/

help:
	@printf '%s\n' \
	'make            build both programs, static, into $(STATIC)' \
	'make demo       sshd in a namespace, under a real OpenRC and a real runit; root' \
	'make check      format, clippy and the tests that take no root; without a network' \
	'make test       every test, on real kernels, shells and inits; root' \
	'make test-all   the same, and on the newest Debian' \
	'make fuzz       readers of foreign text, at random, RUNS=10000000 times each; root' \
	'make bench      how long it takes, beside ip(8); root' \
	'make install    put it on this machine, or into DESTDIR=, as root; builds nothing' \
	'make uninstall  take that away again' \
	'make lint       format, clippy, a check for 32-bit and the pages of the code' \
	'make deny       licences, sources and double versions of the crates'

# No root, no packages, and no network once the crates are there (cargo fetch --locked). It runs
# `make fmt`, `make clippy` and the tests in src/ and of the programs of tests/ that
# tests/run-all names as NO_ROOT; a few cases of the plan's properties. Not the tests on real
# kernels, shells and inits, the check for 32-bit and the pages of the code: `make test` and
# `make lint` have them.
check:
	CARGO='$(CARGO)' tests/check

# These install the tools they need by the distribution's packages, and ask for root by sudo.
# The compiler does not run as root by that: only what it built does.
TEST = RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$(($$(nproc) * 2))} \
	$(CARGO) test --locked --no-fail-fast --config 'target."cfg(unix)".runner = "$(CURDIR)/tests/as-root"'

demo: all
	tests/get-tools demo
	tests/as-root tests/demo

test: all
	tests/get-tools test
	CARGO='$(CARGO)' tests/run-all

test-all: all
	tests/get-tools test
	CARGO='$(CARGO)' tests/run-all --include-ignored

# The same at every run of one NETNS_FUZZ_SEED, which is printed. The hook is a script, and
# takes a hundredth of that many.
RUNS = 10000000
fuzz:
	tests/get-tools test
	NETNS_FUZZ_RUNS=$(RUNS) NETNS_FUZZ_HOOK_RUNS=$$(($(RUNS) / 100)) \
		$(TEST) --profile fuzz --lib --test dhcp fuzz -- --nocapture

bench: all
	tests/get-tools bench
	tests/as-root tests/bench/run

lint: fmt clippy
	tests/check-32-bit
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps --document-private-items

deny:
	tests/get-tools deny
	"$${TESTBED_CACHE:-/var/cache/netns-services}/cargo-deny/bin/cargo-deny" --locked --offline check licenses bans sources

fmt:
	$(CARGO) fmt --check

clippy:
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --lib --bin netns-exec --no-default-features -- -D warnings

# All that is installed: MODE:FILE:WHERE. conf.d/netns.example is documentation: in
# /etc/conf.d it would be the settings of a namespace called example.
INSTALLED = \
	755:$(STATIC)/netns-exec:$(SBINDIR)/netns-exec \
	755:$(STATIC)/netns-setup:$(SBINDIR)/netns-setup \
	644:man/netns.5:$(MANDIR)/man5/netns.5 \
	$(foreach page,$(wildcard man/*.8),644:$(page):$(MANDIR)/man8/$(notdir $(page))) \
	644:completions/netns-exec.bash:$(BASHDIR)/netns-exec \
	644:completions/_netns-exec:$(ZSHDIR)/_netns-exec \
	755:libexec/dhcp-hook:$(LIBEXECDIR)/netns-services/dhcp-hook \
	755:libexec/forwarded-port:$(LIBEXECDIR)/netns-services/forwarded-port \
	644:libexec/name-servers.sh:$(LIBEXECDIR)/netns-services/name-servers.sh \
	755:libexec/resolvconf:$(LIBEXECDIR)/netns-services/resolvconf \
	755:libexec/sshd-session:$(LIBEXECDIR)/netns-services/sshd-session \
	755:openrc/init.d/netns:$(SYSCONFDIR)/init.d/netns \
	755:openrc/init.d/netns-ipset:$(SYSCONFDIR)/init.d/netns-ipset \
	755:openrc/init.d/netns-iptables:$(SYSCONFDIR)/init.d/netns-iptables \
	755:openrc/init.d/netns-nftables:$(SYSCONFDIR)/init.d/netns-nftables \
	$(foreach file,$(wildcard libexec/openrc/*),644:$(file):$(LIBEXECDIR)/netns-services/openrc/$(notdir $(file))) \
	$(foreach file,$(wildcard openrc/rc.conf.d/*),644:$(file):$(SYSCONFDIR)/rc.conf.d/$(notdir $(file))) \
	644:openrc/user/netns.conf:$(SYSCONFDIR)/user/rc.conf.d/netns.conf \
	644:openrc/init-functions.d/60-netns:$(LSBDIR)/60-netns \
	755:runit/netns/run:$(DATADIR)/runit/netns/run \
	755:runit/netns/check:$(DATADIR)/runit/netns/check \
	755:runit/netns/finish:$(DATADIR)/runit/netns/finish \
	755:runit/netns/control/t:$(DATADIR)/runit/netns/control/t \
	644:runit/netns/service.sh:$(DATADIR)/runit/netns/service.sh \
	755:runit/daemon/run:$(DOCDIR)/runit/run \
	755:runit/firewall/run:$(DOCDIR)/runit/firewall/run \
	755:runit/firewall/finish:$(DOCDIR)/runit/firewall/finish \
	755:runit/sshd-listen/run:$(DOCDIR)/runit/sshd-listen/run \
	755:runit/forwarded-port/run:$(DOCDIR)/runit/forwarded-port/run \
	755:openrc/examples/forwarded-port:$(DOCDIR)/openrc/forwarded-port \
	755:openrc/examples/sshd-listen:$(DOCDIR)/openrc/sshd-listen \
	644:conf.d/netns.example:$(DOCDIR)/netns.example \
	644:README.md:$(DOCDIR)/README.md \
	644:CHANGELOG.md:$(DOCDIR)/CHANGELOG.md \
	644:LICENSE-APACHE:$(DOCDIR)/LICENSE-APACHE \
	644:LICENSE-MIT:$(DOCDIR)/LICENSE-MIT
# The one file that is its owner's once it is there.
SETTINGS = $(SYSCONFDIR)/conf.d/netns
FOLDERS  = $(LIBEXECDIR)/netns-services/openrc $(LIBEXECDIR)/netns-services $(DOCDIR)/runit/firewall $(DOCDIR)/runit/forwarded-port $(DOCDIR)/runit/sshd-listen $(DOCDIR)/runit $(DOCDIR)/openrc $(DOCDIR) $(DATADIR)/runit/netns/control $(DATADIR)/runit/netns $(DATADIR)/runit $(DATADIR)

# Scripts that name a folder of these name the packager's.
PATHS = -e 's,/usr/libexec/netns-services,$(LIBEXECDIR)/netns-services,g' \
	-e 's,/usr/share/netns-services,$(DATADIR),g'

install:
	@set -e; \
	for entry in $(INSTALLED); do \
		file=$${entry#*:}; file=$${file%%:*}; \
		[ -f "$$file" ] || { \
			printf '%s is not there: run make first, and not as root\n' "$$file" >&2; \
			exit 1; \
		}; \
	done; \
	for entry in $(INSTALLED); do \
		mode=$${entry%%:*}; file=$${entry#*:}; where=$$DESTDIR$${file#*:}; \
		printf '%s\n' "$$where"; \
		install -D -m "$$mode" "$${file%%:*}" "$$where"; \
		case $$file in openrc/*|runit/*|libexec/*) sed -i $(PATHS) "$$where";; esac; \
	done; \
	where=$$DESTDIR$(SETTINGS); \
	if [ ! -e "$$where" ]; then \
		printf '%s\n' "$$where"; \
		install -D -m 644 conf.d/netns "$$where"; \
	elif ! cmp -s conf.d/netns "$$where"; then \
		printf '%s is kept as it is: it is not as installed\n' "$$where"; \
	fi

uninstall:
	@for entry in $(INSTALLED); do \
		rm -f "$$DESTDIR$${entry##*:}"; \
	done; \
	where=$$DESTDIR$(SETTINGS); \
	if cmp -s conf.d/netns "$$where"; then \
		rm -f "$$where"; \
	elif [ -e "$$where" ]; then \
		printf '%s is kept: it is not as installed\n' "$$where"; \
	fi; \
	for folder in $(FOLDERS); do \
		rmdir "$$DESTDIR$$folder" 2>/dev/null || :; \
	done

.PHONY: all help demo check deny fmt clippy test test-all fuzz bench install uninstall lint
