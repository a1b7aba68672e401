package netguard

import (
	"fmt"
	"net/netip"
	"slices"
)

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, t := range texts {
		all = append(all, netip.MustParsePrefix(t))
	}
	return all
}

// metadata contains the addresses of cloud metadata services. Clouds also use link-local addresses that
// they do not document, so the list contains all link-local addresses.
var metadata = prefixes(
	"169.254.0.0/16",         // AWS, Google, Azure, Oracle, Tencent, Scaleway, OpenStack and others; AWS ECS and EKS
	"fe80::/10",              // OpenStack and Akamai
	"100.100.100.200/32",     // Alibaba
	"168.63.129.16/32",       // Azure WireServer
	"192.0.0.192/32",         // Oracle Classic
	"fd00:ec2::/32",          // AWS
	"fd20:ce::254/128",       // Google
	"fd00:c1::a9fe:a9fe/128", // Oracle
	"fd00:42::42/128",        // Scaleway
	"fd00:a9fe:a9fe::1/128",  // Akamai
	"fd00:100::100:200/128",  // Alibaba
)

// private4 contains the IPv4 addresses that are not public: those from IANA's registry of special-purpose
// addresses, and all multicast addresses.
var private4 = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
)

// public6 contains the IPv6 addresses that IANA assigns to the public Internet. private6 contains those of them
// that are not public: protocol assignments such as Teredo, 6to4, and addresses for documentation.
var (
	public6  = netip.MustParsePrefix("2000::/3")
	private6 = prefixes("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)

// Networks whose IPv6 addresses contain an IPv4 address. localNAT64 is for NAT64 on private networks.
// There, the position of the IPv4 address differs between networks.
var (
	nat64      = netip.MustParsePrefix("64:ff9b::/96")
	localNAT64 = netip.MustParsePrefix("64:ff9b:1::/48")
	sixToFour  = netip.MustParsePrefix("2002::/16")
	teredo     = netip.MustParsePrefix("2001::/32")
	compatible = netip.MustParsePrefix("::/96")
	translated = netip.MustParsePrefix("::ffff:0:0:0/96")
)

// plain returns the IPv4 address in an IPv4-mapped address or a NAT64 address. It returns other addresses
// without their zone. On a network with only IPv6, all hosts with only IPv4 have NAT64 addresses.
func plain(ip netip.Addr) netip.Addr {
	ip = ip.Unmap().WithZone("")
	if nat64.Contains(ip) {
		b := ip.As16()
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return ip
}

// classify returns why an address is not public, or 0 if it is public. For an address of cloud
// metadata, within is the minimum number of bits in the prefix of a network that can allow the address.
func classify(ip netip.Addr) (reason Reason, within int) {
	for _, m := range metadata {
		if m.Contains(ip) {
			return Metadata, m.Bits()
		}
	}
	for _, inner := range embedded(ip) {
		if reason, _ := classify(inner); reason == Metadata {
			return Metadata, 128
		}
	}
	contains := func(p netip.Prefix) bool { return p.Contains(ip) }
	switch {
	case ip.Is4() && !slices.ContainsFunc(private4, contains):
		return 0, 0
	case public6.Contains(ip) && !slices.ContainsFunc(private6, contains) && len(embedded(ip)) == 0:
		return 0, 0
	}
	return Private, 0
}

// embedded returns the IPv4 addresses that an IPv6 address contains, or may contain.
func embedded(ip netip.Addr) (all []netip.Addr) {
	if !ip.Is6() {
		return nil
	}
	b := ip.As16()
	add := func(i, j, k, l int) { all = append(all, netip.AddrFrom4([4]byte{b[i], b[j], b[k], b[l]})) }
	switch {
	case sixToFour.Contains(ip):
		add(2, 3, 4, 5)
	case teredo.Contains(ip):
		add(4, 5, 6, 7)                                                             // the server
		all = append(all, netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})) // the client
	case compatible.Contains(ip), translated.Contains(ip):
		add(12, 13, 14, 15)
	case localNAT64.Contains(ip): // RFC 6052, for prefixes of 48, 56, 64 and 96 bits
		add(6, 7, 9, 10)
		add(7, 9, 10, 11)
		add(9, 10, 11, 12)
		add(12, 13, 14, 15)
	}
	if b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe { // ISATAP, in any network
		add(12, 13, 14, 15)
	}
	return all
}

// ParseNetwork parses a network such as 10.0.0.0/8, or an IP address as the network that contains only this
// address.
func ParseNetwork(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if ip, ipErr := netip.ParseAddr(text); ipErr == nil && ip.Zone() == "" {
		p, err = netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	switch {
	case err != nil, p.Addr().Is4In6():
		return p, fmt.Errorf("%q: want a network such as 10.0.0.0/8 or fd12:3456::/32, or an IP address", text)
	case p != p.Masked():
		return p, fmt.Errorf("%q: want %v, the network that contains this address", text, p.Masked())
	}
	return p, nil
}
