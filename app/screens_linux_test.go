package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/matchwire/matchwire/consumers/shipped"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/internal/trace"
)

var update = flag.Bool("update", false, "rewrite the screens in testdata/screens")

// A screenTest is a command whose output testdata/screens/NAME.txt contains.
type screenTest struct {
	name  string
	in    string   // standard input
	args  []string // COLUMNS stands for the width of the terminal
	stop  string   // if not "", the command is stopped once its output contains this text
	loose bool     // the widths of columns vary, so the number of spaces is not compared
	mixed bool     // alerts can be printed at any time between the events, so their order is not compared
}

// Each command shows what testdata/screens contains, on terminals of 80 and 120 columns. Values that
// differ between two runs, such as times and IDs, are replaced.
//
//	go test ./app -run TestScreens -update
func TestScreens(t *testing.T) {
	fixture, err := filepath.Abs("../fixtures/soccer/one-goal")
	if err != nil {
		t.Fatal(err)
	}
	sample, err := filepath.Abs("../profiles/bbc-scores/cup.html")
	if err != nil {
		t.Fatal(err)
	}
	pages := t.TempDir()
	for _, name := range []string{"02-kick-off.html", "03-minute-06.html"} {
		page, err := os.ReadFile(filepath.Join(nycTor, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(pages, name), page, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	site, ntfy := newSite(t, pages), newSite(t, pages) // ntfy can send any body
	golden, err := filepath.Abs("testdata/screens")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	const config = `# The team of a club's site.
sources:
  - {url: SITE/match, profile: mls-matchcentre, match: nyc-tor, every: 1s}
consumers:
  scoreboard:
  archive: {file: archive.db}
  notify:
    channels: {club: {ntfy: {url: NTFY}}}
    rules: [{teams: [Toronto FC], kinds: [goal], to: [club]}]
  picky: {exec: [sh, -c, "while read -r line; do echo permanent no goals here; done"], keys: ["#.goal"]}
listen: 127.0.0.1:0
fetch: {private_addresses: true, ignore_robots: true}
`
	text := strings.NewReplacer("SITE", site.URL, "NTFY", ntfy.URL+"/club").Replace(config)
	for name, content := range map[string]string{
		"matchwire.yaml": text,
		"demo.yaml": "consumers:\n  notify:\n    channels: {club: {ntfy: {url: " + ntfy.URL + "/club}}}\n" +
			"    rules: [{to: [club]}]\n",
		"broken.yaml": "sources:\n  - {url: ftp://x, profile: mls, every: 1}\nconsumers:\n  notfy:\nfetch:\n" +
			"  contatc: me\n",
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, folder := range []string{"80", "120"} { // so that init finds no file of the other terminal
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	p := start(t, "consumer=picky keys", append([]string{"MATCHWIRE_API_TOKEN=" + testenv.Secret,
		"MATCHWIRE_NAME=club", "MATCHWIRE_DATA=data"}, noServers...), "run")
	env := map[string]string{
		"TERM": "xterm", "MATCHWIRE_SERVER": "http://" + p.address(), "MATCHWIRE_API_TOKEN": testenv.Secret,
	}
	var dead, tid string
	p.eventually("a notification and a dead letter", func() bool {
		_, out, _ := call(t, "", env, "dead", "list", "picky")
		if dead = uuidPattern.FindString(out); dead == "" {
			return false
		}
		_, out, _ = call(t, "", env, "dead", "show", "picky", dead)
		tid = regexp.MustCompile(`tid +(\S+)`).FindStringSubmatch(out)[1]
		_, out, _ = call(t, "", env, "trace", tid)
		return strings.Contains(out, "notify.club") && strings.Contains(out, "picky")
	})

	p.eventually("the dead letter in ps", func() bool {
		_, out, _ := call(t, "", env, "ps")
		return strings.Contains(out, "dead letter")
	})

	for _, tc := range []screenTest{
		{name: "help", args: []string{"--help"}},
		{name: "help-run", args: []string{"run", "--help"}},
		{name: "check", args: []string{"check"}},
		{name: "check-errors", args: []string{"check", "--config", "broken.yaml"}},
		{name: "parse", args: []string{"parse", fixture + "/01-live.html", "--profile", "mls-matchcentre"}},
		{name: "profiles", args: []string{"profiles"}, loose: true},
		{name: "replay", args: []string{"replay", fixture}},
		{name: "demo", args: []string{"demo", fixture, "--speed", "max", "--listen", "127.0.0.1:0", "--config", "demo.yaml"},
			stop: "The matches have ended", mixed: true},
		{name: "ps", args: []string{"ps"}, loose: true},
		{name: "graph", args: []string{"graph", "--plan", "--config", "demo.yaml"}},
		{name: "health", args: []string{"health", "http://" + p.address() + "/healthz"}},
		{name: "trace", args: []string{"trace", tid, "--server", orderedTrace(t, env, tid)}},
		{name: "dead-list", args: []string{"dead", "list"}},
		{name: "dead-list-picky", args: []string{"dead", "list", "picky", "--limit", "2"}},
		{name: "dead-show", args: []string{"dead", "show", "picky", dead}},
		{name: "parse-list", args: []string{"parse", sample, "--profile", "bbc-scores"}},
		{name: "archive-export", args: []string{"archive", "export", "--format", "csv"}},
		{name: "emit", args: []string{"emit", "soccer.mls.red_card",
			`{"player":"Ann","team":"Toronto FC","match":{"id":"m1","home":"New York City FC","away":"Toronto FC"}}`}},
		{name: "emit-unknown-kind", args: []string{"emit", "soccer.mls.gaol", "{}"}},
		{name: "tail", args: []string{"tail", "soccer.#"}, stop: "waiting for events"},
		{name: "rebuild", args: []string{"rebuild", "unknown"}},
		{name: "notify-keys", args: []string{"notify", "keys", "--help"}},
		{name: "notify-try", args: []string{"notify", "try", "club"}},
		{name: "notify-preview", args: []string{"notify", "preview", fixture}},
		{name: "token", args: []string{"token", "club", "read"}},
		{name: "record", args: []string{"record", site.URL + "/match", "--profile", "mls-matchcentre", "--match", "m1",
			"--out", "recording-COLUMNS", "--every", "1s", "--for", "1s"}},
		{name: "init", args: []string{"init", "COLUMNS/new.yaml"},
			in: "soon\n\nntfy\n\nToronto FC\nme@club.example\n48080\n"},
		{name: "users", args: []string{"users", "users-COLUMNS"}},
		{name: "setup", args: []string{"setup"}},
		{name: "migrate", args: []string{"migrate"}},
		{name: "restored", args: []string{"restored"}},
		{name: "gateway", args: []string{"gateway"}},
		{name: "licences", args: []string{"licences", "--help"}},
		{name: "completion", args: []string{"completion", "--help"}},
		{name: "unknown-command", args: []string{"chekc"}},
		{name: "dead-replay", args: []string{"dead", "replay", "picky"}},
		{name: "dead-purge", args: []string{"dead", "purge", "picky", "unknown"}},
		{name: "backup", args: []string{"backup", "copy-COLUMNS", "--data", "data"}, loose: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			narrow, wide := tc.show(t, 80, env), tc.show(t, 120, env)
			got := "80 columns\n" + strings.Repeat("=", 80) + "\n" + narrow +
				"\n120 columns\n" + strings.Repeat("=", 120) + "\n" + wide
			if narrow == wide {
				got = "80 and 120 columns\n" + strings.Repeat("=", 80) + "\n" + narrow
			}
			file := filepath.Join(golden, tc.name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant the text of %s:\n%s", got, filepath.Base(file), want)
			}
		})
	}
}

// orderedTrace returns the URL of a server with the trace of a job. In contrast to the original, the steps are in
// the order of their names, and each takes 2 ms.
func orderedTrace(t *testing.T, env map[string]string, tid string) string {
	t.Helper()
	code, out, errs := call(t, "", env, "trace", tid, "--json")
	if code != exitOK {
		t.Fatalf("trace --json: exit %d, want 0: %s", code, errs)
	}
	var tree trace.Tree
	if err := json.Unmarshal([]byte(out), &tree); err != nil {
		t.Fatal(err)
	}
	after := time.Duration(0)
	var order func([]*trace.Node)
	order = func(nodes []*trace.Node) {
		slices.SortFunc(nodes, func(a, b *trace.Node) int {
			return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Op, b.Op))
		})
		for _, n := range nodes {
			n.Start, n.Took = tree.Start.Add(after), trace.Millis(2*time.Millisecond)
			n.Outcome = regexp.MustCompile(`\d+ bytes`).ReplaceAllString(n.Outcome, "1715 bytes")
			after += 3 * time.Millisecond
			order(n.Children)
		}
	}
	order(tree.Steps)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := json.NewEncoder(w).Encode(tree); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// show runs the command on a terminal, and returns what the terminal shows.
func (s screenTest) show(t *testing.T, columns int, env map[string]string) string {
	t.Helper()
	screen, stream, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer screen.Close()
	if err := pty.Setsize(stream, &pty.Winsize{Rows: 40, Cols: uint16(columns)}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var out strings.Builder
	done := make(chan error)
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := screen.Read(buffer)
			out.Write(buffer[:n])
			if s.stop != "" && strings.Contains(out.String(), s.stop) {
				cancel(context.Canceled)
			}
			if err != nil {
				done <- err
				return
			}
		}
	}()
	getenv := func(name string) string { return env[name] }
	var args []string
	for _, a := range s.args {
		args = append(args, strings.ReplaceAll(a, "COLUMNS", strconv.Itoa(columns)))
	}
	p := program{plugins: shipped.Plugins(), getenv: getenv, in: strings.NewReader(s.in), out: stream, err: stream}
	p.run(ctx, args)
	stream.Close()
	if err := <-done; !errors.Is(err, io.EOF) && !errors.Is(err, syscall.EIO) {
		t.Fatalf("reading the terminal: %v", err)
	}
	lines, err := testenv.Screen(steady(out.String(), s.loose), columns)
	if err != nil {
		t.Fatal(err)
	}
	if s.mixed {
		lines = alertsLast(lines)
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n"
}

// alertsLast moves the alerts to the end, in the order of their texts.
func alertsLast(lines []string) []string {
	var others, alerts []string
	const indent = "          " // of an alert; its further lines are indented more
	for _, l := range lines {
		switch {
		case strings.HasPrefix(l, indent+"notify."):
			alerts = append(alerts, l)
		case strings.HasPrefix(l, indent+"  ") && len(alerts) > 0:
			alerts[len(alerts)-1] += "\n" + l
		default:
			others = append(others, l)
		}
	}
	slices.Sort(alerts)
	return append(others, alerts...)
}

var uuidPattern = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// steady replaces values that differ between two runs. If loose is true, it also replaces numbers whose width
// varies, and squeezes spaces.
func steady(text string, loose bool) string {
	for _, r := range []struct{ pattern, with string }{
		{uuidPattern.String(), "01234567-89ab-cdef-0123-456789abcdef"},
		{`20\d\d-\d\d-\d\d([T ])\d\d:\d\d:\d\d(\.\d+)?`, "2026-11-29${1}15:04:05"},
		{`\d\d:\d\d:\d\d`, "15:04:05"},
		{`(127\.0\.0\.1|localhost):\d{5}`, "$1:12345"},
		{`mw_[A-Za-z0-9_-]{43}`, "mw_" + strings.Repeat("a", 43)},
		{`matchwire-[a-z0-9]{12}\b`, "matchwire-abcdefghijkl"},
		{`sha256: [0-9a-f]{64}`, "sha256: " + strings.Repeat("0", 64)},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.with)
	}
	if loose {
		text = regexp.MustCompile(`\d+(\.\d+)? ?(ms|s|months|years|bytes)\b`).ReplaceAllString(text, "12 $2")
		text = regexp.MustCompile(` {2,}`).ReplaceAllString(text, "  ")
	}
	return text
}
