package app

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// The example in the section "Another sport" of docs/profiles.md works. For the page in that section,
// matchwire sends exactly the messages that the section shows.
func TestDocumentedSport(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/profiles.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Another sport\n")
	section, _, _ = strings.Cut(section, "\n## ")
	block := func(begin string) string {
		m := regexp.MustCompile("(?s)" + begin + "\n(.*?)\n```").FindStringSubmatch(section)
		if m == nil {
			t.Fatalf("the section has no block that begins with %s", begin)
		}
		return m[1]
	}
	page := block("```html")
	before := regexp.MustCompile(`(?m)^ *<li.*\n`).ReplaceAllString(strings.Replace(page, "3–1", "0–0", 1), "")
	before = strings.Replace(strings.Replace(before, "1st half", "Soon", 1), "04:40", "", 1)

	var calls, begun atomic.Int64
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		if begun.Load() == 0 {
			_, _ = io.WriteString(w, before)
			return
		}
		_, _ = io.WriteString(w, page)
	}))
	defer site.Close()
	var mu sync.Mutex
	var lines []string
	phone := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m struct{ Title, Message string }
		err := json.NewDecoder(r.Body).Decode(&m)
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, m.Title, m.Message)
		if err != nil {
			lines = append(lines, err.Error())
		}
	}))
	defer phone.Close()

	rule := regexp.MustCompile("With the rule `(.*?)`").FindStringSubmatch(section)[1]
	config := writeConfig(t, `
profiles: profiles
sources: [{url: "`+site.URL+`/match", profile: kabaddi, every: 1s}]
consumers:
  scoreboard:
  notify: {channels: {phone: {ntfy: {url: `+phone.URL+`/club}}}, rules: [`+rule+`]}
fetch: {private_addresses: true, ignore_robots: true}
`)
	folder := filepath.Join(filepath.Dir(config), "profiles")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "kabaddi.yaml"), []byte(block("```yaml")), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "parser ready", nil, "run", "--config", config, "--listen", "127.0.0.1:0")
	p.eventually("the first poll", func() bool { return calls.Load() > 0 })
	begun.Store(1)
	want := strings.Split(block("these messages:\n\n```"), "\n")
	got := func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(lines)
	}
	p.eventually("the last message", func() bool { return slices.Contains(got(), want[len(want)-1]) })
	if !slices.Equal(got(), want) {
		t.Errorf("messages\n%s\nwant\n%s", strings.Join(got(), "\n"), strings.Join(want, "\n"))
	}
}
