# shellcheck shell=sh
# What `netns-setup up mgmt` of commit 8182a22 printed, after its first line, which made the namespace.
# Sourced by ../older_state.sh.
nft 'add table inet netns_mgmt; delete table inet netns_mgmt; table inet netns_mgmt { chain loopback { type filter hook prerouting priority -300; iifname "mgmt-ve0" ip saddr 127.0.0.0/8 drop; iifname "mgmt-ve0" ip daddr 127.0.0.0/8 drop; }; chain prerouting { type nat hook prerouting priority -100; meta nfproto ipv4 fib daddr type local tcp dport 8080 dnat ip to 10.8.0.2:80; }; chain output { type nat hook output priority -100; meta nfproto ipv4 fib daddr type local tcp dport 8080 dnat ip to 10.8.0.2:80; }; chain forward { type filter hook forward priority 0; iifname "mgmt-ve0" ct state established,related accept; oifname "mgmt-ve0" ct state established,related accept; oifname "mgmt-ve0" ct status dnat accept; iifname "mgmt-ve0" ct status dnat accept; iifname "mgmt-ve0" drop; oifname "mgmt-ve0" drop; }; chain postrouting { type nat hook postrouting priority 100; oifname "mgmt-ve0" ct status dnat fib saddr type local masquerade; iifname "mgmt-ve0" oifname "mgmt-ve0" ct status dnat masquerade; }; }'
ip netns exec mgmt sysctl -w net.ipv4.ip_forward=1
ip link set eth1 netns mgmt
ip link add name mgmt-ve0 type veth peer name ve0 netns mgmt
ip -n mgmt link add name br0 type bridge
ip -n mgmt link set eth1 mtu 1400
sysctl -w net.ipv4.conf.mgmt-ve0.forwarding=1
sysctl -w net.ipv4.conf.mgmt-ve0.route_localnet=1
ip netns exec mgmt nft -f /etc/netns/mgmt/nftables.nft
ip -n mgmt link set lo up
ip -n mgmt link set eth1 up
ip -n mgmt link set ve0 up
ip link set mgmt-ve0 up
ip -n mgmt link set br0 up
ip -n mgmt address add 192.0.2.10/24 dev eth1
ip -n mgmt address add 2001:db8:10::10/64 dev eth1
ip -n mgmt address add 10.8.0.2/24 dev ve0
ip address add 10.8.0.1/24 dev mgmt-ve0
ip -n mgmt route add default via 192.0.2.1 dev eth1
mkdir -p /etc/netns/mgmt && printf '%s\n' '# written by netns-setup, asked for by netns_dns at /etc/conf.d/netns.mgmt:5' 'nameserver 192.0.2.53' >/etc/netns/mgmt/resolv.conf
