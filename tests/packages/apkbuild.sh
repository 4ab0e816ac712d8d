#!/bin/sh
# Alpine's recipe, run by busybox ash on Alpine as abuild runs it: the packages have together the
# files of make install, each in the package that abuild's own checks expect, and do the main job.
# There is no Rust in this root: the programs are those that make has built.
# shellcheck source=tests/packages/lib.sh
. /t/lib.sh

mkdir /build /built /packed
cp /programs/* /built/
tar -xzf "$(echo /dist/netns-services-*.tar.gz)" -C /build
cd /build/netns-services-* || exit
# (make says that there is no rustc)
busybox ash tests/packages/recipe.sh packaging/alpine/APKBUILD /packed /built >/tmp/packages 2>/tmp/said ||
	fail "$(cat /tmp/said)"

make install DESTDIR=/plain BUILT=/built >/dev/null 2>&1 || fail "make install"
(cd /plain && find . -type f) | sed 's,^\./,,' | grep -v '^lib/lsb/' | sort >/tmp/plain
sed 's,^[^ ]* ,,; s,\.gz$,,' /tmp/packages | sort >/tmp/packed
is "what the packages have and make install has not, or the reverse" "$(diff /tmp/plain /tmp/packed)" ""
# only PACKAGE FOLDER - abuild's postcheck warns of such files in any other package
only()
{
	is "what has $2, but is not $1" "$(grep " $2/" /tmp/packages | grep -v "^netns-services-$1 ")" ""
}
only doc usr/share/doc
only doc usr/share/man
only openrc etc/init.d
only bash-completion usr/share/bash-completion
only zsh-completion usr/share/zsh
only fish-completion usr/share/fish

copy_to_root /packed
settings_by_dhcp
openrc_does_the_job

# Removed: the packages say which services start on the host now
for words in "sh packaging/alpine/netns-services-openrc.post-deinstall" "sh -c '. packaging/artix/netns-services-openrc.install; post_remove'"; do
	run 0 sh -c "$words"
	says "/etc/conf.d/inside has a netns=: OpenRC now starts this service on the host"
done
