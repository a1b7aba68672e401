package web_test

import (
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/matchwire/matchwire/fanout/web"
)

var handler = sync.OnceValue(func() http.Handler { return web.Handler(nil) })

// response is an answer of the handler of the page.
type response struct {
	status int
	header http.Header
	body   string
}

// get sends a request to the handler of the page.
func get(t *testing.T, target string, header ...string) response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	handler().ServeHTTP(w, r)
	result := w.Result()
	defer result.Body.Close()
	body, err := io.ReadAll(result.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response{result.StatusCode, result.Header, string(body)}
}

// Each file has a strict policy, a type and a tag. The pages contain no scripts or styles of their own.
func TestFiles(t *testing.T) {
	err := fs.WalkDir(web.Files(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || slices.Contains([]string{".json", ".md", ".mjs"}, path.Ext(name)) {
			return err
		}
		target := "/" + name
		switch name {
		case "index.html":
			target = "/"
		case "pipeline.html":
			target = "/pipeline"
		}
		r := get(t, target)
		policy := r.header.Get("Content-Security-Policy")
		if r.status != 200 || !strings.Contains(policy, "default-src 'none'; script-src 'self'; style-src 'self'") ||
			strings.Contains(policy, "unsafe") {
			t.Errorf("%s: status %d, policy %q", target, r.status, policy)
		}
		if kind := r.header.Get("Content-Type"); path.Ext(name) == ".js" && kind != "text/javascript; charset=utf-8" {
			t.Errorf("%s has the type %q", target, kind)
		}
		if again := get(t, target, "If-None-Match", r.header.Get("ETag")); again.status != http.StatusNotModified {
			t.Errorf("%s again: status %d, want 304", target, again.status)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	list, match := get(t, "/").body, get(t, "/match/mls-1").body
	if strings.Contains(list, "<base") || !strings.Contains(match, `<head><base href="../">`) {
		t.Error("want a base in the page of a match, and none in the page at /")
	}
	for _, page := range []string{list, get(t, "/pipeline").body} {
		for _, script := range regexp.MustCompile(`<script[^>]*>[^<]`).FindAllString(page, -1) {
			t.Errorf("the page contains the script %s", script)
		}
		if regexp.MustCompile(`<style|style="|\son\w+=`).MatchString(page) {
			t.Error("the page contains a style or a handler")
		}
	}
	if r := get(t, "/nothing"); r.status != http.StatusNotFound {
		t.Errorf("/nothing has status %d, want 404", r.status)
	}
	if with := get(t, "/icon.svg?n=3").body; !strings.Contains(with, ">3</text>") {
		t.Errorf("the icon with n=3 is %s", with)
	}
	if without := get(t, "/icon.svg?n=%3Cscript%3E").body; strings.Contains(without, "<text") {
		t.Errorf("the icon with an invalid n is %s", without)
	}
}

// The files that a browser loads first have at most 80 KB.
func TestFirstLoad(t *testing.T) {
	list := get(t, "/").body
	names := []string{"/", "/icon.svg"}
	for _, m := range regexp.MustCompile(`(?:href|src)="([^"]+\.(?:js|css))"`).FindAllStringSubmatch(list, -1) {
		if name := "/" + m[1]; !strings.Contains(strings.Join(names, " ")+" ", name+" ") {
			names = append(names, name)
		}
	}
	total := 0
	for _, name := range names {
		r := get(t, name, "Accept-Encoding", "gzip")
		text := r.body
		total += len(text)
		if r.header.Get("Content-Encoding") != "gzip" {
			continue
		}
		z, err := gzip.NewReader(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := io.ReadAll(z); err != nil || len(plain) <= len(text) {
			t.Errorf("%s: %d bytes from %d compressed bytes, error %v", name, len(plain), len(text), err)
		}
	}
	t.Logf("first load: %d files, %.1f KB compressed", len(names), float64(total)/1024)
	if len(names) < 15 || total > 80<<10 {
		t.Errorf("the first load has %d files and %d bytes, want at least 15 files and at most %d bytes",
			len(names), total, 80<<10)
	}
}

var update = flag.Bool("update", false, "write the names of kinds, details and periods again")

// names holds the names in a language of the notify consumer. The page needs these tables.
type names struct {
	Details  map[string]string `yaml:"details" json:"details"`
	Kinds    map[string]string `yaml:"kinds" json:"kinds"`
	Members  map[string]string `yaml:"members" json:"members"`
	Periods  map[string]string `yaml:"periods" json:"periods"`
	Statuses map[string]string `yaml:"statuses" json:"statuses"`
}

// Each text that a module of the page names exists.
func TestTextsExist(t *testing.T) {
	english, err := os.ReadFile("files/words/en.js")
	if err != nil {
		t.Fatal(err)
	}
	modules, err := filepath.Glob("files/page/*.js")
	if err != nil || len(modules) == 0 {
		t.Fatal(modules, err)
	}
	used := regexp.MustCompile(`\bt\((?:[^"()]*\? "([\w.]+)" : )?"([\w.]+)"[,)]`)
	for _, name := range append(modules, "files/demo.js") {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range used.FindAllStringSubmatch(string(source), -1) {
			for _, key := range m[1:] {
				if key != "" && !strings.Contains(string(english), `"`+key+`": `) {
					t.Errorf("%s uses the text %q, which words/en.js lacks", name, key)
				}
			}
		}
	}
}

// The page and the notifications have the same names in each language, and each language has all texts of the pages.
func TestNames(t *testing.T) {
	key := regexp.MustCompile(`"([\w.]+)": (?:"|\{ )`)
	keys := func(file string) map[string]bool {
		text, err := os.ReadFile("files/words/" + file)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]bool{}
		for _, m := range key.FindAllStringSubmatch(string(text), -1) {
			if all[m[1]] {
				t.Errorf("words/%s has the text %q twice", file, m[1])
			}
			all[m[1]] = true
		}
		return all
	}
	for _, code := range []string{"en", "de", "es", "fr"} {
		for _, page := range []string{".js", ".pipeline.js"} {
			own := keys(code + page)
			for k := range keys("en" + page) {
				if !own[k] {
					t.Errorf("words/%s%s lacks the text %q", code, page, k)
				}
			}
		}
		source := "consumers/notify/languages/" + code + ".yaml"
		text, err := os.ReadFile("../../" + source)
		if err != nil {
			t.Fatal(err)
		}
		var n names
		if err := yaml.Unmarshal(text, &n); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		fmt.Fprintf(&out, "// The names of %s. "+
			"Do not edit this file: run go test ./fanout/web -run TestNames -update.\nexport default ", source)
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", " ")
		if err := encoder.Encode(n); err != nil {
			t.Fatal(err)
		}
		want := strings.TrimSuffix(out.String(), "\n") + ";\n"
		file := "files/words/" + code + ".names.js"
		got, err := os.ReadFile(file)
		if *update {
			err = os.WriteFile(file, []byte(want), 0o644)
		} else if string(got) != want {
			t.Errorf("%s does not have the names of %s: run go test ./fanout/web -run TestNames -update", file, source)
		}
		if err != nil {
			t.Error(err)
		}
	}
}
