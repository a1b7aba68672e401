package exec_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/exec"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/internal/testenv"
)

// run runs a shell script as a consumer until the test ends. handle sends a goal by player to the
// script. change, if not nil, changes the settings.
func run(
	t *testing.T, script string, change func(*exec.Settings),
) (handle func(player string) error, log *testenv.Log) {
	t.Helper()
	log = &testenv.Log{}
	c, err := exec.New(host(log, func(s *exec.Settings) {
		s.Exec, s.Keys = []string{"sh", "-c", script}, []string{"#"}
		if change != nil {
			change(s)
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return func(player string) error {
		ctx, cancel := context.WithTimeout(t.Context(), max(c.Timeout, 5*time.Second))
		if change != nil {
			ctx, cancel = context.WithTimeout(t.Context(), c.Timeout)
		}
		defer cancel()
		return c.Handle(ctx, goal(t, player))
	}, log
}

// host returns a Host for a config in the system's temporary folder. settings sets the settings of
// the consumer.
func host(log *testenv.Log, settings func(*exec.Settings)) consumers.Host {
	return consumers.Host{
		Log:      slog.New(slog.NewTextHandler(log, nil)),
		Path:     func(p string) string { return filepath.Join(os.TempDir(), p) },
		Settings: func(into any) error { settings(into.(*exec.Settings)); return nil },
	}
}

// goal returns a goal by player.
func goal(t *testing.T, player string) event.Event {
	t.Helper()
	e, err := event.Of("soccer.mls.goal", event.Data{Player: player}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	e.TID = event.NewTID()
	return e
}

// answers is a shell script whose answer depends on the scorer's name.
const answers = `while read -r line; do case "$line" in
	*Fine*) echo ok;;
	*Later*) echo "retry the site is closed";;
	*Never*) echo permanent no such player;;
	*Dies*) exit 3;;
	*Babbles*) echo what;;
	*Rambles*) head -c 20000 /dev/zero | tr '\0' x; echo;;
	*Hangs*) sleep 60;;
esac; done`

func TestAnswers(t *testing.T) {
	handle, log := run(t, answers, nil)
	for _, tc := range []struct {
		player    string
		want      string
		permanent bool
	}{
		{"Fine", "", false},
		{"Later", "the site is closed", false},
		{"Never", "no such player", true},
		{"Fine", "", false},
		{"Dies", "the program exited while it handled an event", false},
		{"Fine", "", false}, // the program was started again
		{"Babbles", `the program answered "what": want ok, retry REASON or permanent REASON`, false},
		{"Fine", "", false},
		{"Rambles", "the program printed a line longer than 16 KiB", false},
		{"Fine", "", false},
	} {
		err := handle(tc.player)
		switch {
		case err == nil && tc.want == "":
		case err == nil || tc.want == "" || !strings.Contains(err.Error(), tc.want),
			errors.Is(err, broker.ErrPermanent) != tc.permanent, errors.Is(err, broker.ErrUnavailable):
			t.Errorf("%s: error %v, want %q, permanent %v", tc.player, err, tc.want, tc.permanent)
		}
	}
	if !strings.Contains(log.String(), "exit status 3") {
		t.Errorf("the log lacks the exit status 3:\n%s", log)
	}
}

// If a program prints a line while it has no event, it is started again, and the log contains the
// reason.
func TestOutputWithoutEvent(t *testing.T) {
	for script, want := range map[string]string{
		"echo ready": `the program printed \"ready\" while it had no event`,
		"head -c 20000 /dev/zero | tr '\\0' x; echo": "the program printed a line longer than 16 KiB",
		"head -c 20000 /dev/zero | tr '\\0' x":       "the program printed a line longer than 16 KiB",
	} {
		_, log := run(t, script+"; while read -r line; do echo ok; done", nil)
		logged := func() bool { return strings.Contains(log.String(), want) }
		testenv.Eventually(t, logged, "%q in the log; log:\n%s", want, log)
	}
}

// A copy that hangs is killed with all processes that the copy has started. Then a new copy handles
// events.
func TestHangingProgramIsKilled(t *testing.T) {
	handle, log := run(t, answers, func(s *exec.Settings) { s.Timeout = strictyaml.Duration(time.Second) })
	if err := handle("Fine"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := handle("Hangs"); err == nil || errors.Is(err, broker.ErrPermanent) || time.Since(began) > 20*time.Second {
		t.Errorf("Handle with a program that hangs returned %v after %v, want a temporary error within 20 s",
			err, time.Since(began))
	}
	recovered := func() bool { return handle("Fine") == nil }
	testenv.Eventually(t, recovered, "the program to handle events again; log:\n%s", log)
}

// While the program cannot run, Handle returns ErrUnavailable, as during an outage.
func TestProgramThatCannotRunIsAnOutage(t *testing.T) {
	handle, log := run(t, "echo broken >&2; exit 1", func(s *exec.Settings) {
		s.Timeout = strictyaml.Duration(time.Second)
	})
	unavailable := false
	for range 5 { // a copy that is about to exit may receive some of the events
		unavailable = unavailable || errors.Is(handle("Fine"), broker.ErrUnavailable)
	}
	if !unavailable {
		t.Error("no event failed with ErrUnavailable, want at least one")
	}
	if !strings.Contains(log.String(), "line=broken") || !strings.Contains(log.String(), "starting it again") {
		t.Errorf("the log lacks \"line=broken\" or \"starting it again\", want both:\n%s", log)
	}
}

// Several copies run at the same time. Each event goes to one copy.
func TestCopiesShareTheEvents(t *testing.T) {
	dir := t.TempDir()
	script := `while read -r line; do sleep 0.3; echo "$line" >> ` + dir + `/$$; echo ok; done`
	handle, _ := run(t, script, func(s *exec.Settings) {
		s.Processes, s.Timeout = 4, strictyaml.Duration(20*time.Second)
	})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if err := handle(fmt.Sprint("player", i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	files, err := filepath.Glob(dir + "/*")
	if err != nil || len(files) != 4 {
		t.Errorf("%d copies handled events (glob error: %v), want 4", len(files), err)
	}
	lines := 0
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		lines += strings.Count(string(b), "\n")
	}
	if lines != 8 {
		t.Errorf("the copies received %d events, want 8", lines)
	}
}

// The program inherits the standard variables and those that its settings name. It inherits no other
// variables, because they can contain secrets.
func TestEnvironmentLacksSecrets(t *testing.T) {
	for _, name := range []string{
		"AMQP_URL", "REDIS_URL_FILE", "MATCHWIRE_API_TOKEN", "OTEL_EXPORTER_OTLP_HEADERS", "DISCORD_URL", "LCD", "PATHS",
	} {
		t.Setenv(name, testenv.Secret)
	}
	t.Setenv("FOR_THE_PROGRAM", "seen")
	t.Setenv("LC_TIME", "C")
	t.Setenv("TZ", "Europe/London")
	t.Setenv("HOME", "/home/of/matchwire")
	handle, log := run(t, `env >&2; echo at $(pwd) >&2; while read -r line; do echo ok; done`, func(s *exec.Settings) {
		s.Env, s.Timeout = []string{"FOR_THE_PROGRAM", "NOT_SET"}, strictyaml.Duration(20*time.Second)
	})
	if err := handle("Fine"); err != nil {
		t.Fatal(err)
	}
	inFolder := func() bool { return strings.Contains(log.String(), "at "+os.TempDir()) }
	testenv.Eventually(t, inFolder, "the program to run in the folder of the config; log:\n%s", log)
	for _, want := range []string{
		"FOR_THE_PROGRAM=seen", "LC_TIME=C", "TZ=Europe/London", "HOME=/home/of/matchwire", "PATH=", "variables=[NOT_SET]",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, log)
		}
	}
	testenv.NoSecret(t, log.String())
}

func TestInvalidSettingsAreErrors(t *testing.T) {
	const tooLong = strictyaml.Duration(consumers.MaxTimeout + time.Second)
	for want, settings := range map[string]exec.Settings{
		"exec: want a program":               {Keys: []string{"#"}, Processes: 1},
		"keys: want the topic patterns":      {Exec: []string{"sh"}, Processes: 1},
		`keys[0]: topic pattern "soccer"`:    {Exec: []string{"sh"}, Keys: []string{"soccer"}, Processes: 1},
		`keys[1]: topic pattern "*.*.gaol"`:  {Exec: []string{"sh"}, Keys: []string{"#", "*.*.gaol"}, Processes: 1},
		"timeout: 25m1s: want at most 25m0s": {Exec: []string{"sh"}, Keys: []string{"#"}, Processes: 1, Timeout: tooLong},
		`env: "A=b": want the name`:          {Exec: []string{"sh"}, Keys: []string{"#"}, Processes: 1, Env: []string{"A=b"}},
		"processes 0: want 1 to 64":          {Exec: []string{"sh"}, Keys: []string{"#"}},
		`exec: exec: "no-such-program-here"`: {Exec: []string{"no-such-program-here"}, Keys: []string{"#"}, Processes: 1},
		`/sub/none.sh": stat`:                {Exec: []string{"sub/none.sh"}, Keys: []string{"#"}, Processes: 1},
	} {
		_, err := exec.New(host(&testenv.Log{}, func(s *exec.Settings) { *s = settings }))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("settings %+v: error %v, want %q", settings, err, want)
		}
	}
}

// If the consumer runs only in other processes, the program can be missing on this machine.
func TestProgramMayBeMissingElsewhere(t *testing.T) {
	h := host(&testenv.Log{}, func(s *exec.Settings) {
		s.Exec, s.Keys = []string{"no-such-program-here"}, []string{"#"}
	})
	h.Elsewhere = true
	if _, err := exec.New(h); err != nil {
		t.Errorf("New with a missing program returned error %v, want nil", err)
	}
}

// The path of a program is relative to the folder of the config file, not to the working directory.
func TestPathIsRelativeToTheConfig(t *testing.T) {
	const script = "#!/bin/sh\nwhile read -r line; do echo ok; done\n"
	t.Chdir(t.TempDir())
	for _, folder := range []string{"", "conf"} {
		if err := os.MkdirAll(filepath.Join(".", folder), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "goals.sh"), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		h := host(&testenv.Log{}, func(s *exec.Settings) { s.Exec, s.Keys = []string{"./goals.sh"}, []string{"#"} })
		h.Path = func(p string) string { return filepath.Join(folder, p) }
		c, err := exec.New(h)
		if err != nil {
			t.Fatal(err)
		}
		err = c.While(t.Context(), func(ctx context.Context) error { return c.Handle(ctx, goal(t, "Fine")) })
		if err != nil {
			t.Errorf("program in folder %q: error %v, want nil", folder, err)
		}
	}
}

// When a program ends, the processes that it has started end too.
func TestChildrenEndWithTheProgram(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	script := "sleep 300 & echo $! >> " + pids + "; while read -r line; do echo ok; done"
	c, err := exec.New(host(&testenv.Log{}, func(s *exec.Settings) {
		s.Exec, s.Keys = []string{"sh", "-c", script}, []string{"#"}
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.While(t.Context(), func(ctx context.Context) error { return c.Handle(ctx, goal(t, "Fine")) }); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(pids)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, func() bool { return !running(pid) }, "the program's child to exit")
}

// running reports whether a process exists and is not a zombie.
func running(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(b), ") Z ")
}
