#!/bin/bash
# recipe.sh RECIPE DESTINATION BUILT - run the functions of a recipe in packaging/, in the order in
# which the tool of its distribution does, with stand-ins for that tool's own functions. What would
# be compiled is in BUILT; what is installed goes to DESTINATION, also if the package is split. The
# tests that check() would run are those that call this.
set -eu
recipe=$1 destination=$2 built=$3
root=$PWD

# make [-C DIRECTORY] [install | check] WORD... - a build only says for which path it is
make()
{
	[ "${1-}" != -C ] || shift 2
	local word verb=all
	local -a words=()
	for word; do
		case $word in
		install | check) verb=$word ;;
		*) words+=("$word") ;;
		esac
	done
	case $verb in
	install) command make -C "$root" install "${words[@]}" BUILT="$built" ;;
	check) command make -C "$root" --dry-run check "${words[@]}" ;;
	all)
		command make -C "$root" --dry-run all "${words[@]}" |
			sed -n "s/.*NETNS_LIBEXECDIR='\([^']*\)'.*/\1/p" | head -n 1 >"$built/libexecdir"
		;;
	esac
}

cargo() { :; }
default() { :; }
default_prepare() { :; }
inherit() { :; }
tc-export() { :; }
rust_abi() { echo x86_64-unknown-linux-gnu; }
usev() { echo "${2-$1}"; }
emake() { make "$@"; }
vlicense() { install -D -m 644 -t "$destination/usr/share/licenses/netns-services" "$1"; }

# shellcheck disable=SC2034  # the recipes use them
case $recipe in
*/APKBUILD)
	pkgdir=$destination subpkgdir=$destination builddir=$root
	functions='prepare build check package openrc runit'
	;;
*/template)
	DESTDIR=$destination
	functions='do_build do_check do_install'
	;;
*.ebuild)
	D=$destination EPREFIX='' P=netns-services-0 PF=netns-services-0-r1
	functions='src_unpack src_configure src_compile src_test src_install'
	;;
*/PKGBUILD)
	pkgdir=$destination
	functions='build check package_netns-services package_netns-services-openrc package_netns-services-runit'
	;;
esac
# shellcheck source=/dev/null
. "$recipe"
# The directory that a tarball is unpacked to
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ln -s "$root" "$work/netns-services-${pkgver-0}"
for function in $functions; do
	case $recipe in
	*/PKGBUILD) cd "$work" ;;
	esac
	"$function"
done
