package configinit_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/matchwire/matchwire/consumers/shipped"
	"github.com/matchwire/matchwire/internal/configinit"
	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/testenv"
)

// Values in the formats that the services use.
const (
	bbc     = "https://www.bbc.com/sport/football/scores-fixtures"
	token   = "123456:abcdefghijklmnopqrstuvwxyzABCDEFGHI"
	discord = "https://discord.com/api/webhooks/12345678901234567/abcdefghijklmnopqrstuvwxyz" +
		"abcdefghijklmnopqrstuvwxyzabcdefghijklmnop"
	slack    = "https://hooks.slack.com/services/T000/B000/abcdef"
	webhook  = "https://club.example/hook?key=abc"
	password = "a \"quoted\" #password"
)

// run runs the command in a folder, with the lines of in as the answers. It returns the output.
func run(t *testing.T, c configinit.Command, dir string, in ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c.File, c.Plugins, c.Out = filepath.Join(dir, "matchwire.yaml"), shipped.Plugins(), &out
	c.In = strings.NewReader(strings.Join(in, "\n") + "\n")
	err := c.Run(t.Context())
	return out.String(), err
}

// load returns the text of the config in a folder. It checks the text with the code of matchwire check.
func load(t *testing.T, dir string) string {
	t.Helper()
	file := filepath.Join(dir, "matchwire.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	checkConfig(t, file, text)
	if lines := bytes.Count(text, []byte("\n")); lines > 50 {
		t.Errorf("the config has %d lines, want at most 50:\n%s", lines, text)
	}
	return string(text)
}

func checkConfig(t *testing.T, file string, text []byte) {
	t.Helper()
	config, err := pipeline.ParseConfig(file, text)
	if err == nil {
		err = pipeline.CheckSettings(config, shipped.Plugins(), nil)
	}
	if err != nil {
		t.Errorf("the config is not valid: %v\n%s", err, text)
	}
}

// Each answer appears in the config, and the config is valid. The secret is only in a file that only its
// owner can read.
func TestConfigs(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		answers []string
		want    []string // parts of the config
		file    string   // the file with the secret
		secret  string
	}{
		{"nothing", []string{"", "", "", ""}, []string{"# sources:", "# fetch:", "# channels:", "# rules:",
			`listen: "localhost:8080"`}, "", ""},
		{"known host", []string{bbc, "none", "me@club.example", "9090"}, []string{"\nsources:\n  - url: \"" + bbc + "\"\n",
			"    profile: bbc-scores #", "\n  contact: \"me@club.example\"\n", `listen: "localhost:9090"`}, "", ""},
		{"unknown host", []string{"https://mysite.example/live/42", "", "https://club.example/bot", ""},
			[]string{"\n#   - url: \"https://mysite.example/live/42\"\n", "help getting-started", "help profiles.md"}, "", ""},
		{"several profiles", []string{"https://site.api.espn.com/scoreboard", "espn-scoreboard", "", "", ""},
			[]string{"profile: espn-scoreboard #"}, "", ""},
		{"first of several profiles", []string{"https://site.api.espn.com/scoreboard", "", "", "", ""},
			[]string{"profile: espn-baseball #"}, "", ""},
		{"ntfy", []string{"", "ntfy", "https://ntfy.sh/our-club", "", "", ""}, []string{"      phone: #",
			"        ntfy: {url: {file: ntfy-url.secret}}\n", "# rules:"}, "ntfy-url.secret", "https://ntfy.sh/our-club"},
		{"telegram", []string{bbc, "Telegram", token, "@ourclub", "Toronto FC, St. Pauli", "", ""},
			[]string{"token: {file: telegram-token.secret}\n", `chat: "@ourclub"`, `- teams: ["Toronto FC", "St. Pauli"]`},
			"telegram-token.secret", token},
		{"discord", []string{"", "discord", discord, "soccer.mls.*, soccer.uslc", "", ""},
			[]string{"url: {file: discord-url.secret}", `- topics: ["soccer.mls.*", "soccer.uslc.*"]`},
			"discord-url.secret", discord},
		{"slack", []string{"", "slack", slack, "Toronto FC, soccer.mls", "", ""}, []string{"url: {file: slack-url.secret}",
			`- teams: ["Toronto FC"]`, `- topics: ["soccer.mls.*"]`}, "slack-url.secret", slack},
		{"mail", []string{"", "mail", "mail.example:587", "me@club.example", password, "", "", ""},
			[]string{`server: "mail.example:587"`, `user: "me@club.example"`, "password: {file: mail-password.secret}",
				`from: "me@club.example"`, `to: ["me@club.example"]`}, "mail-password.secret", password},
		{"webhook", []string{"", "webhook", webhook, `A "B", #1`, "", ""}, []string{"url: {file: webhook-url.secret}",
			`- teams: ["A \"B\"", "#1"]`}, "webhook-url.secret", webhook},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			out, err := run(t, configinit.Command{}, dir, tc.answers...)
			if err != nil {
				t.Fatalf("Run: %v\n%s", err, out)
			}
			text := load(t, dir)
			for _, want := range tc.want {
				if !strings.Contains(text, want) {
					t.Errorf("the config does not contain %q:\n%s", want, text)
				}
			}
			if tc.file == "" {
				return
			}
			secret, err := os.ReadFile(filepath.Join(dir, tc.file))
			if err != nil || string(secret) != tc.secret+"\n" {
				t.Errorf("%s contains %q, error %v; want %q", tc.file, secret, err, tc.secret)
			}
			if info, err := os.Stat(filepath.Join(dir, tc.file)); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, error %v; want mode 0600", tc.file, info, err)
			}
			if strings.Contains(text, tc.secret) || strings.Contains(out, tc.secret) {
				t.Errorf("the secret is in the config or in the output:\n%s%s", text, out)
			}
		})
	}
}

var comment = regexp.MustCompile(`(?m)^( *)# ( *(?:[a-z_]+: ?|- \{|- url:))`)

// Without their #, all settings in comments are valid.
func TestCommentedSettings(t *testing.T) {
	for _, answers := range [][]string{
		{"", "", "", ""},
		{bbc, "ntfy", "https://ntfy.sh/our-club", "Toronto FC", "me@club.example", ""},
		{bbc, "webhook", webhook, "", "", ""},
	} {
		dir := t.TempDir()
		t.Setenv("DESK_URL", webhook)
		profile := "profile: mysite\nsport: soccer\nmatch: {id: .id, home: .h, away: .a}\n"
		if err := os.WriteFile(filepath.Join(dir, "mysite.yaml"), []byte(profile), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := run(t, configinit.Command{}, dir, answers...); err != nil {
			t.Fatalf("Run: %v\n%s", err, out)
		}
		text := load(t, dir)
		if n := len(comment.FindAllString(text, -1)); n < 6 {
			t.Errorf("found %d settings in comments, want at least 6:\n%s", n, text)
		}
		checkConfig(t, filepath.Join(dir, "matchwire.yaml"), []byte(comment.ReplaceAllString(text, "$1$2")))
	}
}

// Each shipped profile for a site reads the pages of its hosts without further settings.
func TestShippedProfiles(t *testing.T) {
	t.Parallel()
	lib, err := pipeline.Config{}.Library()
	if err != nil {
		t.Fatal(err)
	}
	hosts := 0
	for _, p := range lib {
		for _, host := range p.Hosts {
			hosts++
			dir := t.TempDir()
			page := "https://www." + host + "/live"
			out, err := run(t, configinit.Command{Defaults: true, Given: map[string]string{"url": page}}, dir)
			if err != nil || !strings.Contains(load(t, dir), "\n  - url: \""+page+"\"\n    profile: ") {
				t.Errorf("%s: error %v, output\n%s\nwant a config with a profile", page, err, out)
			}
		}
	}
	if hosts == 0 {
		t.Error("no shipped profile has a host")
	}
}

// After an answer that is not valid, Run says why, and asks again. No answer with a secret is shown.
func TestBadAnswers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out, err := run(t, configinit.Command{}, dir,
		"www.bbc.com", "https://me:"+testenv.Secret+"@mysite.example/", "https://mysite.example/{date:HH}",
		"https://site.api.espn.com/scoreboard", "bbc-scores", "espn-scoreboard",
		"pigeon", "telegram", "", "bot-"+testenv.Secret, token, "our club", "-100123",
		"socer.mls", "Toronto FC", "me at club", "me(x)@club.example", "me@club.example", "99999", "8081")
	if err != nil {
		t.Fatalf("Run: %v\n%s", err, out)
	}
	for _, want := range []string{
		`URL "www.bbc.com": want http://… or https://…`, "remove the user or password", "{date:HH}",
		"want espn-baseball or espn-scoreboard", "want none, ntfy, telegram", "no default",
		"want the token that @BotFather shows",
		`chat "our club": want`, `"socer"`, `"me at club": want a mail address`, `"me(x)@club.example": want a mail address`,
		`port "99999": want a number from 1 to 65535`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the output does not contain %q:\n%s", want, out)
		}
	}
	testenv.NoSecret(t, out, load(t, dir))
}

// Run gives up after ten wrong answers to a question, or when the answers end.
func TestAnswersEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := run(t, configinit.Command{}, dir, strings.Split(strings.Repeat("x ", 20), " ")...); err == nil ||
		!strings.Contains(err.Error(), "no valid answer after 10 tries") {
		t.Errorf("20 wrong answers: %v, want an error after 10", err)
	}
	if _, err := run(t, configinit.Command{}, dir, bbc); err == nil || !strings.Contains(err.Error(), "--yes") {
		t.Errorf("one answer: %v, want an error that names --yes", err)
	}
	noFiles(t, dir)
}

func noFiles(t *testing.T, dir string) {
	t.Helper()
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("the folder has the files %v, error %v; want none", files, err)
	}
}

// With Defaults, Run asks only for what has no default. Answers that are given in advance are not asked
// for, and a mistake in one is a usage error.
func TestDefaultsAndGivenAnswers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if out, err := run(t, configinit.Command{Defaults: true}, dir); err != nil || strings.Contains(out, "?") {
		t.Errorf("Defaults: %v\n%s\nwant no question", err, out)
	}
	load(t, dir)
	given := map[string]string{"url": bbc, "channel": "telegram", "only": "Toronto FC", "contact": "", "port": "81"}
	dir = t.TempDir()
	out, err := run(t, configinit.Command{Given: given}, dir, token, "@ourclub")
	if err != nil || !strings.Contains(load(t, dir), `teams: ["Toronto FC"]`) {
		t.Errorf("given answers: %v\n%s\nwant the team in the config", err, out)
	}
	for name, value := range map[string]string{
		"url": "ftp://x", "channel": "pigeon", "only": "socer.mls", "contact": "x", "port": "x",
	} {
		dir = t.TempDir()
		_, err := run(t, configinit.Command{Defaults: true, Given: map[string]string{name: value}}, dir)
		if !errors.Is(err, pipeline.ErrUsage) || !strings.HasPrefix(err.Error(), "--"+name+": ") ||
			!strings.Contains(err.Error(), value) {
			t.Errorf("--%s %s: %v, want a usage error", name, value, err)
		}
		noFiles(t, dir)
	}
}

// The default topic of ntfy is different each time.
func TestTopicIsRandom(t *testing.T) {
	t.Parallel()
	topics := map[string]bool{}
	for range 2 {
		dir := t.TempDir()
		out, err := run(t, configinit.Command{Defaults: true, Given: map[string]string{"channel": "ntfy"}}, dir)
		if err != nil {
			t.Fatal(err)
		}
		load(t, dir)
		secret, err := os.ReadFile(filepath.Join(dir, "ntfy-url.secret"))
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(strings.TrimSpace(string(secret)))
		if err != nil || len(u.Path) < 20 || !strings.Contains(out, "subscribe to "+u.Path[1:]) {
			t.Errorf("the topic is %s, error %v; want a long name, and the name in the output:\n%s", secret, err, out)
		}
		topics[string(secret)] = true
	}
	if len(topics) != 2 {
		t.Errorf("the topics are %v, want two", topics)
	}
}

// Run changes no existing file. It uses an existing file with a secret, but no other secret.
func TestExistingFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, secret := filepath.Join(dir, "matchwire.yaml"), filepath.Join(dir, "slack-url.secret")
	for _, f := range []string{file, secret} {
		if err := os.WriteFile(f, []byte(slack+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := run(t, configinit.Command{Defaults: true}, dir)
	if !errors.Is(err, pipeline.ErrUsage) || !strings.Contains(err.Error(), file+" already exists") {
		t.Errorf("existing config: %v, want a usage error that names the file", err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != slack+"\n" {
		t.Errorf("the existing config now contains %q, error %v", text, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	out, err := run(t, configinit.Command{}, dir, "", "slack", slack+"x", "", "", "", "")
	if err != nil || !strings.Contains(out, secret+" already exists with another value") || strings.Contains(out, slack) {
		t.Errorf("existing secret: %v\n%s\nwant the config, and an error for the other value", err, out)
	}
	load(t, dir)
	if text, err := os.ReadFile(secret); err != nil || string(text) != slack+"\n" {
		t.Errorf("the existing secret is now %q, error %v", text, err)
	}
}

// If the folder does not accept new files, Run asks nothing.
func TestUnwritableFolder(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	locked := t.TempDir()
	folders := []string{folder, filepath.Join(t.TempDir(), "missing")}
	if os.Geteuid() != 0 { // root can write to every folder
		if err := os.Chmod(locked, 0o500); err != nil {
			t.Fatal(err)
		}
		folders = append(folders, locked)
	}
	for _, dir := range folders {
		out, err := run(t, configinit.Command{}, dir)
		if err == nil || !strings.Contains(err.Error(), dir+"/matchwire.yaml: cannot create a file") || out != "" {
			t.Errorf("folder %s: %v, output %q; want an error that names the file, and no question", dir, err, out)
		}
	}
}

// Run does not wait for an answer when its context ends.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	in, answers := io.Pipe()
	defer answers.Close()
	ctx, cancel := context.WithCancel(t.Context())
	dir := t.TempDir()
	c := configinit.Command{File: filepath.Join(dir, "matchwire.yaml"), In: in, Out: writerFunc(cancel)}
	if err := c.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v, want the error of the context", err)
	}
	noFiles(t, dir)
}

// A writerFunc is a Writer that calls a function.
type writerFunc func()

func (f writerFunc) Write(p []byte) (int, error) {
	f()
	return len(p), nil
}

// A port that is not valid, or on which this process cannot listen, is explained at the question. The second time, the
// port is accepted, because matchwire may be running now.
func TestPort(t *testing.T) {
	t.Parallel()
	busy := func(address string) error {
		switch address {
		case "localhost:8080":
			return &net.OpError{Op: "listen", Err: syscall.EADDRINUSE}
		case "localhost:80":
			return &net.OpError{Op: "listen", Err: syscall.EACCES}
		}
		return nil
	}
	dir := t.TempDir()
	out, err := run(t, configinit.Command{Listen: busy}, dir, "", "", "", "99999", "http", "80", "", "8080")
	if err != nil || !strings.Contains(load(t, dir), `listen: "localhost:8080"`) {
		t.Fatalf("error %v, want a config with port 8080:\n%s", err, out)
	}
	for _, want := range []string{
		`This is not valid: port "99999": want a number from 1 to 65535, such as 8080`, `port "http": want a number`,
		"you may not use port 80: want a port from 1024", "port 8080 is in use, perhaps by a matchwire that is running; " +
			"choose another port, or enter 8080 again to use it all the same",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the questions lack %q:\n%s", want, out)
		}
	}
	out, err = run(t, configinit.Command{Listen: busy, Defaults: true}, t.TempDir())
	if err != nil || !strings.Contains(out, "Note: port 8080 is in use") {
		t.Errorf("with --yes: error %v, want a note about the port:\n%s", err, out)
	}
}
