package pipeline

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/parser/page"
)

// The config can allow private addresses for all pages, for some networks, for named request
// settings, or for one source. Sources in the config can have any port.
func TestPrivateAddressesInTheConfig(t *testing.T) {
	source := func(url, settings string) string {
		return "sources: [{url: '" + url + "', profile: mls-matchcentre, match: m1" + settings + "}]\n"
	}
	const private, metadata = "http://10.1.0.7:8080/m", "http://169.254.169.254/m"
	file := filepath.Join(t.TempDir(), "matchwire.yaml")
	for _, tc := range []struct{ config, want string }{
		{source("http://example.org:8080/m", ""), ""},
		{source(private, ""), "fetch.private_addresses"},
		{"fetch: {private_addresses: false}\n" + source(private, ""), "fetch.private_addresses"},
		{"fetch: {private_addresses: true}\n" + source(private, ""), ""},
		{"fetch: {private_addresses: [10.1.0.0/16]}\n" + source(private, ""), ""},
		{"fetch: {private_addresses: ['fd12::/16', 10.1.0.7]}\n" + source(private, ""), ""},
		{"fetch: {private_addresses: [10.2.0.0/16]}\n" + source(private, ""), "fetch.private_addresses"},
		{source(private, ", private_addresses: true"), ""},
		{source(private, ", private_addresses: [10.1.0.7]"), ""},
		{source(private, ", private_addresses: [10.1.0.8]"), "fetch.private_addresses"},
		{"requests: {in: {hosts: ['10.1.0.7:8080'], private_addresses: true}}\n" + source(private, ", request: in"), ""},
		{"fetch: {private_addresses: true}\n" + source(metadata, ""), "cloud metadata"},
		{"fetch: {private_addresses: [0.0.0.0/0]}\n" + source(metadata, ""), "cloud metadata"},
		{"fetch: {private_addresses: [169.254.169.254]}\n" + source(metadata, ""), ""},
		{"fetch:\n  private_addresses: [10.1.2.3/8]\n", `:2:22: fetch.private_addresses: "10.1.2.3/8": want 10.0.0.0/8`},
		{"fetch:\n  private_addresses: all\n", ":2:22: fetch.private_addresses: want true, false or a list of networks"},
		{"fetch:\n  ports: [70000]\n", ":2:"},
	} {
		if err := os.WriteFile(file, []byte(tc.config), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := LoadConfig(file, false)
		if err == nil {
			lib, libErr := c.Library()
			if libErr != nil {
				t.Fatal(libErr)
			}
			_, err = c.addSources(lib)
		}
		if got := fmt.Sprint(err); tc.want == "" && err != nil || tc.want != "" && !strings.Contains(got, tc.want) {
			t.Errorf("config %q: error %s, want %q", tc.config, got, tc.want)
		}
	}
}

// An API call can add a page at the addresses and ports that the fetch section allows. If the call names request
// settings, it can also use the addresses and ports that those settings allow. The settings of one source do not
// apply to API calls.
func TestAddressesOfAPICalls(t *testing.T) {
	file := filepath.Join(t.TempDir(), "matchwire.yaml")
	config := `
fetch: {private_addresses: [10.1.0.0/16], ports: [8080]}
requests: {in: {hosts: ['10.2.0.7:9000'], private_addresses: [10.2.0.0/16]}}
sources: [{url: 'http://10.3.0.7:9000/', profile: mls-matchcentre, match: m1, private_addresses: [10.3.0.0/16]}]
`
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := LoadConfig(file, false)
	if err != nil {
		t.Fatal(err)
	}
	named := c.Fetch.policy().Or(c.apiRequests()["in"].Allow)
	for _, tc := range []struct {
		policy  page.Policy
		url     string
		allowed bool
	}{
		{c.Fetch.policy(), "http://10.1.0.7/", true},
		{c.Fetch.policy(), "http://10.1.0.7:8080/", true},
		{c.Fetch.policy(), "http://10.1.0.7:9000/", false},
		{c.Fetch.policy(), "http://10.2.0.7/", false},
		{c.Fetch.policy(), "http://10.3.0.7/", false},
		{named, "http://10.2.0.7:9000/", true},
		{named, "http://10.3.0.7:9000/", false},
	} {
		u, err := url.Parse(tc.url)
		if err != nil {
			t.Fatal(err)
		}
		if err := page.CheckAddress(u, tc.policy); (err == nil) != tc.allowed {
			t.Errorf("%+v, %s: error %v, want allowed %t", tc.policy, tc.url, err, tc.allowed)
		}
	}
	requests, err := c.requests()
	if err != nil {
		t.Fatal(err)
	}
	if got := requests[c.Sources[0].ownRequest()].Allow.Networks; fmt.Sprint(got) != "[10.3.0.0/16]" {
		t.Errorf("the settings of the source allow %v, want 10.3.0.0/16", got)
	}
}

// Two sources whose settings differ only in the private addresses keep their own addresses.
func TestSourcesWithDifferentPrivateAddresses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "matchwire.yaml")
	config := `
sources:
  - {url: 'http://10.3.0.7/', profile: mls-matchcentre, match: m1, private_addresses: [10.3.0.0/16]}
  - {url: 'http://10.4.0.7/', profile: mls-matchcentre, match: m2, private_addresses: [10.4.0.0/16]}
`
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := LoadConfig(file, false)
	if err != nil {
		t.Fatal(err)
	}
	requests, err := c.requests()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"[10.3.0.0/16]", "[10.4.0.0/16]"} {
		if got := requests[c.Sources[i].ownRequest()].Allow.Networks; fmt.Sprint(got) != want {
			t.Errorf("source %d may use %v, want %s", i+1, got, want)
		}
	}
}
