#!/bin/sh
# in_other_surroundings.sh TESTBED FOLDER - build the suite's root directory twice in
# FOLDER: on a machine that has little more than the tools for it, after builds that were
# killed; and on a machine that has all the files of the root with other contents. Umask,
# language, environment, working directory and the modes of the checkout differ, too.
# Exits with an error if the two roots differ.
# SPDX-License-Identifier: MIT OR Apache-2.0
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

# The programs that building a root directory needs
TOOLS="apt-get|awk|basename|bash|cat|chmod|chown|chroot|cp|dash|dirname|dpkg|dpkg-deb|env|find|flock|\
gawk|gpgv|grep|gzip|head|id|ln|mawk|mkdir|mount|mv|python3|python3.[0-9]+|readlink|rm|sed|\
sh|sha256sum|sort|sqv|sync|tar|timeout|touch|umount|uname|unshare|xargs|xz|zstd"

# paths_of ROOT - print where it has programs and where its absolute links point to,
# except for what a machine that builds root directories needs itself
paths_of()
{
	{
		(cd "$1" && find usr/bin/ usr/sbin/ judge/ ! -type d -printf '/%p\n') |
			sed 's,^/judge/\(.*\),/usr/sbin/\1\n/usr/bin/\1,'
		find "$1" -type l -lname '/*' -printf '%l\n'
	} | grep -E '^/(usr/s?bin|s?bin|usr/share|etc)/' | sort -u |
		grep -vE "/($TOOLS)$"
}

# inside bare|full COMMAND... - run it in a mount namespace of its own
inside()
{
	machine=$1
	shift
	mount -t tmpfs tmpfs /mnt
	for over in usr etc; do
		mkdir -p /mnt/$over/upper /mnt/$over/work
		mount -t overlay -o "lowerdir=/$over,upperdir=/mnt/$over/upper,workdir=/mnt/$over/work" overlay /$over
	done
	while read -r path; do
		[ ! -d "$path" ] || continue
		rm -f "$path"
		[ "$machine" = bare ] || { mkdir -p "${path%/*}" && echo "another" >"$path"; }
	done
	exec "$@"
}

if [ "$1" = --inside ]; then
	shift
	inside "$@" <"$PATHS"
fi

script=$(readlink -f "$0")
testbed=$1
folder=$2
cache=${TESTBED_CACHE:-/var/cache/netns-services}

# made_by MACHINE - build with the checkout there; print the path
made_by()
{
	TESTBED_CACHE=$folder/$1 unshare --mount "$script" --inside "$1" "$folder/$1/testbed/make-root"
}

# killed_after SECONDS MACHINE - build, and kill it with all its processes
killed_after()
{
	status=0
	TESTBED_CACHE=$folder/$2 timeout -s KILL "$1" unshare --mount --pid --fork --kill-child \
		"$script" --inside "$2" "$folder/$2/testbed/make-root" || status=$?
	[ $status = 137 ] || [ $status = 0 ] || { echo "it ended with $status within $1 s"; exit 1; }
}

"$testbed/make-root" >"$folder/own"
export PATHS="$folder/paths"
paths_of "$(cat "$folder/own")" >"$PATHS"
for machine in bare full; do
	mkdir -p "$folder/$machine"
	ln -s "$cache/apt" "$cache/pypi" "$folder/$machine/"
	cp -R "$testbed" "$folder/$machine/testbed"
done
chmod -R go= "$folder/bare/testbed"
chown -R 1000:1000 "$folder/bare/testbed"
chmod -R g+w "$folder/full/testbed"

cd /
for seconds in 0.5 1.5 3; do
	killed_after $seconds bare
done
(umask 077 && LANG=C made_by bare >"$folder/bare/made") &
cd /tmp
export LC_ALL=tr_TR.UTF-8 LANG=de_DE.UTF-8 TZ=Asia/Tokyo POSIXLY_CORRECT=1 CDPATH=/ \
	TAR_OPTIONS='--exclude=*init*' GREP_OPTIONS=-v GLOBIGNORE='*' XZ_OPT=-0
umask 002
made_by full >"$folder/full/made"
wait $!

# manifest MACHINE - print names, types, modes, owners, links and contents, without times
manifest()
(
	unset POSIXLY_CORRECT
	export LC_ALL=C
	cd "$(cat "$folder/$1/made")"
	echo "${PWD##*/}"
	find . \( -type l -printf '%P %y %U:%G %l\n' -o -printf '%P %y %m %U:%G\n' \) | sort
	find . -type f -print0 | sort -z | xargs -0 sha256sum
	find "$folder/$1" -mindepth 1 -maxdepth 1 -name 'root-*' -printf '%f\n' | sort
)
for machine in bare full; do
	manifest $machine >"$folder/$machine/manifest"
done
diff -U 0 "$folder/bare/manifest" "$folder/full/manifest"
grep -c . "$folder/bare/manifest"
