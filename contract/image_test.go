package contract_test

import (
	"encoding/json"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/internal/testenv"
)

// The final image contains only the program and certificates, and runs as a user without a name.
func TestDockerfile(t *testing.T) {
	text := read(t, "Dockerfile")
	var images []string
	for _, m := range regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(text, -1) {
		images = append(images, m[1])
	}
	if len(images) != 2 || !exactTag.MatchString(images[0]) || images[1] != "scratch" {
		t.Errorf("the images are %v, want one with an exact version, and scratch", images)
	}
	_, final, _ := strings.Cut(text, "FROM scratch")
	for _, want := range []string{
		"\nUSER 65532:65532\n", "\nENTRYPOINT [\"/matchwire\"]\n", "/etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/\n",
	} {
		if !strings.Contains(final, want) {
			t.Errorf("the final image lacks %q:\n%s", want, final)
		}
	}
	if strings.Contains(final, "RUN") {
		t.Error("the final image uses RUN, but has no shell")
	}
}

// The flags in the Dockerfile stamp the version into the program.
func TestImageVersion(t *testing.T) {
	testenv.NotShort(t)
	flags := regexp.MustCompile(`-ldflags="([^"]+)"`).FindStringSubmatch(read(t, "Dockerfile"))
	if flags == nil {
		t.Fatal("the Dockerfile has no -ldflags")
	}
	program := filepath.Join(t.TempDir(), "matchwire")
	args := []string{"build", "-ldflags", strings.ReplaceAll(flags[1], "${VERSION}", "v9.8.7-test"), "-o", program}
	if testenv.Race {
		args = append(args, "-race") // the packages have already been compiled with -race
	}
	build := exec.Command("go", append(args, "./cmd/matchwire")...)
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.Command(program, "--version").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "v9.8.7-test" {
		t.Errorf("--version prints %q, error %v; want v9.8.7-test", out, err)
	}
}

// An ignoreRule is a line of .dockerignore.
type ignoreRule struct {
	path     *regexp.Regexp // matches a path and the paths below it
	included bool           // whether the line begins with !
}

// ignoreRules parses .dockerignore. It supports *, and ** at the beginning.
func ignoreRules(t *testing.T) (all []ignoreRule) {
	t.Helper()
	for line := range strings.Lines(read(t, ".dockerignore")) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		line, included := strings.CutPrefix(line, "!")
		line, anywhere := strings.CutPrefix(line, "**/")
		expression := strings.ReplaceAll(regexp.QuoteMeta(line), `\*`, "[^/]*")
		if anywhere {
			expression = "(.*/)?" + expression
		}
		all = append(all, ignoreRule{regexp.MustCompile("^" + expression + "(/.*)?$"), included})
	}
	return all
}

// included reports whether Docker copies a file into the image for the build. The last rule that
// matches decides.
func included(rules []ignoreRule, file string) bool {
	in := true
	for _, r := range rules {
		if r.path.MatchString(file) {
			in = r.included
		}
	}
	return in
}

// .dockerignore includes all files that the program needs, and no secrets.
func TestDockerignore(t *testing.T) {
	rules := ignoreRules(t)
	list := exec.Command("go", "list", "-deps", "-json=Dir,Module,GoFiles,EmbedFiles", "./cmd/matchwire")
	list.Dir = ".."
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	files := []string{"go.mod", "go.sum"}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			Dir                 string
			Module              *struct{ Main bool }
			GoFiles, EmbedFiles []string
		}
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Module == nil || !p.Module.Main {
			continue
		}
		dir, err := filepath.Rel(root, p.Dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range append(p.GoFiles, p.EmbedFiles...) {
			files = append(files, path.Join(filepath.ToSlash(dir), filepath.ToSlash(f)))
		}
	}
	if len(files) < 300 {
		t.Errorf("the program has %d files, want at least 300", len(files))
	}
	for _, f := range files {
		if !included(rules, f) {
			t.Errorf(".dockerignore excludes %s, which the program needs, want it included", f)
		}
	}
	for _, f := range []string{
		".git/config", ".env", "matchwire.yaml", "api-tokens.yaml", "vapid.json", "tls.key", "secrets/parser/amqp_url",
		"deploy/secrets/consumers/hook", "deploy/config/matchwire.yaml", "consumers/notify/vapid.json", "cmd/matchwire/.env",
		"fanout/server.pem", "internal/matchwire.yaml", "archive.jsonl", "README.md",
	} {
		if included(rules, f) {
			t.Errorf(".dockerignore includes %s, want it excluded", f)
		}
	}
}
