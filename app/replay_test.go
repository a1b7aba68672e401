package app

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// parse and replay find the profiles in the folder that the config names, as check and run do.
func TestProfilesOfTheConfig(t *testing.T) {
	t.Chdir(t.TempDir())
	goal := fmt.Sprintf(tinyPage, 1, "Live", "<li><i>5'</i><b>P</b></li>")
	write(t, map[string]string{
		"matchwire.yaml":         "profiles: sites\n",
		"sites/tiny.yaml":        tinyProfile,
		"page.html":              goal,
		"rec/fixture.yaml":       "profile: tiny\nmatch: m1\npages:\n  - {file: a.html, at: 2026-11-28T15:00:00Z}\n",
		"rec/a.html":             goal,
		"other/config.yaml":      "profiles: ../sites\n",
		"broken/matchwire.yaml":  "profiles: sites\n",
		"broken/sites/tiny.yaml": strings.Replace(tinyProfile, "soccer", "sokker", 1),
	})
	for _, args := range [][]string{
		{"parse", "page.html", "-p", "tiny"},
		{"replay", "rec", "--speed", "max", "--print"},
		{"replay", "page.html", "--profile", "tiny", "--match", "m1", "--speed", "max", "--print"},
	} {
		for _, config := range []string{"", "other/config.yaml"} {
			if config != "" {
				args = append(args, "--config", config)
			}
			if code, out, errs := call(t, "", nil, args...); code != 0 || !strings.Contains(out, "goal") {
				t.Errorf("%v: exit %d, want 0 and a goal:\n%s%s", args, code, out, errs)
			}
		}
	}
	// An error in a profile of that folder names the file of the profile.
	code, _, errs := call(t, "", nil, "parse", "page.html", "-p", "tiny", "--config", "broken/matchwire.yaml")
	if want := filepath.Join("broken", "sites", "tiny.yaml") + ":2:"; code != 2 || !strings.Contains(errs, want) {
		t.Errorf("parse with an invalid profile: exit %d, want 2 and %s:\n%s", code, want, errs)
	}
}

// A fixture can name any file as its profile. A relative path is relative to the folder of the
// fixture, not to the working directory.
func TestReplayFindsTheProfileOfAFixture(t *testing.T) {
	root := t.TempDir()
	t.Chdir(root)
	page := fmt.Sprintf(tinyPage, 1, "Live", "<li><i>5'</i><b>P</b></li>")
	write(t, map[string]string{
		"sites/tiny.yaml":          tinyProfile,
		"sites/tiny/rec/a.html":    page,
		"sites/tiny/rec/own.yaml":  tinyProfile,
		"sites/tiny/rec/p/in.yaml": tinyProfile,
		"cwd.yaml":                 tinyProfile,
	})
	for _, tc := range []struct{ profile, dir, failure string }{
		{"../../tiny.yaml", "sites/tiny/rec", ""},
		{"../../tiny.yaml", filepath.Join(root, "sites/tiny/rec"), ""},
		{"own.yaml", "sites/tiny/rec", ""},
		{"./own.yaml", "sites/tiny/rec", ""},
		{"p/in.yaml", "sites/tiny/rec", ""},
		{filepath.Join(root, "cwd.yaml"), "sites/tiny/rec", ""},
		{"cwd.yaml", "sites/tiny/rec", `profile "cwd.yaml", from the folder sites/tiny/rec: `},
		{"../tiny.yaml", "sites/tiny/rec", `profile "../tiny.yaml", from the folder sites/tiny/rec: `},
	} {
		write(t, map[string]string{"sites/tiny/rec/fixture.yaml": "profile: " + tc.profile +
			"\nmatch: m1\npages:\n  - {file: a.html, at: 2026-11-28T15:00:00Z}\n"})
		code, out, errs := call(t, "", nil, "replay", tc.dir, "--speed", "max", "--print")
		switch {
		case tc.failure == "" && (code != 0 || !strings.Contains(out, "goal")):
			t.Errorf("replay with the profile %s: exit %d, want 0 and a goal:\n%s%s", tc.profile, code, out, errs)
		case tc.failure != "" && (code != 1 || !strings.Contains(errs, tc.failure)):
			t.Errorf("replay with the profile %s: exit %d, want 1 and %s:\n%s%s", tc.profile, code, tc.failure, out, errs)
		}
	}
}

// The pages of several fixtures of a match are replayed in the order of their times, regardless of
// the order on the command line. A warning about a page names the file and the time of that page.
func TestReplayInTheOrderOfTimes(t *testing.T) {
	t.Chdir(t.TempDir())
	page := func(goals int) string {
		return fmt.Sprintf(tinyPage, goals, "Live", strings.Repeat("<li><i>5'</i><b>P</b></li>", min(goals, 1)))
	}
	manifest := func(first, second string) string {
		return "profile: ../tiny.yaml\nmatch: m1\npages:\n" +
			"  - {file: 1.html, at: 2026-11-28T15:" + first + "Z}\n  - {file: 2.html, at: 2026-11-28T15:" + second + "Z}\n"
	}
	write(t, map[string]string{
		"tiny.yaml":           tinyProfile,
		"detail/1.html":       page(0),
		"detail/2.html":       page(1),
		"detail/fixture.yaml": manifest("00:00", "06:00"),
		"list/1.html":         page(0),
		"list/2.html":         page(2),
		"list/fixture.yaml":   manifest("03:00", "09:00"),
	})
	for _, dirs := range [][]string{{"detail", "list"}, {"list", "detail"}} {
		code, out, errs := call(t, "", nil, append([]string{"replay", "--speed", "max", "--print"}, dirs...)...)
		var times []string
		for _, e := range decodeLines(t, out) {
			times = append(times, e.Time.Format("04:05 ")+strings.TrimPrefix(e.Type, "soccer.eredivisie."))
		}
		want := "[00:00 match_start 06:00 period_start 06:00 goal 09:00 goal]"
		if got := fmt.Sprint(times); code != 0 || got != want {
			t.Errorf("replay %v: exit %d, events %s, want %s:\n%s", dirs, code, got, want, errs)
		}
		if file := "file=list/2.html at=2026-11-28T15:09:00.000Z"; !strings.Contains(errs, file) {
			t.Errorf("replay %v: no warning has %s:\n%s", dirs, file, errs)
		}
	}
}
