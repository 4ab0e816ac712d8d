# Copyright 2026 Gentoo Authors
# Distributed under the terms of the GNU General Public License v2

EAPI=8

RUST_MIN_VER="1.88.0"
inherit cargo toolchain-funcs

DESCRIPTION="Run OpenRC and runit services inside named Linux network namespaces"
HOMEPAGE="https://OWNER.EXAMPLE.INVALID/netns-services"
SRC_URI="
	https://OWNER.EXAMPLE.INVALID/${P}.tar.gz
	https://OWNER.EXAMPLE.INVALID/${P}-crates.tar.gz
"

LICENSE="|| ( MIT Apache-2.0 )"
# Licences of the crates
LICENSE+=" Apache-2.0 MIT Unicode-3.0"
SLOT="0"
KEYWORDS="~amd64"
IUSE="+openrc runit"

# The crates are unpacked beside the source, with a .cargo/config.toml that names them
src_unpack() {
	default
}

src_configure() {
	default
}

src_compile() {
	tc-export CC
	# (Gentoo's LDFLAGS are for ${CC}, which links)
	emake LINK=dynamic STRIP=no TARGET="$(rust_abi)" CARGO="${CARGO:-cargo}"
}

src_test() {
	emake check CARGO="${CARGO:-cargo}"
}

src_install() {
	emake install LINK=dynamic DESTDIR="${D}" DOCDIR="${EPREFIX}/usr/share/doc/${PF}" \
		PARTS="programs $(usev openrc 'openrc hook') $(usev runit)"
}

# (An upgrade removes the old version when the new one is installed)
pkg_postrm() {
	[[ -z ${REPLACED_BY_VERSION} && ! -e ${EROOT}/etc/rc.conf.d/netns.conf ]] || return 0
	local file
	grep -lsE '^[[:space:]]*netns=.*[A-Za-z0-9]' "${EROOT}"/etc/conf.d/* | while read -r file; do
		ewarn "${file} has a netns=: OpenRC now starts this service on the host"
	done
}
