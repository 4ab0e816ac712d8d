# netns-services: `make` builds, `make demo` shows it, `make check` and `make test` test it,
# `make install` installs what `make` built. `make help` lists all targets.
# SPDX-License-Identifier: MIT OR Apache-2.0

# Where files are installed. A packager sets these, and DESTDIR, for `make` and for `make install`:
# the programs have LIBEXECDIR in them. PREFIX is not /usr/local, because OpenRC gives init scripts
# a PATH without it, so they would not find netns-exec. SYSCONFDIR is where OpenRC and iproute2
# read their files, and cannot be changed.
PREFIX     = /usr
SYSCONFDIR = /etc
SBINDIR    = $(PREFIX)/sbin
LIBEXECDIR = $(PREFIX)/libexec
MANDIR     = $(PREFIX)/share/man
DOCDIR     = $(PREFIX)/share/doc/netns-services
BASHDIR    = $(PREFIX)/share/bash-completion/completions
ZSHDIR     = $(PREFIX)/share/zsh/site-functions
FISHDIR    = $(PREFIX)/share/fish/vendor_completions.d
DATADIR    = $(PREFIX)/share/netns-services
LSBDIR     = /lib/lsb/init-functions.d
export DESTDIR =

ifneq ($(SYSCONFDIR),/etc)
$(error SYSCONFDIR is $(SYSCONFDIR), and OpenRC reads /etc; to install into a directory, set DESTDIR)
endif

# make and RUSTFLAGS have lists of words
PATHS_TO_SET = PREFIX SBINDIR LIBEXECDIR MANDIR DOCDIR BASHDIR ZSHDIR FISHDIR DATADIR LSBDIR BUILT CURDIR
$(foreach name,$(PATHS_TO_SET),$(if $(word 2,$($(name))),$(error \
	$(name) is "$($(name))", and cannot have a blank in it; DESTDIR can)))

# What is installed: the programs with their pages, the services of OpenRC, the hook of OpenRC that
# implements netns=, and the services of runit. Packages that are split set this.
PARTS = programs openrc hook runit

# LINK=static is the default: one build runs on Debian, on Alpine and in a minimal virtual machine,
# and starts faster. LINK=dynamic is for packages of distributions that want it: position-independent
# (PIE), with the C library of TARGET. STRIP=no keeps the symbols, for tools that split them off.
# RUSTFLAGS and LDFLAGS of the environment apply to both. There is no C code for CFLAGS.
LINK  = static
STRIP = yes
CARGO = cargo
BUILT = target/$(LINK)
# Where cargo works. Two kinds of LINK in one directory would replace each other's results, and a
# packager's CARGO_TARGET_DIR would hide them.
CARGO_DIR = $(if $(filter static,$(LINK)),target,target/cargo-$(LINK))

# Static programs with musl start faster; without the musl target, the compiler's own C library is
# used. `make TARGET=...` sets another target.
HOST   = $(shell rustc -vV | sed -n 's/^host: //p')
MUSL   = $(subst -gnu,-musl,$(HOST))
STATIC_TARGET = $(if $(wildcard $(shell rustc --print sysroot)/lib/rustlib/$(MUSL)/lib/libstd-*),$(MUSL),$(HOST))
TARGET = $(if $(filter static,$(LINK)),$(STATIC_TARGET),$(HOST))

# The features of netns-setup. For a build without the allocator and its unsafe code, type
# `make FEATURES=setup`.
FEATURES = setup,allocator

# One build for each program. Built together, netns-exec would be linked with the features
# of netns-setup, which needs an async runtime. The same source gives the same bytes in each
# directory: the compiler renames this one, and the one that cargo has unpacked the crates to.
BUILD = crates=$$($(CARGO) metadata --locked --format-version 1 --filter-platform "$$target" | \
		sed -n 's,.*"manifest_path":"\([^"]*\)/clap\(-[0-9][^"/]*\)\?/Cargo.toml".*,\1,p') && [ "$$crates" ] && \
	RUSTFLAGS="$$RUSTFLAGS $(LINK_FLAGS) \
	--remap-path-prefix=$(CURDIR)=netns-services \
	--remap-path-prefix=$$crates=crates" \
	NETNS_LIBEXECDIR='$(LIBEXECDIR)' \
	$(CARGO) rustc --locked --release --target-dir $(CARGO_DIR) --target "$$target" $(if $(filter no,$(STRIP)),--config profile.release.strip=false)

# Static programs are linked at a fixed address. Each page that need not be relocated saves a page
# fault: together up to a twentieth of the time of netns-exec and of an up.
ifeq ($(LINK),static)
LINK_FLAGS = -C target-feature=+crt-static
export EXEC_FLAGS = -C relocation-model=static
else ifeq ($(LINK),dynamic)
LINK_FLAGS = -C target-feature=-crt-static
export EXEC_FLAGS = -C relocation-model=pie
else
$(error LINK is $(LINK), and can be static or dynamic)
endif
LINKER_FLAGS = $(foreach word,$(LDFLAGS),-C link-arg=$(word))

all: netns-setup netns-exec

FEATURES_OF_netns-setup = --features '$(FEATURES)'
netns-setup netns-exec:
	@target='$(TARGET)'; set -x; \
	$(BUILD) --no-default-features $(FEATURES_OF_$@) --bin $@ -- $(EXEC_FLAGS) $(LINKER_FLAGS) && \
	mkdir -p $(BUILT) && \
	install -m 755 "$(CARGO_DIR)/$$target/release/$@" $(BUILT)/ && \
	printf '%s\n' '$(LIBEXECDIR)' >$(BUILT)/libexecdir

help:
	@printf '%s\n' \
	'make            build both programs, into $(BUILT); LINK=static or dynamic' \
	'make demo       show sshd in a namespace, under a real OpenRC and a real runit; as root' \
	'make check      format, clippy and the tests that need neither root nor a network' \
	'make test       all tests, on real kernels, shells and init systems; as root' \
	'make test-all   the same, and on the newest Debian' \
	'make fuzz       parsers of untrusted text, RUNS=10000000 random texts each; as root' \
	'make bench      measure the time it takes, compared with ip(8); as root' \
	'make install    install what make built, or into DESTDIR=; as root' \
	'make uninstall  remove what make install installed' \
	'make lint       format, clippy, a check for 32-bit and the code documentation' \
	'make dist       tarballs of the source, of its crates and of what is installed' \
	'make deny       licences, sources and duplicate versions of the crates'

# Needs no root, no packages and, once the crates are there (cargo fetch --locked), no network.
# Runs `make fmt`, `make clippy`, the tests in src/, the tests that tests/run-all lists as
# NO_ROOT, and a few cases of the plan's properties. `make test` runs the tests on real kernels,
# shells and init systems, `make lint` the check for 32-bit and the code documentation.
check:
	CARGO='$(CARGO)' tests/check

# These targets install the tools that they need from the distribution's packages, and ask for
# root by sudo. Only the built programs run as root, not the compiler.
TEST = RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$(($$(nproc) * 2))} \
	$(CARGO) test --locked --no-fail-fast --config 'target."cfg(unix)".runner = "$(CURDIR)/tests/as-root"'

demo: all
	tests/get-tools demo
	tests/as-root tests/demo

test: all
	tests/get-tools test
	CARGO='$(CARGO)' tests/same-build netns-exec
	CARGO='$(CARGO)' tests/run-all

test-all: all
	tests/get-tools test
	CARGO='$(CARGO)' tests/same-build netns-setup netns-exec
	CARGO='$(CARGO)' LINK=dynamic tests/same-build netns-setup netns-exec
	CARGO='$(CARGO)' tests/run-all --include-ignored

# Runs with the same NETNS_FUZZ_SEED, which is printed, use the same texts. The hook is a
# script, so it gets only a hundredth of them.
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

# What is released: target/dist. (The paths are those of the head of this file.)
dist: all
	CARGO='$(CARGO)' packaging/dist

fmt:
	$(CARGO) fmt --check

clippy:
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --lib --bin netns-exec --no-default-features -- -D warnings

# The installed files, as MODE:FILE:WHERE. conf.d/netns.example is documentation: in
# /etc/conf.d it would be the settings of a namespace called example.
OURS = netns-services
programs = \
	755:$(BUILT)/netns-exec:$(SBINDIR)/netns-exec \
	755:$(BUILT)/netns-setup:$(SBINDIR)/netns-setup \
	644:man/netns.5:$(MANDIR)/man5/netns.5 \
	$(foreach page,$(wildcard man/*.8),644:$(page):$(MANDIR)/man8/$(notdir $(page))) \
	644:completions/netns-exec.bash:$(BASHDIR)/netns-exec \
	644:completions/_netns-exec:$(ZSHDIR)/_netns-exec \
	644:completions/netns-exec.fish:$(FISHDIR)/netns-exec.fish \
	644:completions/netns-setup.bash:$(BASHDIR)/netns-setup \
	644:completions/_netns-setup:$(ZSHDIR)/_netns-setup \
	644:completions/netns-setup.fish:$(FISHDIR)/netns-setup.fish \
	644:man/netns-setup.schema.json:$(DATADIR)/netns-setup.schema.json \
	755:libexec/dhcp-hook:$(LIBEXECDIR)/$(OURS)/dhcp-hook \
	755:libexec/forwarded-port:$(LIBEXECDIR)/$(OURS)/forwarded-port \
	644:libexec/name-servers.sh:$(LIBEXECDIR)/$(OURS)/name-servers.sh \
	755:libexec/resolvconf:$(LIBEXECDIR)/$(OURS)/resolvconf \
	755:libexec/sshd-session:$(LIBEXECDIR)/$(OURS)/sshd-session \
	644:libexec/openrc/netns-trusted.sh:$(LIBEXECDIR)/$(OURS)/openrc/netns-trusted.sh \
	644:conf.d/netns.example:$(DOCDIR)/netns.example \
	644:README.md:$(DOCDIR)/README.md \
	644:CHANGELOG.md:$(DOCDIR)/CHANGELOG.md \
	644:LICENSE-APACHE:$(DOCDIR)/LICENSE-APACHE \
	644:LICENSE-MIT:$(DOCDIR)/LICENSE-MIT
openrc = \
	755:openrc/init.d/netns:$(SYSCONFDIR)/init.d/netns \
	755:openrc/init.d/netns-ipset:$(SYSCONFDIR)/init.d/netns-ipset \
	755:openrc/init.d/netns-iptables:$(SYSCONFDIR)/init.d/netns-iptables \
	755:openrc/init.d/netns-nftables:$(SYSCONFDIR)/init.d/netns-nftables \
	$(foreach file,$(filter-out %/netns-trusted.sh,$(wildcard libexec/openrc/*)),644:$(file):$(LIBEXECDIR)/$(OURS)/openrc/$(notdir $(file))) \
	755:openrc/examples/forwarded-port:$(DOCDIR)/openrc/forwarded-port \
	755:openrc/examples/sshd-listen:$(DOCDIR)/openrc/sshd-listen
hook = \
	$(foreach file,$(wildcard openrc/rc.conf.d/*),644:$(file):$(SYSCONFDIR)/rc.conf.d/$(notdir $(file))) \
	644:openrc/user/netns.conf:$(SYSCONFDIR)/user/rc.conf.d/netns.conf \
	644:openrc/init-functions.d/60-netns:$(LSBDIR)/60-netns
runit = \
	755:runit/netns/run:$(DATADIR)/runit/netns/run \
	755:runit/netns/check:$(DATADIR)/runit/netns/check \
	755:runit/netns/finish:$(DATADIR)/runit/netns/finish \
	755:runit/netns/control/t:$(DATADIR)/runit/netns/control/t \
	644:runit/netns/service.sh:$(DATADIR)/runit/netns/service.sh \
	755:runit/daemon/run:$(DOCDIR)/runit/run \
	755:runit/firewall/run:$(DOCDIR)/runit/firewall/run \
	755:runit/firewall/finish:$(DOCDIR)/runit/firewall/finish \
	755:runit/sshd-listen/run:$(DOCDIR)/runit/sshd-listen/run \
	755:runit/forwarded-port/run:$(DOCDIR)/runit/forwarded-port/run
INSTALLED = $(foreach part,$(PARTS),$($(part)))
# This file is kept if its owner has edited it. It is one of the programs' part.
SETTINGS = $(if $(filter programs,$(PARTS)),$(SYSCONFDIR)/conf.d/netns)
DIRECTORIES = $(LIBEXECDIR)/$(OURS)/openrc $(LIBEXECDIR)/$(OURS) $(DOCDIR)/runit/firewall $(DOCDIR)/runit/forwarded-port $(DOCDIR)/runit/sshd-listen $(DOCDIR)/runit $(DOCDIR)/openrc $(DOCDIR) $(DATADIR)/runit/netns/control $(DATADIR)/runit/netns $(DATADIR)/runit $(DATADIR)

# The paths in all installed texts become the packager's.
PATHS = -e 's,/usr/libexec/netns-services,$(LIBEXECDIR)/$(OURS),g' \
	-e 's,/usr/share/doc/netns-services,$(DOCDIR),g' \
	-e 's,/usr/share/netns-services,$(DATADIR),g'

install:
	@set -e; \
	for entry in $(INSTALLED); do \
		file=$${entry#*:}; file=$${file%%:*}; \
		[ -f "$$file" ] || { \
			printf '%s is missing: run make first, not as root\n' "$$file" >&2; \
			exit 1; \
		}; \
	done; \
	[ "$$(cat $(BUILT)/libexecdir)" = '$(LIBEXECDIR)' ] || { \
		printf '%s was built for other paths: type make LIBEXECDIR=%s\n' $(BUILT) '$(LIBEXECDIR)' >&2; \
		exit 1; \
	}; \
	for entry in $(INSTALLED); do \
		mode=$${entry%%:*}; file=$${entry#*:}; where=$$DESTDIR$${file#*:}; \
		printf '%s\n' "$$where"; \
		install -D -m "$$mode" "$${file%%:*}" "$$where"; \
		case $$file in $(BUILT)/*) ;; *) sed -i $(PATHS) "$$where";; esac; \
	done; \
	[ "$(SETTINGS)" ] || exit 0; \
	where=$$DESTDIR$(SETTINGS); \
	if [ ! -e "$$where" ]; then \
		printf '%s\n' "$$where"; \
		install -D -m 644 conf.d/netns "$$where"; \
	elif ! cmp -s conf.d/netns "$$where"; then \
		printf '%s is kept, because it was edited\n' "$$where"; \
	fi

uninstall:
	@for entry in $(INSTALLED); do \
		rm -f "$$DESTDIR$${entry##*:}"; \
	done; \
	where=$$DESTDIR$(SETTINGS); \
	if [ ! "$(SETTINGS)" ]; then :; \
	elif cmp -s conf.d/netns "$$where"; then \
		rm -f "$$where"; \
	elif [ -e "$$where" ]; then \
		printf '%s is kept, because it was edited\n' "$$where"; \
	fi; \
	for directory in $(DIRECTORIES); do \
		rmdir "$$DESTDIR$$directory" 2>/dev/null || :; \
	done; \
	[ "$(filter hook,$(PARTS))" ] || exit 0; \
	grep -lsE '^[[:space:]]*netns=.*[A-Za-z0-9]' "$$DESTDIR$(SYSCONFDIR)"/conf.d/* | while read -r file; do \
		printf '%s has a netns=: OpenRC now starts this service on the host\n' "$${file#"$$DESTDIR"}"; \
	done

.PHONY: all netns-setup netns-exec help dist demo check deny fmt clippy test test-all fuzz bench install uninstall lint
