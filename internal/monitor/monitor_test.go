package monitor_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matchwire/matchwire/health"
	"github.com/matchwire/matchwire/internal/monitor"
)

// ask returns the status code and the body of an endpoint. It fails the test if the answer takes
// longer than 500 ms.
func ask(t *testing.T, m *monitor.Monitor, path string) (code int, body string) {
	t.Helper()
	mux := http.NewServeMux()
	m.Handle(mux, func(*http.Request) bool { return true })
	w := httptest.NewRecorder()
	began := time.Now()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if took := time.Since(began); took > 500*time.Millisecond { // by the fake clock of synctest
		t.Errorf("%s answered after %v, want at most 500ms", path, took)
	}
	return w.Code, w.Body.String()
}

// bubble runs test in a bubble of synctest, with a Monitor that runs checks.
func bubble(t *testing.T, checks []monitor.Check, test func(*testing.T, *monitor.Monitor)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := &monitor.Monitor{}
		for _, c := range checks {
			m.Add(c)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			m.Run(ctx)
			close(ended)
		}()
		test(t, m)
		stop()
		<-ended
	})
}

// Whatever a check does, each endpoint answers within 500 ms. A check that hangs is reported as an
// issue, even if it ignores its context.
func TestChecksThatHang(t *testing.T) {
	for _, first := range []bool{true, false} { // whether the first run hangs
		synctest.Test(t, func(t *testing.T) {
			hang := make(chan struct{})
			runs := 0
			m := &monitor.Monitor{}
			m.Add(monitor.Check{Name: "stuck", Ready: true, Run: func(context.Context) []health.Issue {
				if runs++; first || runs > 1 {
					<-hang
				}
				return nil
			}})
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() {
				m.Run(ctx)
				close(ended)
			}()
			if code, body := ask(t, m, "/healthz"); first != (code == http.StatusServiceUnavailable) {
				t.Errorf("first run hangs: %v: /healthz answered %d %s at the start, want 503 only if it hangs", first, code, body)
			}
			time.Sleep(10 * time.Second)
			for path, want := range map[string]int{"/livez": 200, "/readyz": 503, "/healthz": 503} {
				if code, body := ask(t, m, path); code != want || want == 503 && !strings.Contains(body, `\"stuck\"`) {
					t.Errorf("first run hangs: %v: %s answered %d %s, want %d, and the check's name with 503", first, path, code,
						body, want)
				}
			}
			stop()
			close(hang)
			<-ended
		})
	}
}

// The issues of a check without Ready affect only /healthz. The process becomes healthy again when
// the issue ends.
func TestReadiness(t *testing.T) {
	var issues sync.Map // by the name of the check
	check := func(name string, ready bool) monitor.Check {
		return monitor.Check{Name: name, Ready: ready, Run: func(context.Context) []health.Issue {
			found, _ := issues.Load(name)
			all, _ := found.([]health.Issue)
			return all
		}}
	}
	bubble(t, []monitor.Check{check("needed", true), check("other", false)}, func(t *testing.T, m *monitor.Monitor) {
		for _, tc := range []struct {
			check                  string
			issue                  health.Issue
			ready, healthy         int    // status codes of /readyz and /healthz
			readyText, healthyText string // texts in their bodies
		}{
			{"other", health.Issue{Text: "webhook"}, 200, 200, "", "webhook"},
			{"other", health.Issue{Text: "webhook", Down: true}, 200, 503, "", "webhook"},
			{"needed", health.Issue{Text: "slow"}, 200, 200, "", "slow"},
			{"needed", health.Issue{Text: "gone", Down: true}, 503, 503, "gone", "gone"},
		} {
			issues.Store(tc.check, []health.Issue{tc.issue})
			time.Sleep(3 * time.Second)
			for path, want := range map[string]struct {
				code int
				text string
			}{"/livez": {200, ""}, "/readyz": {tc.ready, tc.readyText}, "/healthz": {tc.healthy, tc.healthyText}} {
				if code, body := ask(t, m, path); code != want.code || !strings.Contains(body, want.text) {
					t.Errorf("with %v: %s answered %d %s, want %d with %q", tc.issue, path, code, body, want.code, want.text)
				}
			}
			issues.Delete(tc.check)
			time.Sleep(3 * time.Second)
			if code, body := ask(t, m, "/healthz"); code != 200 || !strings.Contains(body, `"pass"`) {
				t.Errorf("after %v: /healthz answered %d %s, want pass", tc.issue, code, body)
			}
		}
	})
}

// A stopping process is alive, but neither ready nor healthy.
func TestStop(t *testing.T) {
	bubble(t, nil, func(t *testing.T, m *monitor.Monitor) {
		if code, _ := ask(t, m, "/readyz"); code != 200 {
			t.Errorf("before Stop, /readyz answered %d, want 200", code)
		}
		m.Stop()
		for path, want := range map[string]int{"/livez": 200, "/readyz": 503, "/healthz": 503} {
			if code, body := ask(t, m, path); code != want {
				t.Errorf("after Stop, %s answered %d %s, want %d", path, code, body, want)
			}
		}
	})
}
