#!/bin/sh
# As wireguard_quick.sh, with every file of tests/vm/quick.
all=20
# shellcheck source=tests/vm/wireguard_quick.sh
. /t/wireguard_quick.sh
