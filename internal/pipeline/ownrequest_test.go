package pipeline

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The headers that a source sets are not sent for pages of other hosts. On one host, sources with
// different literal values are refused, because the name of the settings contains no secrets.
func TestSourcesWithDifferentHeaders(t *testing.T) {
	load := func(second string) (Config, error) {
		file := filepath.Join(t.TempDir(), "matchwire.yaml")
		config := `
sources:
  - {url: 'https://one.example/1', profile: mls-matchcentre, match: m1, headers: {X-Site: a}}
  - {url: '` + second + `', profile: mls-matchcentre, match: m2, headers: {X-Site: b}}
`
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := LoadConfig(file, false)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.requests()
		return c, err
	}
	c, err := load("https://two.example/2")
	if err != nil {
		t.Fatal(err)
	}
	requests, err := c.requests()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"a", "b"} {
		if got := requests[c.Sources[i].ownRequest()].Header.Get("X-Site"); got != want {
			t.Errorf("source %d sends X-Site: %s, want %s", i+1, got, want)
		}
	}
	_, err = load("https://one.example/2")
	if err == nil || !strings.Contains(err.Error(), "define both under requests") {
		t.Errorf("two values for one host: %v, want an error that suggests requests", err)
	}
}
