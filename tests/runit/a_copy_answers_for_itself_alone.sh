#!/bin/sh
# The service of a namespace is a copy of the template, in the directories of any distribution.
# A command that sv gives to one copy is never executed by another, whatever was linked or
# copied.
# shellcheck source=tests/runit/lib.sh
. /t/lib.sh
model=/usr/share/netns-services/runit/netns

# named SUFFIX... - write settings for a namespace of each name
named()
{
	for name; do
		printf 'netns_links="br0"\ntype_br0="bridge"\n' >"/etc/conf.d/netns.$name"
	done
}

# instance NAME - make a copy as README says, and on Void as packaging/void/INSTALL.msg says
instance()
{
	cp -R $model "$folder/netns-$1"
	[ "$of" != void ] || ln -s "/run/runit/supervise.netns-$1" "$folder/netns-$1/supervise"
	ln -s "$folder/netns-$1" "$active/"
}

# layout ACTIVE FOLDER - make a distribution's directories of running and of all services
layout()
{
	active=$1 folder=$2
	mkdir -p "$folder"
	export SVDIR="$active"
}

begin()
{
	runsvdir -P "$active" >>/tmp/log 2>&1 &
	runsvdir=$!
}

end()
{
	kill -HUP "$runsvdir"
	eventually "runit has ended" is_gone runsv
	for name in a b c; do
		netns-setup down $name
	done
	rm -rf "${active:?}"/* "$folder"/netns-*
}

birth() { cat "/run/netns-services/$1/ready"; }
is_there() { [ -e "/run/netns-services/$1/ready" ]; }
is_away() { [ ! -e "/run/netns/$1" ]; }
is_supervised() { [ -p "$active/$1/supervise/ok" ]; }
told() { grep -qF -e "$1" /tmp/log; }
named a b c
# (A template that runsv can write to)
mkdir /run/rw
cp -R $model /run/rw/

# Debian, Void and Artix: two copies, each independent of the other
for of in debian void artix; do
	printf '== %s\n' $of
	case $of in
	debian)
		rm -rf /etc/service
		mkdir -p /etc/runit/runsvdir/default
		ln -s /etc/runit/runsvdir/default /etc/service
		layout /etc/service /etc/sv
		;;
	void)
		mkdir -p /run/runit/runsvdir
		ln -s /etc/runit/runsvdir/default /run/runit/runsvdir/current
		ln -sfn /run/runit/runsvdir/current /var/service
		layout /var/service /etc/sv
		;;
	artix)
		mv /etc/sv /etc/sv.other
		mkdir -p /run/runit/service
		layout /run/runit/service /etc/runit/sv
		;;
	esac
	instance a
	instance b
	[ "$of" != artix ] || ln -s /run/rw/netns "$active/netns-c"
	begin
	eventually "a is made" is_there a
	eventually "b is made" is_there b
	before=$(birth a)
	run 0 sv check netns-a netns-b
	run 0 sv down netns-b
	eventually "b is taken down" is_away b
	is "a" "$(birth a)" "$before"
	[ "$of" = artix ] || end
done

# The template itself is linked: the message says what to type, and that works.
eventually "it is told" told "netns: /run/rw/netns belongs to no namespace: its name is not netns-NAME"
eventually "it is not tried again" is_in down netns-c
is_away netns || fail "something was made"
remedy="rm $active/netns-c; cp -R $model $folder/netns-c; ln -s $folder/netns-c $active/"
told "netns: $remedy" || fail "it does not say what to type"
run 0 sh -c "$remedy"
eventually "c is made" is_there c

# A copied symlink supervise, as in Void's packages: commands for b are read by a. Each
# command is sent, and nothing happens to a.
end
printf '== a copied supervise\n'
mkdir -p "$folder/netns-a" /run/runit
cp -R $model/. "$folder/netns-a"
ln -s /run/runit/supervise.netns-a "$folder/netns-a/supervise"
ln -s "$folder/netns-a" "$active/"
begin
eventually "a is made" is_there a
before=$(birth a)
run 0 sv restart netns-a
is_another() { is_there a && [ "$(birth a)" != "$before" ]; }
eventually "alone, it may be restarted" is_another
cp -R "$folder/netns-a" "$folder/netns-b"
ln -s "$folder/netns-b" "$active/"
refused sh -c "cd $active && exec runsv netns-b"
before=$(birth a)
stays()
{
	is_there a || fail "a is gone"
	is "a" "$(birth a)" "$before"
	is_away b || fail "b is there"
}
for word in down restart force-stop kill; do
	: >/tmp/log
	sv -w 1 $word netns-b
	case $word in
	kill) eventually "kill: it runs again" sv check netns-a ;;
	*) eventually "$word: it is told" told "netns-a: $folder/netns-a/supervise also belongs to $folder/netns-b" ;;
	esac
	stays
done
eventually "a is up" sv check netns-a
refused sv -w 2 start netns-b
says "netns-b: $folder/netns-b/supervise also belongs to $folder/netns-a: sv cannot tell the two services apart"
says "cp -R $model"
is "how often it is said" "$(grep -c 'sv cannot tell' /tmp/said)" 1
stays
: >/tmp/log
sv exit netns-b
# The copy whose runsv was first has the lock then; the one that ended took nothing down
eventually "one of the two runs again" told "/supervise also belongs to $folder/netns-"
is_there a || fail "a is gone"
is "a" "$(birth a)" "$before"
