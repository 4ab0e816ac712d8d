# shellcheck shell=bash
# common.sh - shared by the test-bed's scripts; sourced, never run.
#
# All that is kept between runs lies under $TESTBED_CACHE:
#   apt/SUITE/          a private apt state: package lists and downloaded packages
#   pypi/               the wheel that holds Alpine
#   root-SUITE-*/       an unpacked OpenRC and runit userland    (make-root)
#   qemu-SUITE-*/       an unpacked QEMU                         (make-qemu)
#   kernel-SUITE-*/     an unpacked kernel and its modules       (make-vm)
#   initramfs-SUITE-*/  the root and the first modules, packed   (make-vm)
# Packages are downloaded and unpacked, not installed: no maintainer script runs,
# and nothing on the machine itself is added, upgraded, removed or triggered.

shopt -s inherit_errexit

# The result does not depend on the caller: of the environment, only the variables for
# directories and the network are used, and never the umask.
umask 022
for variable in $(compgen -e); do
	case $variable in
	PATH | HOME | TERM | TMPDIR | TESTBED_* | XDG_* | APT_CONFIG | PIP_* | SSL_* | *_CA_BUNDLE | *_[Pp][Rr][Oo][Xx][Yy]) ;;
	*) unset "$variable" 2>/dev/null || : ;;   # (some are bash's own)
	esac
done
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C TZ=UTC0

TESTBED_CACHE=$(readlink -m "${TESTBED_CACHE:-/var/cache/netns-services}")
TESTBED_SUITE=${TESTBED_SUITE:-trixie}
# where packages come from: what Alpine lacks comes from Debian
DEBIAN_SUITE=${TESTBED_SUITE/alpine/trixie}
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
# shellcheck disable=SC2034  # for the scripts that source this
HERE=$(dirname "$(readlink -f "$0")")

die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 125; }

# note TEXT... - tell a person at a terminal what takes time
note() { [ ! -t 2 ] || printf '%s: %s\n' "${0##*/}" "$*" >&2; }

[ "$(id -u)" = 0 ] || die "must be root, to make mount and network namespaces"
[ "$(uname -m)" = x86_64 ] || die "this machine is $(uname -m), and the test-bed is made for x86_64 alone"
for program in apt-get dpkg-deb flock unshare timeout tar sha256sum; do
	command -v "$program" >/dev/null ||
		die "no $program on this machine: the test-bed needs a Debian or a relative of it"
done

# cached NAME BUILDER INPUT... - print the path of the directory that BUILDER makes of the
# INPUTs with these scripts, and make it first if it does not exist. The results of other
# inputs stay beside it, for processes that run in them, until they have not been used for
# a week. A complete directory has a file .made, which lists the packages in it.
cached() {
	local name=$1 builder=$2 hash dir; shift
	hash=$({ cat "$HERE/common.sh" "$0"; printf '%s\n' "$@"; } | sha256sum)
	dir=$TESTBED_CACHE/$name-${hash:0:12}; shift
	if [ ! -e "$dir/.made" ]; then
		mkdir -p "$TESTBED_CACHE"
		exec 9>"$TESTBED_CACHE/$name.lock"
		flock 9   # several may find it missing at once
		if [ ! -e "$dir/.made" ]; then
			note "making $dir"
			remove_old "$name"
			make_whole "$dir" "$builder" "$@" >&2
		fi
		exec 9>&-
	fi
	touch "$dir/.made"
	printf '%s\n' "$dir"
}

# remove_old NAME - remove the directories of NAME that were not used for a week, and
# incomplete ones, whose build or removal was interrupted: while we hold the lock, no
# other process uses them.
remove_old() {
	local dir
	for dir in "$TESTBED_CACHE/$1"-*; do
		[ -d "$dir" ] || continue
		[ -n "$(find "$dir/.made" -mtime -7 2>/dev/null)" ] || remove "$dir"
	done
}

# remove DIR - remove the mark that it is complete first
remove() {
	rm -f "$1/.made"
	rm -rf "$1"
}

# make_whole DIR BUILDER INPUT... - DIR appears only when all of it is on the disk
make_whole() {
	local dir=$1; shift
	mkdir "$dir.new"
	BUILD=$dir.new   # for unpack_debs
	: >"$BUILD/.packages"
	(cd "$BUILD" && "$@")   # (last in its list, for set -e to be in force in the builder)
	sort -u -o "$BUILD/.packages" "$BUILD/.packages"
	sync -f "$BUILD"
	mv "$BUILD/.packages" "$BUILD/.made"
	mv -T "$BUILD" "$dir"
}

# is_there FILE - whether it exists in a tree for another root directory: an absolute link
# in it points outside the tree, so its target does not count.
is_there() {
	[ -e "$1" ] || [ -L "$1" ]
}

# mirrors - print the mirrors that may have Debian's suites: the one that the user named,
# or those in this machine's own apt sources that have a suite of Debian
mirrors() {
	if [ -n "${TESTBED_MIRROR-}" ]; then
		printf '%s\n' "$TESTBED_MIRROR"
		return
	fi
	apt-get update --print-uris 2>/dev/null | sed -n \
		"s#^'\([^']*\)/dists/\(bullseye\|bookworm\|trixie\|forky\|sid\|stable\|testing\|unstable\)/InRelease'.*#\1#p" |
		awk '!seen[$0]++'
}

# new_lists - download the suite's package lists from the first mirror that has the suite
# with Debian's own signature
new_lists() {
	local dir=$TESTBED_CACHE/apt/$DEBIAN_SUITE mirror tried=
	[ -e "$KEYRING" ] || die "no $KEYRING on this machine: apt-get install debian-archive-keyring"
	mkdir -p "$dir/lists/partial" "$dir/archives/partial"
	: >"$dir/status"
	for mirror in $(mirrors); do
		note "reading the package lists of $DEBIAN_SUITE from $mirror"
		echo "deb [signed-by=$KEYRING] $mirror $DEBIAN_SUITE main" >"$dir/sources.list"
		! suite_apt apt-get update --error-on=any >"$dir/update.log" 2>&1 || return 0
		tried+=" $mirror"
	done
	[ -n "$tried" ] || die "none of this machine's apt sources is Debian's: set" \
		"TESTBED_MIRROR to the address of a Debian mirror (what stands before /dists)"
	cat "$dir/update.log" >&2
	die "cannot read the package lists of $DEBIAN_SUITE from:$tried"
}

# suite_apt PROGRAM ARG... - run apt-get with a private state for the suite. Its dpkg
# status is empty, so that a plan lists everything that PACKAGEs need.
suite_apt() {
	local program=$1 dir=$TESTBED_CACHE/apt/$DEBIAN_SUITE; shift
	"$program" -qq \
		-o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
		-o APT::Default-Release= -o APT::Solver=internal -o APT::Install-Suggests=false \
		-o Dir::State="$dir" -o Dir::State::status="$dir/status" \
		-o Dir::State::lists="$dir/lists" \
		-o Dir::Cache="$dir" -o Dir::Cache::archives="$dir/archives" \
		-o APT::Architecture=amd64 -o APT::Architectures=amd64 \
		-o APT::Sandbox::User=root -o APT::Install-Recommends=false \
		-o Acquire::Languages=none -o Acquire::Retries=3 \
		-o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
		"$@"
}

# fetch_debs PATTERN PACKAGE... - download PACKAGEs and their dependencies whose names
# match PATTERN (awk's); print the paths of the files. The package lists are downloaded
# again only if they are missing or name packages that the mirror no longer has.
fetch_debs() {
	mkdir -p "$TESTBED_CACHE/apt"
	(
		flock 8   # apt's own locks would refuse, not wait
		fetch_debs_alone "$@"
	) 8>"$TESTBED_CACHE/apt/$DEBIAN_SUITE.lock"
}

fetch_debs_alone() {
	local pattern=$1 dir=$TESTBED_CACHE/apt/$DEBIAN_SUITE plan name version file try; shift
	for try in have-lists new-lists; do
		if [ $try = new-lists ] || ! compgen -G "$dir/lists/*_Packages*" >/dev/null; then
			new_lists
		fi
		plan=$(suite_apt apt-get install -s "$@" | awk -v pattern="$pattern" \
			'$1 == "Inst" && $2 ~ pattern { sub(/^\(/, "", $3); print $2, $3 }') || continue
		local files=() missing=()
		while read -r name version; do
			# (in a file's name, an epoch's colon is %3a)
			if file=$(compgen -G "$dir/archives/${name%%:*}_${version/:/%3a}_*.deb"); then
				files+=("$file")
			else
				missing+=("$name=$version")
			fi
		done <<<"$plan"
		if [ ${#missing[@]} = 0 ]; then
			printf '%s\n' "${files[@]}" | sort   # apt's order is its own
			return
		fi
		note "downloading ${#missing[@]} packages of $DEBIAN_SUITE"
		# apt writes directly to the final name
		rm -rf "$dir/archives/new"
		mkdir "$dir/archives/new"
		if (cd "$dir/archives/new" && suite_apt apt-get download "${missing[@]}" >&2); then
			mv "$dir/archives/new"/*.deb "$dir/archives/"
			fetch_debs_alone "$pattern" "$@"
			return
		fi
	done
	die "cannot download $* ($DEBIAN_SUITE)"
}

# unpack_debs DEB... - unpack them into the current directory, which gets the merged /usr
# layout, without documentation and similar files.
unpack_debs() {
	local dir deb
	for dir in bin sbin lib lib64; do
		mkdir -p "usr/$dir"
		is_there "$dir" || ln -s "usr/$dir" "$dir"
	done
	for deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink \
			--exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' \
			--exclude='./usr/share/info/*' --exclude='./usr/share/locale/*' \
			--exclude='./usr/share/lintian/*' --exclude='./usr/share/bug/*' \
			--exclude='./usr/share/perl*' --exclude='./usr/lib/*/perl*' \
			--exclude='./usr/lib/*/gconv/*' --exclude='./usr/share/zoneinfo/*' \
			--exclude='./usr/share/bash-completion/*' --exclude='./usr/share/zsh/*' ||
			die "cannot unpack $deb"
		printf '%s\n' "${deb##*/}" >>"$BUILD/.packages"
	done
}

# run_from TREE PROGRAM[:NAME] ARG... - run a program of an unpacked tree with the tree's
# own libraries, on this machine's files; under NAME, for a program with several names
# (links to it can be absolute, and so point outside the tree).
run_from() {
	local tree=$1 program=${2%:*} name=${2#*:}; shift 2
	"$tree/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" --library-path "$tree/usr/lib/x86_64-linux-gnu" \
		--argv0 "$name" "$tree/usr/bin/$program" "$@"
}

# add_bind ro|rw SRC:DST - an option -b or -B of enter-root or run-vm: append to the
# array binds (access, source, target).
binds=()
add_bind() {
	local source=${2%%:*} target=${2#*:}
	[[ $2 = *:/* && $target != *[[:space:]]* ]] || die "$2: not SRC:/DST"
	source=$(readlink -e "$source") || die "no such file: ${2%%:*}"
	binds+=("$1" "$source" "$target")
}
