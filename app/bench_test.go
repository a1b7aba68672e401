package app

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/bench"
	"github.com/matchwire/matchwire/internal/testenv"
)

// The command bench measures each load, without servers and with them. Afterwards, Redis has no keys of the bench.
func TestBench(t *testing.T) {
	testenv.NotShort(t)
	t.Setenv("MATCHWIRE_TEST_MAIN", "1") // bench starts processes of this program
	args := []string{"bench", "--json", "--for", "1s", "--sources", "20", "--every", "1s", "--sockets", "10",
		"--demand", "40"}
	t.Run("without servers", func(t *testing.T) { checkBenchReport(t, nil, args...) })
	t.Run("servers", func(t *testing.T) {
		env := map[string]string{"AMQP_URL": os.Getenv("AMQP_URL"), "REDIS_URL": testenv.Redis(t)}
		if env["AMQP_URL"] == "" {
			testenv.Missing(t, "no RabbitMQ: AMQP_URL is not set")
		}
		checkBenchReport(t, env, args...)
		options, err := redis.ParseURL(env["REDIS_URL"])
		if err != nil {
			t.Fatal(err)
		}
		r := redis.NewClient(options)
		defer r.Close()
		if keys, err := r.Keys(t.Context(), "mw:*").Result(); err != nil || len(keys) > 0 {
			t.Errorf("after the bench, Redis has the keys %q, error %v; want none", keys, err)
		}
	})
}

// checkBenchReport runs bench and checks its report.
func checkBenchReport(t *testing.T, env map[string]string, args ...string) {
	t.Helper()
	code, out, errs := call(t, "", env, args...)
	var report bench.Report
	if err := json.Unmarshal([]byte(out), &report); code != exitOK || err != nil {
		t.Fatalf("bench: exit %d, error %v\n%s%s", code, err, out, errs)
	}
	var loads []string
	for _, r := range report.Results {
		loads = append(loads, r.Load)
		if r.PerSecond <= 0 || !(r.P99 >= r.P50) || !(r.RoundTrips > 0) || (r.Commands > 0) != report.Servers {
			t.Errorf("load %s: %+v; want a rate, quantiles of the delay and calls to Redis", r.Load, r)
		}
		total := 0.0 // a role may use less than the resolution of the clock
		for _, ms := range r.CPU {
			total += ms
		}
		if roles := map[bool]int{true: 5, false: 1}[report.Servers]; len(r.CPU) != roles || total <= 0 {
			t.Errorf("load %s: the CPU times are %v, want those of %d roles and servers", r.Load, r.CPU, roles)
		}
	}
	if got, want := strings.Join(loads, " "), strings.Join(bench.Loads(), " "); got != want {
		t.Errorf("bench measured %s, want %s", got, want)
	}
	if report.Servers != (env != nil) {
		t.Errorf("the report has servers: %t, want %t", report.Servers, env != nil)
	}
}

// bench refuses flags and arguments that cannot be meant.
func TestBenchArguments(t *testing.T) {
	for want, args := range map[string]string{
		`load "poll": want one of`:  "poll",
		"--sources 0: want":         "--sources 0",
		"--processes 17: want":      "--processes 17",
		"--for 500ms: want":         "--for 500ms",
		"there is only one process": "--processes 2",
		"a namespace of its own":    "--namespace live",
	} {
		code, _, errs := call(t, "", nil, append([]string{"bench"}, strings.Fields(args)...)...)
		if code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("bench %s: exit %d, errors %q; want %d and %q", args, code, errs, exitUsage, want)
		}
	}
}
