#!/bin/bash
# shellcheck disable=SC3043  # busybox ash and bash have local
# recipe.sh RECIPE DESTINATION BUILT - run the functions of a recipe in packaging/, in the order in
# which the tool of its distribution does, with stand-ins for that tool's own functions. What would
# be compiled is in BUILT; what is installed goes to DESTINATION, also if the package is split. For
# an APKBUILD, print PACKAGE FILE for each file. The tests that check() would run are those that
# call this. An APKBUILD is run by busybox ash, as by Alpine's abuild, or by bash.
set -eu
recipe=$1 destination=$2 built=$3
root=$PWD

# make [-C DIRECTORY] [install | check] WORD... - a build only says for which path it is
make()
{
	[ "${1-}" != -C ] || shift 2
	local verb=all count=$#
	while [ "$count" -gt 0 ]; do
		case $1 in
		install | check) verb=$1 ;;
		*) set -- "$@" "$1" ;;
		esac
		shift
		count=$((count - 1))
	done
	case $verb in
	install) command make -C "$root" install "$@" BUILT="$built" >/dev/null ;;
	check) command make -C "$root" --dry-run check "$@" >/dev/null ;;
	all)
		command make -C "$root" --dry-run all "$@" |
			sed -n "s/.*NETNS_LIBEXECDIR='\([^']*\)'.*/\1/p" | head -n 1 >"$built/libexecdir"
		;;
	esac
}

cargo() { :; }
default() { :; }
default_prepare() { :; }
inherit() { :; }
usev() { echo "${2-$1}"; }
emake() { make "$@"; }
vlicense() { install -D -m 644 -t "$destination/usr/share/licenses/netns-services" "$1"; }

# The directory that a tarball is unpacked to
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Of abuild: amove(), the names of the functions that split a package, and those that it has
amove()
{
	local file
	for file; do
		mkdir -p "$subpkgdir/${file%/*}"
		# shellcheck disable=SC2086  # a pattern
		(cd "$pkgdir" && mv $file "$subpkgdir/${file%/*}/")
		(cd "$pkgdir" && rmdir -p "${file%/*}") 2>/dev/null || :
	done
}

doc()
{
	amove usr/share/doc usr/share/man
	gzip -9n "$subpkgdir"/usr/share/man/*/*
}
bashcomp() { amove usr/share/bash-completion/completions; }
zshcomp() { amove usr/share/zsh/site-functions; }
fishcomp() { amove usr/share/fish/vendor_completions.d; }

# run_split NAME[:FUNCTION[:ARCH]] - the function has the last word of the name
run_split()
{
	case ${1%%:*} in
	*-bash-completion) bashcomp ;;
	*-zsh-completion) zshcomp ;;
	*-fish-completion) fishcomp ;;
	*)
		set -- "${1%%:*}"
		"${1##*-}"
		;;
	esac
}

# split PACKAGE... - as abuild does it, in the order of subpackages=
split()
{
	local package
	# shellcheck disable=SC2154  # the recipe sets it
	set -- "$pkgname" "$@"
	for package; do
		[ "$package" != "$pkgname" ] || continue
		subpkgname=${package%%:*}
		subpkgdir=$work/$subpkgname
		mkdir -p "$subpkgdir"
		(run_split "$package")
	done
	for package; do
		package=${package%%:*}
		(cd "$work/$package" && find . -type f) | sed 's,^\./,,' | sort | while read -r file; do
			printf '%s %s\n' "$package" "$file"
			[ ! -e "$destination/$file" ] || { printf '%s: %s is in another one, too\n' "$package" "$file" >&2; exit 1; }
			mkdir -p "$destination/${file%/*}"
			cp -p "$work/$package/$file" "$destination/$file"
		done
	done
}

# shellcheck disable=SC2034  # the recipes use them
case $recipe in
*/APKBUILD)
	pkgdir=$work/netns-services builddir=$root
	functions='prepare build check package'
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
case $recipe in
*.ebuild) eval 'tc-export() { :; }; rust_abi() { echo x86_64-unknown-linux-gnu; }' ;;
esac
# shellcheck source=/dev/null
. "$recipe"
ln -s "$root" "$work/netns-services-${pkgver-0}"
for function in $functions; do
	case $recipe in
	*/PKGBUILD) cd "$work" ;;
	esac
	"$function"
done
# shellcheck disable=SC2086,SC2154  # a list of words, of the recipe
[ "${recipe##*/}" != APKBUILD ] || split $subpackages
