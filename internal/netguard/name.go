package netguard

import (
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

var (
	loopback        = netip.MustParseAddr("127.0.0.1")
	metadataAddress = netip.MustParseAddr("169.254.169.254")
)

// metadataNames contains the names of metadata services in the DNS of clouds.
var metadataNames = []string{
	"metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal",
	"metadata.azure.internal", "metadata.tencentyun.com", "api.metadata.cloud.ibm.com", "rancher-metadata",
}

// privateSuffixes contains the suffixes of names that usually exist only on private networks.
var privateSuffixes = []string{
	".local", ".internal", ".localdomain", ".home.arpa", ".lan", ".home", ".corp", ".intranet", ".private",
}

// refusesHost returns why p refuses the host of a URL, or 0. See check for byProxy.
func (p Policy) refusesHost(host string, byProxy bool) Reason {
	if ip, err := netip.ParseAddr(host); err == nil {
		return p.refuses(ip)
	}
	// A request contains the ASCII form of the name. The ASCII form of １２７.0.0.1 is an IP address.
	name, err := idna.Lookup.ToASCII(host)
	if isASCII(host) {
		name, err = host, nil
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if ip, err := netip.ParseAddr(name); err == nil {
		return p.refuses(ip)
	}
	switch {
	case err != nil, name == "", byProxy && endsInNumber(name): // some proxies read 0x7f000001 as 127.0.0.1
		return Private
	case name == "localhost", strings.HasSuffix(name, ".localhost"):
		return p.refuses(loopback)
	case !byProxy:
		return 0
	case slices.Contains(metadataNames, name):
		return p.refuses(metadataAddress)
	}
	endsIn := func(suffix string) bool { return strings.HasSuffix(name, suffix) }
	if !p.Private && (!strings.Contains(name, ".") || slices.ContainsFunc(privateSuffixes, endsIn)) {
		return Private
	}
	return 0
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > '~' })
}

// endsInNumber reports whether the last label of a name is a decimal or hexadecimal number. Browsers and some
// proxies read such a name as an IPv4 address.
func endsInNumber(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	digits, hex := strings.CutPrefix(last, "0x")
	return last != "" && !strings.ContainsFunc(digits, func(r rune) bool {
		return !('0' <= r && r <= '9' || hex && 'a' <= r && r <= 'f')
	})
}
