package app

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/parser/profile"
)

// The command profiles lists shipped profiles and the profiles of the config's folder, as a table or
// as JSON lines.
func TestProfiles(t *testing.T) {
	config := writeConfig(t, "profiles: own\n")
	own := filepath.Join(filepath.Dir(config), "own")
	if err := os.Mkdir(own, 0o700); err != nil {
		t.Fatal(err)
	}
	text := "profile: my-club\nsport: rugby\nlanguages: [fr, it]\nmatch: {home: b, away: i}\n"
	if err := os.WriteFile(filepath.Join(own, "my-club.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, table, errs := call(t, "", nil, "profiles", "--config", config)
	if code != 0 || errs != "" {
		t.Fatalf("profiles: exit %d, error %q, want exit 0", code, errs)
	}
	for _, want := range []string{
		`(?m)^NAME +SPORT +LANG +AGE +SITES$`,
		`(?m)^abseits +soccer +de +\d+ (day|month|year)s? +abseits\.at$`,
		`(?m)^bbc-scores +soccer +en +\d+ (day|month|year)s? +bbc\.co\.uk, bbc\.com$`,
		`(?m)^my-club +rugby +fr, it +- +-$`,
	} {
		if !regexp.MustCompile(want).MatchString(table) {
			t.Errorf("profiles prints:\n%s\nwant a line that matches %s", table, want)
		}
	}
	if strings.Contains(table, "mls-matchcentre") {
		t.Errorf("profiles prints:\n%s\nwant no profile of a shipped fixture", table)
	}
	for line := range strings.Lines(table) {
		if len(line) > 81 {
			t.Errorf("profiles prints a line of %d characters, want at most 80: %s", len(line)-1, line)
		}
	}
	if _, out, _ := call(t, "", nil, "profiles", "my-club", "--config", config); out != text {
		t.Errorf("profiles my-club prints:\n%s\nwant the file:\n%s", out, text)
	}
	_, shipped, _ := call(t, "", nil, "profiles", "fbref", "--config", config)
	if p, err := profile.Load("copy.yaml", []byte(shipped)); err != nil || p.Name != "fbref" {
		t.Errorf("profiles fbref prints no profile with this name: %v\n%s", err, shipped)
	}
	for _, name := range []string{"fbreff", "mls-matchcentre"} {
		if code, out, errs := call(t, "", nil, "profiles", name, "--config", config); code != 2 || out != "" ||
			!strings.Contains(errs, "does not exist: want one of abseits, ") {
			t.Errorf("profiles %s: exit %d, %s%s; want exit 2 and the names of the profiles", name, code, out, errs)
		}
	}
	_, lines, _ := call(t, "", nil, "profiles", "--json", "--config", config)
	var got *listedProfile
	for line := range strings.Lines(lines) {
		var p listedProfile
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			t.Fatalf("profiles --json prints %q: %v", line, err)
		}
		if p.Name == "my-club" {
			got = &p
		}
	}
	want := &listedProfile{Name: "my-club", Sport: "rugby", Languages: []string{"fr", "it"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("profiles --json: %+v, want %+v", got, want)
	}
}

func TestAge(t *testing.T) {
	now := time.Date(2026, 7, 19, 12, 0, 0, 0, time.UTC)
	for date, want := range map[string]string{
		"2026-07-19": "0 days",
		"2026-07-18": "1 day",
		"2026-05-21": "59 days",
		"2026-05-20": "2 months",
		"2024-07-20": "24 months",
		"2024-07-19": "2 years",
	} {
		day, err := time.Parse(time.DateOnly, date)
		if err != nil {
			t.Fatal(err)
		}
		if got := age(profile.Date{Time: day}, now); got != want {
			t.Errorf("age of %s: %q, want %q", date, got, want)
		}
	}
	if got := age(profile.Date{}, now); got != "" {
		t.Errorf("age of no date: %q, want an empty text", got)
	}
}

func TestLicences(t *testing.T) {
	notice, err := os.ReadFile("../NOTICE")
	if err != nil {
		t.Fatal(err)
	}
	licence, err := os.ReadFile("../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	code, short, errs := call(t, "", nil, "licences", "--short")
	if code != 0 || short != string(notice) || errs != "" {
		t.Errorf("licences --short: exit %d, error %q, output:\n%s\nwant exit 0 and the content of NOTICE", code, errs, short)
	}
	code, whole, errs := call(t, "", nil, "licences")
	if code != 0 || !strings.HasPrefix(whole, short) || !strings.Contains(whole, strings.Trim(string(licence), "\n")) {
		t.Errorf("licences: exit %d, error %q; want exit 0, the list of modules and our licence in the %d bytes of output",
			code, errs, len(whole))
	}
	if !strings.Contains(whole, "Copyright 2009 The Go Authors") {
		t.Error("licences does not print the licence of Go itself, want \"Copyright 2009 The Go Authors\" in the output")
	}
}
