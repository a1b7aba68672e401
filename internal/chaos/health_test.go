package chaos

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/testenv"
)

var update = flag.Bool("update", false, "rewrite the table of failures and health in docs/operations.md")

const (
	healthFile  = "../../docs/operations.md"
	healthBegin = "<!-- This table is written by: go test ./internal/chaos -run TestHealthTable -update -->\n"
	healthEnd   = "<!-- end of the table -->"
	// answerWithin is the documented time limit of the health endpoints.
	answerWithin = 500 * time.Millisecond
	deadProcess  = "no answer"
)

// A healthRow is a failure in the table.
type healthRow struct {
	name   string
	within time.Duration // documented time until all processes show the failure
	cause  func(*healthWorld)
	end    func(*healthWorld) // nil if the next row changes the same processes
	// keep is called while the test waits for the processes to show the failure; can be nil.
	keep func(*healthWorld)
	long bool // only in the long form, because the failure needs much time or CPU
}

// healthRows are the rows of the table, in order. The processes start during the first failure. After the last
// two failures, the processes are not restarted.
var healthRows = []healthRow{
	{name: "RabbitMQ refuses every declaration", within: 5 * time.Second, cause: func(w *healthWorld) {
		w.ctl("set_permissions", "guest", "^$", ".*", ".*")
		w.startAll()
	}, end: func(w *healthWorld) { w.ctl("set_permissions", "guest", ".*", ".*", ".*") }},
	{name: "RabbitMQ is down", within: 10 * time.Second,
		cause: func(w *healthWorld) { w.amqpNet[0].Down() }, end: func(w *healthWorld) { w.amqpNet[0].Up() }},
	{name: "RabbitMQ hangs", within: 10 * time.Second, long: true,
		cause: func(w *healthWorld) { w.amqpNet[0].Stall() }, end: func(w *healthWorld) { w.amqpNet[0].Flow() }},
	{name: "Redis is down", within: 10 * time.Second, long: true,
		cause: func(w *healthWorld) { w.redisNet.Down() }, end: func(w *healthWorld) { w.redisNet.Up() }},
	{name: "Redis hangs", within: 10 * time.Second,
		cause: func(w *healthWorld) { w.redisNet.Stall() }, end: func(w *healthWorld) { w.redisNet.Flow() }},
	{name: "Redis refuses all writes, for example because its memory is full", within: 10 * time.Second,
		cause: func(w *healthWorld) { w.do("config", "set", "maxmemory", "1") },
		end:   func(w *healthWorld) { w.do("config", "set", "maxmemory", "0") }},
	{name: "Redis refuses all writes of scoreboards, for example because the user has no right to them",
		within: 20 * time.Second,
		cause:  func(w *healthWorld) { w.do(slices.Concat([]string{"acl", "setuser", "default"}, withoutBoards)...) },
		end:    func(w *healthWorld) { w.do("acl", "setuser", "default", "allkeys") }},
	{name: "the clocks of the machines are 10 seconds or more ahead of the clock of Redis", within: 10 * time.Second,
		cause: func(w *healthWorld) { w.redisNet.ShiftClock(-11 * time.Second) },
		end:   func(w *healthWorld) { w.redisNet.ShiftClock(0) }},
	{name: "the consumers are dead", within: 20 * time.Second, long: true,
		cause: func(w *healthWorld) { w.roles["consumers"].process.kill() },
		end:   func(w *healthWorld) { w.roles["consumers"].process.start(consumersReady) }},
	// The test moves the deadlines of the sources into the past. Otherwise the processes wait for minutes.
	{name: "nothing polls a source, because the scheduler is dead", within: 150 * time.Second,
		cause: func(w *healthWorld) { w.roles["scheduler"].process.kill() }, keep: (*healthWorld).passDeadlines},
	{name: "the parser is dead", within: 150 * time.Second, cause: func(w *healthWorld) {
		w.roles["parser"].process.kill()
		w.roles["scheduler"].process.start(fanoutReady)
	}, keep: (*healthWorld).passDeadlines},
}

// withoutBoards are the words of an ACL that gives a user read access to all keys, and write access to all
// keys but those of scoreboards.
var withoutBoards = strings.Fields("resetkeys %R~* ~mw:{health}* ~mw:{instances}* ~mw:{schedule}* ~mw:{trace* " +
	"~mw:{fanout}* ~mw:{source:* ~mw:{host:* ~mw:{*}:state ~mw:{*}:outbox ~mw:outboxes ~mw:upcoming ~mw:handled:* " +
	"~mw:order:* ~mw:notify:*")

// healthRoles are the roles in the columns of the table.
var healthRoles = []string{"parser", "scheduler", "consumers", "api", "fanout"}

// A healthWorld is a world with a process for each role. Each process has health endpoints.
type healthWorld struct {
	*world
	roles   map[string]*target
	slowest time.Duration // longest time that an endpoint took to answer
}

func newHealthWorld(t *testing.T) *healthWorld {
	w := &healthWorld{world: newWorld(t, 1, seed(t)), roles: map[string]*target{}}
	for _, name := range healthRoles {
		at := freeAddress(t)
		r := &process{t: t, name: name, program: w.parser.program, env: w.env,
			log:  filepath.Join(filepath.Dir(w.config), name+".log"),
			args: []string{"run", name, "--config", w.config, "--listen", at}}
		t.Cleanup(r.stop)
		w.roles[name] = &target{process: r, address: at}
	}
	w.size = wave{name: "w", matches: 1, rows: 1000, step: 1} // long enough to publish events during the whole test
	w.waves = append(w.waves, w.size)
	w.site.play(w.size)
	return w
}

func (w *healthWorld) startAll() {
	for _, name := range healthRoles {
		w.roles[name].process.start(fanoutReady) // each process logs that it serves
	}
}

// do runs a command on Redis.
func (w *healthWorld) do(words ...string) {
	w.Helper()
	var args []any
	for _, word := range words {
		args = append(args, word)
	}
	if err := w.store.Do(w.Context(), args...).Err(); err != nil {
		w.Fatalf("%v: %v", words, err)
	}
}

// passDeadlines moves the deadlines of all sources into the past.
func (w *healthWorld) passDeadlines() {
	w.Helper()
	const key = "mw:{schedule}:deadline"
	sources, err := w.store.ZRange(w.Context(), key, 0, -1).Result()
	if err != nil {
		w.Fatal(err)
	}
	for _, s := range sources {
		if err := w.store.ZAdd(w.Context(), key, redis.Z{Score: 1, Member: s}).Err(); err != nil {
			w.Fatal(err)
		}
	}
}

// ask returns the status that an endpoint of a process reports, and deadProcess if it does not answer. It asks
// again if the answer is late, because the machine of the test can be busy. It fails the test if all
// answers are late.
func (w *healthWorld) ask(name, path string) (status string) {
	w.Helper()
	t := w.roles[name]
	if t.process.cmd.ProcessState != nil { // killed
		return deadProcess
	}
	fastest := time.Hour
	for range 10 {
		began := time.Now()
		resp, err := http.Get("http://" + t.address + path)
		if err != nil {
			w.Fatalf("%s%s: %v", name, path, err)
		}
		var answer struct{ Status string }
		err = json.NewDecoder(resp.Body).Decode(&answer)
		resp.Body.Close()
		took := time.Since(began)
		status = answer.Status
		if err != nil || (resp.StatusCode == http.StatusServiceUnavailable) != (status == "fail") {
			w.Fatalf("%s%s: status %d and %q, error %v; want 503 only with fail", name, path, resp.StatusCode, status, err)
		}
		fastest, w.slowest = min(fastest, took), max(w.slowest, took)
		if fastest <= answerWithin || testenv.Race {
			return status
		}
	}
	w.Errorf("%s%s answers after %v, want at most %v", name, path, fastest, answerWithin)
	return status
}

// cells returns what the processes show. /livez of a running process must always pass.
func (w *healthWorld) cells() (all []string) {
	w.Helper()
	for _, name := range healthRoles {
		health, ready, live := w.ask(name, "/healthz"), w.ask(name, "/readyz"), w.ask(name, "/livez")
		cell := health
		switch {
		case health == deadProcess:
		case live != "pass":
			w.Errorf("%s: /livez is %s, want pass", name, live)
		default:
			cell = "`" + health + "`"
			if ready == "fail" {
				cell += ", not ready"
			}
		}
		all = append(all, cell)
	}
	return all
}

// test causes a failure, and waits until the processes show want. It returns what they show. If want is nil,
// it waits until the processes must show the failure.
func (w *healthWorld) test(r healthRow, want []string) (got []string) {
	w.Helper()
	r.cause(w)
	began := time.Now()
	for {
		if r.keep != nil {
			r.keep(w)
		}
		got = w.cells()
		took := time.Since(began)
		settled := want == nil && took > min(r.within, 15*time.Second)+5*time.Second
		if settled || want != nil && slices.Equal(got, want) {
			w.Logf("%s: %v after %.1f s", r.name, got, took.Seconds())
			break
		}
		if took > patience/2 {
			w.Errorf("%s: %v after %v, want %v as in %s", r.name, got, took, want, healthFile)
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	if r.end != nil {
		r.end(w)
		healthy := func(cell string) bool { return cell == "`pass`" }
		w.until("all processes to be healthy after the failure: "+r.name, func() bool {
			return !slices.ContainsFunc(w.cells(), func(cell string) bool { return !healthy(cell) })
		})
	}
	return got
}

// line returns the line of the table for a failure.
func (r healthRow) line(cells []string) string {
	within := fmt.Sprintf("%.0f s", r.within.Seconds())
	return "| " + strings.Join(slices.Concat([]string{r.name, within}, cells), " | ") + " |\n"
}

// The table in docs/operations.md lists what the health endpoints of each process show during each failure. The
// test causes the failures. If the flag -update is set, it rewrites the table. Rows of the long form change only in
// the long form.
func TestHealthTable(t *testing.T) {
	parallel(t)
	doc, err := os.ReadFile(healthFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(doc), healthBegin)
	table, after, ended := strings.Cut(rest, healthEnd)
	if !ok || !ended {
		t.Fatalf("%s lacks the line %q or %q", healthFile, healthBegin, healthEnd)
	}
	lines := strings.SplitAfter(table, "\n")
	saw := "| failure | shown within |"
	for _, name := range healthRoles {
		saw += " `" + name + "` |"
	}
	saw += "\n|" + strings.Repeat("---|", 2+len(healthRoles)) + "\n"

	w := newHealthWorld(t)
	for _, r := range healthRows {
		documented := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "| "+r.name+" |") })
		if r.long && !longForm(t) {
			if documented >= 0 {
				saw += lines[documented]
			}
			continue
		}
		var want []string
		if documented >= 0 && !*update {
			cells := strings.Split(strings.Trim(strings.TrimSpace(lines[documented]), "|"), "|")
			for _, c := range cells[min(2, len(cells)):] {
				want = append(want, strings.TrimSpace(c))
			}
		}
		saw += r.line(w.test(r, want))
	}
	t.Logf("the slowest answer took %v", w.slowest.Round(time.Millisecond))
	if *update {
		if err := os.WriteFile(healthFile, []byte(before+healthBegin+saw+healthEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if saw != table {
		t.Errorf("%s has the table\n%s\nwant\n%s\nrun: go test ./internal/chaos -run TestHealthTable -update",
			healthFile, table, saw)
	}
}

// While RabbitMQ blocks publishers, /healthz warns. The table lacks this failure, because only the processes that
// publish at the time report it.
func TestHealthWhileBrokerBlocks(t *testing.T) {
	longOnly(t)
	w := newHealthWorld(t)
	w.startAll()
	shows := func(status string) func() bool {
		return func() bool { return w.ask("scheduler", "/healthz") == status }
	}
	w.until("the scheduler to be healthy", shows("pass"))
	w.ctl("set_disk_free_limit", "1000000GB")
	w.until("the scheduler to warn", shows("warn"))
	w.ctl("set_disk_free_limit", "50MB")
	w.until("the scheduler to be healthy again", shows("pass"))
}
