package app

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The script in docs/profiles.md makes matchwire poll the page of each live match on a list.
func TestDocumentedListScript(t *testing.T) {
	for _, tool := range []string{"sh", "jq", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	text, err := os.ReadFile("../docs/profiles.md")
	if err != nil {
		t.Fatal(err)
	}
	script := regexp.MustCompile("(?s)```sh\n(matchwire parse [^`]*/api/matches[^`]*)```").FindSubmatch(text)
	if script == nil {
		t.Fatal("docs/profiles.md has no script for a list")
	}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/today" {
			_, _ = w.Write([]byte("<li id=7><b>Ajax</b><u>PSV</u><i>live</i></li>" +
				"<li id=8><b>Ayr</b><u>Clyde</u><i>scheduled</i></li>"))
			return
		}
		_, _ = fmt.Fprintf(w, "<p>%s</p>"+tinyPage, r.URL.Path, 0, "Live", "")
	}))
	defer site.Close()
	dir := t.TempDir()
	_, port, _ := strings.Cut(strings.TrimPrefix(site.URL, "http://"), ":")
	write(t, map[string]string{
		filepath.Join(dir, "matchwire.yaml"): "profiles: sites\nfetch: {private_addresses: true, ports: [" + port + "]}\n",
		filepath.Join(dir, "sites/mysite.yaml"): strings.Replace(strings.Replace(tinyProfile, "profile: tiny",
			"profile: mysite", 1), "match:\n", "match:\n  id: {css: p, regexp: '\\d+', prefix: mysite-}\n", 1),
		filepath.Join(dir, "sites/mysite-list.yaml"): "profile: mysite-list\nsport: soccer\nmatches: li\nmatch: " +
			"{id: {attr: id, prefix: mysite-}, home: b, away: u, status: i}\n",
		filepath.Join(dir, "bin/matchwire"): fmt.Sprintf("#!/bin/sh\nMATCHWIRE_TEST_MAIN=1 exec %q \"$@\"\n", os.Args[0]),
	})
	if err := os.Chmod(filepath.Join(dir, "bin/matchwire"), 0o700); err != nil {
		t.Fatal(err)
	}
	const token = "token-1"
	p := start(t, "msg=serving", []string{"MATCHWIRE_API_TOKEN=" + token, "AMQP_URL=", "REDIS_URL="},
		"run", "--config", filepath.Join(dir, "matchwire.yaml"), "--listen", "127.0.0.1:0")
	run := strings.NewReplacer("https://mysite.example", site.URL, "localhost:8080", p.address()).
		Replace(string(script[1]))
	for range 2 { // the second call has no further effect
		cmd := exec.CommandContext(t.Context(), "sh", "-c", run)
		cmd.Dir = dir
		path := filepath.Join(dir, "bin") + ":" + os.Getenv("PATH")
		cmd.Env = append(os.Environ(), "MATCHWIRE_API_TOKEN="+token, "PATH="+path)
		if out, err := cmd.CombinedOutput(); err != nil || strings.Count(string(out), `"url"`) != 1 ||
			!strings.Contains(string(out), site.URL+"/live/7") {
			t.Fatalf("the script: %v, want the page of match 7:\n%s", err, out)
		}
	}
	p.eventually("a log line about match mysite-7", func() bool { return strings.Contains(p.output(), "match=mysite-7") })
}
