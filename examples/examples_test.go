// Package examples_test builds the examples and runs each of them with a real broker or a fan-out node.
package examples_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/internal/testenv"
)

// Each of the three consumers writes every goal of the replays once, with the TID of the goal. The test
// kills the consumer during a replay, and later starts it again.
func TestEveryGoalOnce(t *testing.T) {
	testenv.NotShort(t)
	dir := t.TempDir()
	program := build(t, dir, "../cmd/matchwire", "matchwire")
	for _, example := range []struct {
		name  string
		start func(*environment) *process
	}{
		{"outside Go module", func(w *environment) *process {
			w.config("consumers:\n  goals: {file: goals.txt}\n")
			return w.run(build(t, w.dir, "go", "goals"), "run", "consumers", "--config", w.dir+"/matchwire.yaml")
		}},
		{"Python program", func(w *environment) *process {
			script, err := filepath.Abs("python/goals.py")
			if err != nil {
				t.Fatal(err)
			}
			w.config(fmt.Sprintf("consumers:\n  goals: {exec: [python3, %s, goals.txt], keys: ['*.*.goal']}\n", script))
			return w.run(program, "run", "consumers", "--config", w.dir+"/matchwire.yaml")
		}},
		{"JavaScript on plain AMQP", func(w *environment) *process {
			install(t, w.dir)
			return w.run("node", filepath.Join(w.dir, "javascript", "goals.js"), w.file)
		}},
	} {
		t.Run(example.name, func(t *testing.T) {
			w := newEnvironment(t, program)
			consumer := example.start(w)
			w.until("the consumer to be ready", func() bool {
				return strings.Contains(consumer.output(), "consumer ready") || strings.Contains(consumer.output(), "listening")
			})
			published := w.goals()
			w.replay()
			w.until("the first goals", func() bool { return len(w.lines()) >= 4 })
			var replays sync.WaitGroup
			replays.Go(func() { w.replay(); w.replay() })
			w.until("more goals", func() bool { return len(w.lines()) >= 12 })
			consumer.kill()
			replays.Wait()
			w.replay() // while the consumer is down
			consumer = example.start(w)
			w.emit("Marker") // published last, so any duplicates are in the file before this goal
			w.until("the last goal", func() bool { return strings.Contains(file(w.file).String(), "Marker") })
			consumer.stop()

			got := map[string]string{}
			for _, line := range w.lines() {
				words := strings.Fields(line)
				if got[words[1]] != "" {
					t.Errorf("goal written twice, want once: %s", line)
				}
				got[words[1]] = words[0]
			}
			want := published()
			if len(want) != 41 || !maps.Equal(got, want) {
				t.Errorf("got %d goals in the file and %d published, want 41 of each: %v, %v", len(got), len(want), got, want)
			}
			t.Logf("%d goals published, %d lines in the file, each with its TID", len(want), len(w.lines()))
		})
	}
}

// If the program of a consumer is killed, matchwire starts it again, and each goal is written once.
func TestKilledProgramIsRestarted(t *testing.T) {
	testenv.NotShort(t)
	w := newEnvironment(t, build(t, t.TempDir(), "../cmd/matchwire", "matchwire"))
	script, err := filepath.Abs("python/goals.py")
	if err != nil {
		t.Fatal(err)
	}
	w.config(fmt.Sprintf("consumers:\n  goals: {exec: [python3, %s, goals.txt], keys: ['*.*.goal']}\n", script))
	consumer := w.run(w.program, "run", "consumers", "--config", w.dir+"/matchwire.yaml")
	w.until("the consumer to be ready", func() bool { return strings.Contains(consumer.output(), "consumer ready") })
	published := w.goals()
	w.replay()
	w.until("the first goals", func() bool { return len(w.lines()) >= 4 })
	for range 3 {
		out, err := exec.Command("pgrep", "-P", strconv.Itoa(consumer.cmd.Process.Pid)).Output()
		if err != nil {
			t.Fatalf("matchwire has no child process: %v", err)
		}
		for _, pid := range strings.Fields(string(out)) {
			n, err := strconv.Atoi(pid)
			if err != nil {
				t.Fatal(err)
			}
			if p, err := os.FindProcess(n); err == nil {
				_ = p.Kill()
			}
		}
		w.replay()
		w.until("the goals after the program was killed", func() bool { return len(w.lines()) >= len(published()) })
	}
	if lines := w.lines(); len(lines) != len(published()) || len(lines) != 40 {
		t.Errorf("got %d lines in the file and %d goals published, want 40 of each", len(lines), len(published()))
	}
}

// The tests of the Go modules pass.
func TestGoModules(t *testing.T) {
	testenv.NotShort(t)
	for _, module := range []string{"go", "bot"} {
		if out, err := exec.Command("go", "test", "-C", module, "./...").CombinedOutput(); err != nil {
			t.Errorf("go test in %s: %v\n%s", module, err, out)
		}
	}
}

// An environment holds the broker, namespace, config folder and output file of a consumer under test.
type environment struct {
	*testing.T
	program         string // path of matchwire
	dir             string // folder of the config
	file            string // path of the file with the goals
	amqp, namespace string
	env             []string // environment variables of all programs
}

// newEnvironment returns an environment with private queues, an empty Redis database and an empty
// folder.
func newEnvironment(t *testing.T, program string) *environment {
	w := &environment{T: t, program: program, dir: t.TempDir()}
	w.file = filepath.Join(w.dir, "goals.txt")
	w.amqp, w.namespace = testenv.AMQP(t, nil,
		"consumer.goals", "goals.js", "consumer.scheduler", "consumer.notify.log", "consumer.scoreboard")
	w.env = append(os.Environ(), "AMQP_URL="+w.amqp, "REDIS_URL="+testenv.Redis(t),
		"MATCHWIRE_NAMESPACE="+w.namespace, "NAMESPACE="+w.namespace)
	return w
}

// build builds the program in the folder module, writes it to dir under the given name, and returns its
// path.
func build(t *testing.T, dir, module, name string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if out, err := exec.Command("go", "build", "-C", module, "-o", file, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return file
}

// install copies the JavaScript example to a folder and installs its dependencies. If the example is
// already there, install does nothing.
func install(t *testing.T, dir string) {
	t.Helper()
	to := filepath.Join(dir, "javascript")
	if _, err := os.Stat(to); err == nil {
		return
	}
	if err := os.CopyFS(to, os.DirFS("javascript")); err != nil {
		t.Fatal(err)
	}
	npmInstall(t, to)
}

// npmInstall installs the dependencies of the package in a folder.
func npmInstall(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command("npm", "install", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		testenv.Missing(t, fmt.Sprintf("npm install: %v\n%s", err, out))
	}
}

// config writes matchwire.yaml.
func (w *environment) config(text string) {
	w.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, "matchwire.yaml"), []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
}

// replay publishes the events of two recorded matches. In each call, the goals have new IDs.
func (w *environment) replay() {
	cmd := exec.Command(w.program, "replay", "../fixtures/soccer/mls-2016-11-06-nyc-tor",
		"../fixtures/ice_hockey/nhl-2016-05-30-pit-sjs", "--speed", "max")
	cmd.Env = w.env
	if out, err := cmd.CombinedOutput(); err != nil {
		w.Errorf("replay: %v\n%s", err, out)
	}
}

// emit publishes a goal by player.
func (w *environment) emit(player string) {
	w.Helper()
	cmd := exec.Command(w.program, "emit", "soccer.mls.goal", fmt.Sprintf(`{"player":%q}`, player))
	cmd.Env = w.env
	if out, err := cmd.CombinedOutput(); err != nil {
		w.Fatalf("emit: %v\n%s", err, out)
	}
}

// goals collects the goals that are published after the call. The returned function returns their TIDs,
// by event ID.
func (w *environment) goals() func() map[string]string {
	w.Helper()
	conn, err := amqp.Dial(w.amqp)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		w.Fatal(err)
	}
	q, err := ch.QueueDeclare("", false, true, true, false, nil)
	if err == nil {
		err = ch.QueueBind(q.Name, "*.*.goal", w.namespace+".live_events", false, nil)
	}
	if err != nil {
		w.Fatal(err)
	}
	deliveries, err := ch.Consume(q.Name, "", true, true, false, false, nil)
	if err != nil {
		w.Fatal(err)
	}
	var mu sync.Mutex
	all := map[string]string{}
	go func() {
		for d := range deliveries {
			var e struct{ ID, TID string }
			if err := json.Unmarshal(d.Body, &e); err != nil || e.TID != d.CorrelationId {
				w.Errorf("goal %s: decoding error %v, correlation ID %q, want no error and the goal's TID as the correlation ID",
					d.Body, err, d.CorrelationId)
			}
			mu.Lock()
			all[e.ID] = e.TID
			mu.Unlock()
		}
	}()
	return func() map[string]string {
		mu.Lock()
		defer mu.Unlock()
		return maps.Clone(all)
	}
}

// lines returns the complete lines of the file with the goals.
func (w *environment) lines() []string {
	b, err := os.ReadFile(w.file)
	if err != nil {
		return nil
	}
	all := strings.Split(string(b), "\n")
	return all[:len(all)-1]
}

// until waits until ok returns true. what describes the condition in the failure message.
func (w *environment) until(what string, ok func() bool) {
	w.Helper()
	testenv.Eventually(w, ok, "%s; in the file:\n%s", what, file(w.file))
}

// A file is the path of a file. Its String method returns the current contents of the file.
type file string

func (f file) String() string {
	b, _ := os.ReadFile(string(f))
	return string(b)
}

// A process is a running program.
type process struct {
	cmd *exec.Cmd

	mu    sync.Mutex
	lines []string // lines read from standard error
}

// run starts a program. The program is killed when the test ends.
func (w *environment) run(program string, args ...string) *process {
	w.Helper()
	p := &process{cmd: exec.Command(program, args...)}
	p.cmd.Env = w.env
	out, err := p.cmd.StderrPipe()
	if err != nil {
		w.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(p.kill)
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			p.mu.Lock()
			p.lines = append(p.lines, s.Text())
			p.mu.Unlock()
		}
	}()
	return p
}

// output returns what the process has written to standard error.
func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

func (p *process) kill() { p.end(syscall.SIGKILL) }
func (p *process) stop() { p.end(syscall.SIGTERM) }

// end sends a signal to the process and waits until it exits. A second call does nothing.
func (p *process) end(s syscall.Signal) {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Signal(s)
		_ = p.cmd.Wait()
	}
}
