package examples_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/internal/testenv"
)

// The bot writes each goal, correction and retraction of its team once, although it is killed, the server is stopped,
// and the bot loses its latest cursor. It does not write old goals, recordings or goals of other teams.
func TestBot(t *testing.T) {
	testenv.NotShort(t)
	n := newNode(t, fanout.Options{})
	dir := t.TempDir()
	w := &environment{T: t, file: filepath.Join(dir, "goals.txt"), env: os.Environ()}
	program := build(t, dir, "bot", "bot")
	start := func() *process {
		return w.run(program, "-server", "http://"+n.addr, "-team", "toronto fc", "-file", w.file)
	}
	cursor := file(w.file + ".cursor")

	n.publish("soccer.mls.goal", goal("1", "Before", "1'", 0, 1))
	bot := start()
	w.until("the first cursor", func() bool { return cursor.String() != "" })
	first := cursor.String()
	n.publish("soccer.mls.goal", goal("2", "Jozy Altidore", "10'", 0, 2))
	w.until("the first line", func() bool { return len(w.lines()) == 1 })
	bot.kill()

	corrected := goal("2", "Sebastian Giovinco", "10'", 0, 2)
	corrected.Rev = 2
	n.publish("soccer.mls.goal_corrected", corrected)
	n.publish("soccer.mls.goal", goal("3", "\x1b[31mLuca\nMoro", "11'", 0, 3))
	retracted := goal("3", "Luca Moro", "11'", 0, 2)
	retracted.Rev, retracted.Reason = 2, "the page no longer shows it"
	n.publish("soccer.mls.goal_retracted", retracted)
	other := goal("4", "Other", "12'", 1, 0)
	other.Team = "D.C. United"
	other.Match = &event.Match{ID: "mls-43", Home: "D.C. United", Away: "LA Galaxy", Status: event.Live}
	n.publish("soccer.mls.goal", other)
	old, recorded := goal("5", "Old", "13'", 0, 3), goal("6", "Recorded", "14'", 0, 3)
	old.Backfill, recorded.Replay = true, true
	n.publish("soccer.mls.goal", old)
	n.publish("soccer.mls.goal", recorded)
	bot = start()
	w.until("the lines of events while the bot was down", func() bool { return len(w.lines()) == 4 })

	n.stop()
	w.until("the bot to notice", func() bool { return strings.Contains(bot.output(), "connecting again in") })
	n.publish("soccer.mls.goal", goal("7", "", "20'", 0, 3))
	n.start()
	w.until("a line after the server's restart", func() bool { return len(w.lines()) == 5 })
	bot.kill()

	if err := os.WriteFile(string(cursor), []byte(first), 0o600); err != nil {
		t.Fatal(err)
	}
	bot = start()
	n.publish("soccer.mls.goal", goal("8", "Last", "30'", 0, 4))
	w.until("the last line", func() bool { return strings.Contains(file(w.file).String(), "Last") })
	bot.stop()
	if code := bot.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("after a signal, the bot exits with %d, want 0: %s", code, bot.output())
	}

	var got []string
	for _, line := range w.lines() {
		got = append(got, strings.Join(strings.Fields(line)[2:], " "))
	}
	want := []string{
		"Goal: 10' Jozy Altidore (Toronto FC). New York City FC 0-2 Toronto FC",
		"Correction: 10' Sebastian Giovinco (Toronto FC). New York City FC 0-2 Toronto FC",
		"Goal: 11' [31mLuca Moro (Toronto FC). New York City FC 0-3 Toronto FC",
		"Taken back: 11' Luca Moro (Toronto FC), because the page no longer shows it. New York City FC 0-2 Toronto FC",
		"Goal: 20' unknown scorer (Toronto FC). New York City FC 0-3 Toronto FC",
		"Goal: 30' Last (Toronto FC). New York City FC 0-4 Toronto FC",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the bot wrote\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// If a line cannot be posted, the bot posts it again with the same key, and writes it once.
func TestBotPostsAgain(t *testing.T) {
	testenv.NotShort(t)
	type post struct{ key, text string }
	var mu sync.Mutex
	var posts []post
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		switch posts = append(posts, post{r.Header.Get("Idempotency-Key"), string(text)}); len(posts) {
		case 1:
			panic(http.ErrAbortHandler) // closes the connection without a response
		case 2:
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	defer receiver.Close()
	n := newNode(t, fanout.Options{})
	dir := t.TempDir()
	w := &environment{T: t, file: filepath.Join(dir, "goals.txt"), env: os.Environ()}
	bot := w.run(build(t, dir, "bot", "bot"), "-server", "http://"+n.addr, "-team", "Toronto FC", "-file", w.file,
		"-post", receiver.URL+"/secret")
	w.until("the first cursor", func() bool { return file(w.file+".cursor").String() != "" })
	n.publish("soccer.mls.goal", goal("1", "Jozy Altidore", "10'", 0, 1))
	w.until("the line", func() bool { return len(w.lines()) == 1 })
	bot.stop()
	words := strings.Fields(w.lines()[0])
	want := post{words[1], strings.Join(words[2:], " ")}
	if !slices.Equal(posts, []post{want, want, want}) {
		t.Errorf("the bot posted %q, want %q three times", posts, want)
	}
	for _, want := range []string{"posting a line: 502 Bad Gateway", "posting a line: EOF"} {
		if out := bot.output(); !strings.Contains(out, want) {
			t.Errorf("the bot reports %s, want %q", out, want)
		}
	}
	testenv.NoSecret(t, bot.output(), "secret")
}

// If the server refuses the token, the bot prints the reason of the server and exits.
func TestBotShowsRefusal(t *testing.T) {
	testenv.NotShort(t)
	n := newNode(t, fanout.Options{Limits: fanout.Limits{Tokens: keys(t)}})
	dir := t.TempDir()
	program := build(t, dir, "bot", "bot")
	for token, want := range map[string]string{
		"":        "the server refuses the connection: 401 Unauthorized: a token is required",
		"invalid": "the server refuses the connection: 401 Unauthorized: the token is not valid",
	} {
		cmd := exec.Command(program, "-server", "http://"+n.addr, "-team", "Toronto FC",
			"-file", filepath.Join(dir, "goals.txt"))
		cmd.Env = append(os.Environ(), "MATCHWIRE_TOKEN="+token)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), want) {
			t.Errorf("with the token %q, the bot ends with %v and prints %s, want exit code 1 and %q",
				token, err, out, want)
		}
	}
}
