package netguard_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/internal/netguard"
)

// reasonOf returns why a policy refuses a URL, or 0 if it allows the URL.
func reasonOf(t *testing.T, p netguard.Policy, rawURL string) netguard.Reason {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	err = p.CheckURL(u)
	var refused *netguard.RefusedError
	if err != nil && !errors.As(err, &refused) {
		t.Fatalf("%s: error %v, want a RefusedError", rawURL, err)
	}
	if err == nil {
		return 0
	}
	return refused.Reason
}

// CheckURL recognizes public addresses, private addresses and addresses of cloud metadata, however they are
// written.
func TestAddresses(t *testing.T) {
	for reason, hosts := range map[netguard.Reason][]string{
		0: {
			"93.184.216.34", "1.1.1.1", "192.0.1.1", "[2606:2800:220:1:248:1893:25c8:1946]", "[2a00:1450::5e]",
			"[::ffff:93.184.216.34]", "[64:ff9b::93.184.216.34]", "example.org", "bücher.example",
		},
		netguard.Private: {
			"127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
			"192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "255.255.255.255",
			"[::]", "[::1]", "[fc00::1]", "[fd12:3456::1]", "[fec0::1]", "[ff02::1]", "[100::1]", "[2001:db8::1]", "[3fff::1]",
			"[2001:2::1]", "[2001:20::1]", "[4000::1]", "[5f00::1]",
			"[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::a00:1]", "[64:ff9b:1::1]",
			"[::127.0.0.1]", "[::ffff:0:10.0.0.1]", "[2002:5db8:d822::1]", "[2002:7f00:1::1]", "[2001:0:5db8:d822::f5ff:fffe]",
			"[2a00:1450::5efe:10.0.0.1]", "[2a00:1450::200:5efe:93.184.216.34]",
			"localhost", "LOCALHOST.", "a.localhost", "127.0.0.1.", "１２７.0.0.1", "loc。localhost", "127。0。0。1",
		},
		netguard.Metadata: {
			"169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.0.23", "169.254.42.42", "100.100.100.200",
			"168.63.129.16", "192.0.0.192", "[fd00:ec2::254]", "[fd00:ec2::23]", "[fd20:ce::254]", "[fd00:c1::a9fe:a9fe]",
			"[fd00:42::42]", "[fd00:a9fe:a9fe::1]", "[fd00:100::100:200]", "[fe80::a9fe:a9fe]", "[fe80::1%25eth0]",
			"[::ffff:169.254.169.254]", "[::ffff:100.100.100.200]", "[64:ff9b::a9fe:a9fe]", "[::169.254.169.254]",
			"[::ffff:0:169.254.169.254]", "[2002:a9fe:a9fe::1]", "[2001:0:a9fe:a9fe::1]", "[2001:0:5db8:d822::5601:5601]",
			"[64:ff9b:1:a9fe:a9:fe00::]", "[64:ff9b:1:a9:fe:a9fe::]", "[64:ff9b:1:0:a9:fea9:fe00:0]",
			"[64:ff9b:1::169.254.169.254]", "[2a00:1450::5efe:169.254.169.254]", "169.254.169.254.", "１69.254.169.254",
		},
	} {
		for _, host := range hosts {
			if got := reasonOf(t, netguard.Policy{}, "http://"+host+"/"); got != reason {
				t.Errorf("%s: reason %d, want %d", host, got, reason)
			}
		}
	}
}

// A policy allows the private addresses that its settings name. It allows addresses of cloud metadata only if a
// network contains nothing else.
func TestPolicies(t *testing.T) {
	networks := func(texts ...string) (p netguard.Policy) {
		for _, text := range texts {
			n, err := netguard.ParseNetwork(text)
			if err != nil {
				t.Fatal(err)
			}
			p.Networks = append(p.Networks, n)
		}
		return p
	}
	private := netguard.Policy{Private: true}
	for _, tc := range []struct {
		policy netguard.Policy
		host   string
		want   netguard.Reason
	}{
		{private, "10.0.0.1", 0},
		{private, "[::ffff:10.0.0.1]", 0},
		{private, "localhost", 0},
		{private, "169.254.169.254", netguard.Metadata},
		{private, "[2002:a9fe:a9fe::1]", netguard.Metadata},
		{private, "100.100.100.200", netguard.Metadata},
		{private, "100.64.0.1", 0},
		{private.Or(networks("169.254.169.254")), "169.254.169.254", 0},
		{private.Or(networks("169.254.169.254")), "169.254.170.2", netguard.Metadata},
		{networks("10.1.0.0/16"), "10.1.2.3", 0},
		{networks("10.1.0.0/16"), "[::ffff:10.1.2.3]", 0},
		{networks("10.1.0.0/16"), "[64:ff9b::10.1.2.3]", 0},
		{networks("10.1.0.0/16"), "10.2.0.1", netguard.Private},
		{networks("10.1.0.0/16"), "localhost", netguard.Private},
		{networks("127.0.0.0/8"), "localhost", 0},
		{networks("::1"), "[::1]", 0},
		{networks("fd12:3456::/32", "10.0.0.7"), "[fd12:3456::9]", 0},
		{networks("0.0.0.0/0", "::/0"), "192.168.1.1", 0},
		{networks("0.0.0.0/0", "::/0"), "169.254.169.254", netguard.Metadata},
		{networks("0.0.0.0/0", "::/0"), "[fd00:ec2::254]", netguard.Metadata},
		{networks("100.64.0.0/10"), "100.100.100.200", netguard.Metadata},
		{networks("100.64.0.0/10"), "100.100.100.201", 0},
		{networks("169.254.0.0/16"), "169.254.170.2", 0},
		{networks("fd00:ec2::/32"), "[fd00:ec2::254]", 0},
		{networks("2002::/16"), "[2002:a9fe:a9fe::1]", netguard.Metadata},
	} {
		if got := reasonOf(t, tc.policy, "http://"+tc.host+"/"); got != tc.want {
			t.Errorf("%+v, %s: reason %d, want %d", tc.policy, tc.host, got, tc.want)
		}
	}
	for text, want := range map[string]string{
		"10.1.2.3/8": "want 10.0.0.0/8", "10.0.0": "want a network", "::ffff:10.0.0.1": "want a network",
		"::ffff:10.0.0.0/104": "want a network", "fe80::1%eth0": "want a network", "scores.internal": "want a network",
	} {
		if _, err := netguard.ParseNetwork(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("network %s: error %v, want %q in it", text, err, want)
		}
	}
}

// Only the ports 80 and 443 are allowed, unless the policy allows others.
func TestPorts(t *testing.T) {
	for _, tc := range []struct {
		policy netguard.Policy
		url    string
		want   netguard.Reason
	}{
		{netguard.Policy{}, "http://example.org/", 0},
		{netguard.Policy{}, "https://example.org/", 0},
		{netguard.Policy{}, "http://example.org:443/", 0},
		{netguard.Policy{}, "https://example.org:080/", 0},
		{netguard.Policy{}, "http://example.org:22/", netguard.Port},
		{netguard.Policy{}, "http://example.org:6379/", netguard.Port},
		{netguard.Policy{}, "http://example.org:0/", netguard.Port},
		{netguard.Policy{}, "http://example.org:65616/", netguard.Port}, // 80 in 16 bits
		{netguard.Policy{Ports: []uint16{8080}}, "http://example.org:8080/", 0},
		{netguard.Policy{Ports: []uint16{8080}}, "http://example.org:8081/", netguard.Port},
		{netguard.Policy{AnyPort: true}, "http://example.org:8081/", 0},
		{netguard.Policy{}, "http://10.0.0.1:6379/", netguard.Private},
	} {
		if got := reasonOf(t, tc.policy, tc.url); got != tc.want {
			t.Errorf("%+v, %s: reason %d, want %d", tc.policy, tc.url, got, tc.want)
		}
	}
}

// Check resolves a name, and refuses the name if the policy refuses one of its addresses.
func TestCheckResolvesNames(t *testing.T) {
	n := netguard.Network{Lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
		if host == "none.example" {
			return nil, errors.New("no such host")
		}
		return []netip.Addr{netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("10.0.0.1")}, nil
	}}
	both, none := &url.URL{Scheme: "http", Host: "both.example"}, &url.URL{Scheme: "http", Host: "none.example"}
	if err := (netguard.Policy{}).Check(t.Context(), n, both); err == nil {
		t.Error("a name with a public and a private address is allowed, want an error")
	}
	if err := (netguard.Policy{Private: true}).Check(t.Context(), n, both); err != nil {
		t.Errorf("a name with a private address, which is allowed: error %v, want none", err)
	}
	if err := (netguard.Policy{}).Check(t.Context(), n, none); err != nil {
		t.Errorf("a name that cannot be resolved: error %v, want none", err)
	}
}

// FuzzAddresses checks that no form of an IPv4 address is more public than the address itself, that the policy
// with Private allows no address of cloud metadata, and that the forms for tunnels are never public.
func FuzzAddresses(f *testing.F) {
	for _, ip := range []string{"169.254.169.254", "10.0.0.1", "93.184.216.34", "100.100.100.200", "0.0.0.0"} {
		b := netip.MustParseAddr(ip).As4()
		f.Add(binary.BigEndian.Uint32(b[:]), uint64(0x20010db8_00000001))
	}
	f.Fuzz(func(t *testing.T, bits uint32, prefix uint64) {
		var v4 [4]byte
		binary.BigEndian.PutUint32(v4[:], bits)
		plain := netip.AddrFrom4(v4)
		want := reasonOf(t, netguard.Policy{}, "http://"+plain.String()+"/")
		v6 := func(build func(b []byte)) string {
			b := make([]byte, 16)
			build(b)
			return netip.AddrFrom16([16]byte(b)).String()
		}
		for form, address := range map[string]string{
			"mapped":     "::ffff:" + plain.String(),
			"NAT64":      "64:ff9b::" + plain.String(),
			"compatible": v6(func(b []byte) { copy(b[12:], v4[:]) }),
			"6to4": v6(func(b []byte) {
				b[0], b[1] = 0x20, 0x02
				copy(b[2:], v4[:])
				binary.BigEndian.PutUint64(b[8:], prefix)
			}),
			"Teredo": v6(func(b []byte) {
				b[0], b[1] = 0x20, 0x01
				binary.BigEndian.PutUint32(b[4:], uint32(prefix))
				binary.BigEndian.PutUint32(b[12:], ^bits)
			}),
			"ISATAP": v6(func(b []byte) {
				binary.BigEndian.PutUint64(b, prefix)
				b[10], b[11] = 0x5e, 0xfe
				copy(b[12:], v4[:])
			}),
		} {
			got := reasonOf(t, netguard.Policy{}, "http://["+address+"]/")
			if got < want || form != "mapped" && form != "NAT64" && got == 0 {
				t.Errorf("%s form %s of %v: reason %d, want at least %d", form, address, plain, got, want)
			}
			got = reasonOf(t, netguard.Policy{Private: true}, "http://["+address+"]/")
			if got == 0 && want == netguard.Metadata {
				t.Errorf("%s form %s of %v is allowed, want it refused", form, address, plain)
			}
		}
	})
}
