package pipeline

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/api"
	"github.com/matchwire/matchwire/consumers/shipped"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/health"
	"github.com/matchwire/matchwire/internal/guard"
	"github.com/matchwire/matchwire/internal/monitor"
	"github.com/matchwire/matchwire/internal/testenv"
)

// At shutdown, the server ends an endless response without an error for the client.
func TestServeEndsStreamsAtShutdown(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	group, ctx := errgroup.WithContext(ctx)
	at, err := serve(ctx, group, "127.0.0.1:0", nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get("http://" + at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	cancel()
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(resp.Body); err != nil {
		t.Errorf("reading the stream: error %v, want none", err)
	}
}

// If a proxy has forwarded a request to a local listener, metrics and the API calls for operators
// need a token. The separate listener for metrics needs no token. A local listener refuses unknown
// host names.
func TestGuardedEndpoints(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	p := New(Config{Metrics: MetricsConfig{Listen: "127.0.0.1:0"}}, Servers{}, log, shipped.Plugins())
	p.Listen, p.APIToken = "127.0.0.1:0", testenv.Secret
	listening, metrics := make(chan net.Addr, 1), make(chan net.Addr, 1)
	p.OnListen, p.onMetrics = func(at net.Addr) { listening <- at }, func(at net.Addr) { metrics <- at }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	main, own := "http://"+(<-listening).String(), "http://"+(<-metrics).String()
	testenv.Eventually(t, func() bool {
		resp, err := http.Get(main + "/healthz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}, "the process to be healthy")
	for _, tc := range []struct {
		url     string
		headers []string // names and values
		want    int
	}{
		{main + "/api/matches", nil, 200},
		{main + "/api/matches", []string{"X-Forwarded-For", "192.0.2.1"}, 401},
		{main + "/api/matches", []string{"X-Forwarded-For", "192.0.2.1", "Authorization", "Bearer " + testenv.Secret}, 200},
		{main + "/api/instances", []string{"Via", "1.1 proxy"}, 401},
		{main + "/api/pipeline", nil, 200},
		{main + "/api/pipeline", []string{"Via", "1.1 proxy"}, 401},
		{main + "/api/pipeline?sources=201", nil, 400},
		{main + "/api/dead", nil, 200},
		{main + "/api/dead", []string{"Via", "1.1 proxy"}, 401},
		{main + "/api/trace/" + event.NewTID().String(), []string{"Via", "1.1 proxy"}, 401},
		{main + "/api/scoreboard", []string{"Via", "1.1 proxy"}, 200},
		{main + "/metrics", nil, 200},
		{main + "/metrics", []string{"Via", "1.1 proxy"}, 401},
		{main + "/healthz", []string{"Via", "1.1 proxy"}, 200},
		{main + "/", []string{"Host", "evil.example"}, 421},
		{main + "/api/scoreboard", []string{"Host", "evil.example"}, 421},
		{main + "/ws", []string{"Host", "evil.example"}, 421},
		{own + "/metrics", []string{"Via", "1.1 proxy"}, 200},
		{own + "/healthz", nil, 200},
		{own + "/api/matches", nil, 404},
		{own + "/metrics", []string{"Host", "evil.example"}, 421},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, tc.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		for pair := range slices.Chunk(tc.headers, 2) {
			r.Header.Set(pair[0], pair[1])
			if pair[0] == "Host" {
				r.Host = pair[1]
			}
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tc.want {
			t.Errorf("%s with %q: status %d, want %d", tc.url, tc.headers, resp.StatusCode, tc.want)
		}
	}
	testChangesNeedAToken(t, main)
}

// testChangesNeedAToken tests that the process at base refuses each call that changes something, unless the call has a
// token. Anybody may subscribe to notifications.
func testChangesNeedAToken(t *testing.T, base string) {
	t.Helper()
	text, err := api.Contracts.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var contract struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(text, &contract); err != nil {
		t.Fatal(err)
	}
	changes := 0
	for path, operations := range contract.Paths {
		for name := range operations {
			method := strings.ToUpper(name)
			if method != http.MethodPost && method != http.MethodDelete || strings.HasPrefix(path, "/api/notify/") {
				continue
			}
			changes++
			r, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s %s without a token: status %d, want 401", method, path, resp.StatusCode)
			}
		}
	}
	if changes < 8 {
		t.Errorf("the contract has %d calls that change something, want 8 or more", changes)
	}
}

// A process reports that it is not ready when its context ends. It still answers, and stops after the delay. If the
// cause is ErrInterrupted, the process stops without the delay.
func TestStopsInTwoSteps(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{nil, ErrInterrupted} {
		log := slog.New(slog.DiscardHandler)
		p := New(Config{}, Servers{}, log, shipped.Plugins())
		p.Listen = "127.0.0.1:0"
		listening := make(chan net.Addr, 1)
		p.OnListen = func(at net.Addr) { listening <- at }
		delayed, release := make(chan struct{}), make(chan struct{})
		p.onStopDelay = func() {
			close(delayed)
			<-release
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		url := "http://" + (<-listening).String()
		get := func(path string) int {
			resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(url + path)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			return resp.StatusCode
		}
		for get("/readyz") != http.StatusOK {
			time.Sleep(10 * time.Millisecond) // until fanout has read the log
		}
		cancel(cause)
		if cause == nil {
			<-delayed
			for path, want := range map[string]int{"/livez": 200, "/readyz": 503, "/healthz": 503, "/api/scoreboard": 200} {
				if got := get(path); got != want {
					t.Errorf("during the delay, %s has the status %d, want %d", path, got, want)
				}
			}
			close(release)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if resp, err := http.Get(url + "/livez"); err == nil {
			resp.Body.Close()
			t.Error("the process still answers after Run has returned, want no answer")
		}
	}
}

// Only clients that may read the metrics see the texts of health issues.
func TestHealthDetails(t *testing.T) {
	t.Parallel()
	h := &monitor.Monitor{}
	h.Add(monitor.Check{Name: "broker", Run: func(context.Context) []health.Issue {
		return []health.Issue{{Text: "broker amqp://mq.internal is down"}}
	}})
	runMonitor(t, h)
	mux := http.NewServeMux()
	handleHealth(h, mux, &guard.Guard{Local: true})
	for header, want := range map[string]bool{"": true, "Via": false, "X-Real-Ip": false} {
		r := httptest.NewRequest(http.MethodGet, "/healthz", nil)
		if header != "" {
			r.Header.Set(header, "192.0.2.1")
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if body := w.Body.String(); strings.Contains(body, "mq.internal") != want || !strings.Contains(body, "warn") {
			t.Errorf("with the header %q: %s, want the status warn, with details: %v", header, body, want)
		}
	}
}
