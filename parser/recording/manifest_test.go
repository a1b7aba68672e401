package recording_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/matchwire/matchwire/parser/recording"
)

// load loads a fixture with two pages. at is the member of the manifest that sets the time of the
// second page, such as "at: 2026-11-28T15:00:00Z".
func load(at string) (*recording.Fixture, error) {
	manifest := "profile: small\nmatch: m1\npages:\n  - {file: a.html, at: 2026-11-28T14:59:00Z}\n  - {file: b.html, " +
		at + "}\n"
	return recording.LoadFixture("fx", fstest.MapFS{
		recording.ManifestName: &fstest.MapFile{Data: []byte(manifest)},
		"a.html":               &fstest.MapFile{}, "b.html": &fstest.MapFile{},
	})
}

// A time must be valid, and later than the time of the previous page. A missing or wrong time is an
// error that contains the line and the value.
func TestManifestWithAWrongTime(t *testing.T) {
	for at, want := range map[string]string{
		"at: 2026-11-28 15:00":             `fx/fixture.yaml:5:24: pages[1].at: "2026-11-28 15:00": want a time like 2026-`,
		"at: 2026-11-28T15:00Z":            `"2026-11-28T15:00Z": want a time like`,
		`at: "28.11.2026"`:                 `"28.11.2026": want a time like`,
		"at: yesterday":                    `"yesterday": want a time like`,
		"at: 1764342000":                   `want a time like`,
		"at: 2026-02-30T15:00:00Z":         `"2026-02-30T15:00:00Z": want a time like`,
		"at: 2026-11-28T25:00:00Z":         `"2026-11-28T25:00:00Z": want a time like`,
		"at: [2026-11-28T15:00:00Z]":       `fx/fixture.yaml:5:24: pages[1].at: `,
		"at: 0001-01-01T00:00:00Z":         `want a time like`,
		"at:":                              `fx/fixture.yaml:5:`,
		`at: ""`:                           `"": want a time like`,
		"headers: {}":                      `fx/fixture.yaml:5:5: pages[1]: set at: every page needs`,
		"at: 2026-11-28T14:59:00Z":         `fx/fixture.yaml:5:5: pages[1]: at 2026-11-28T14:59:00Z: want a later time`,
		"At: 2026-11-28T15:00:00Z":         `unknown field "At": did you mean at?`,
		"at: 2026-11-28T15:00:00+01:00":    `want a later time than that of the previous page, 2026-11-28T14:59:00Z`,
		"at: 2026-11-28T15:00:00Z, fil: x": `unknown field "fil": did you mean file?`,
	} {
		f, err := load(at)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, error %v, want %s", at, f, err, want)
		}
	}
}

// A time in a manifest can have a zone. A time without a zone is in UTC.
func TestManifestTimes(t *testing.T) {
	want := time.Date(2026, 11, 28, 15, 0, 0, 0, time.UTC)
	for _, at := range []string{"2026-11-28T15:00:00Z", "2026-11-28T16:00:00+01:00", "2026-11-28T15:00:00.000Z",
		"2026-11-28 15:00:00", `"2026-11-28T15:00:00Z"`} {
		f, err := load("at: " + at)
		if err != nil || !f.Pages[1].At.Equal(want) {
			t.Errorf("%s: %+v, error %v, want %v", at, f, err, want)
		}
	}
}

// The file of a page must be in the folder of the fixture. If the file is elsewhere, the error states
// this rule.
func TestManifestWithAWrongFile(t *testing.T) {
	for file, want := range map[string]string{
		"../x.html": `fx/fixture.yaml:2:9: pages[0]: file "../x.html": want the path of a file in the folder of fixture.yaml`,
		"/x.html":   `file "/x.html": want the path of a file in the folder of fixture.yaml`,
		"a/../b":    `file "a/../b": want the path of a file in the folder of fixture.yaml`,
		"''":        `file "": want the path of a file`,
		"a":         `file "a": want a file, not a folder`,
		"none.html": `file "none.html": open none.html: file does not exist`,
		"./b.html":  "<nil>",
	} {
		manifest := "profile: small\npages: [{file: " + file + ", at: 2026-11-28T14:59:00Z}]\n"
		_, err := recording.LoadFixture("fx", fstest.MapFS{
			recording.ManifestName: &fstest.MapFile{Data: []byte(manifest)},
			"a/b.html":             &fstest.MapFile{}, "b.html": &fstest.MapFile{},
		})
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: error %v, want %s", file, err, want)
		}
	}
}
