package httpapi_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/guard"
	"github.com/matchwire/matchwire/internal/httpapi"
	"github.com/matchwire/matchwire/internal/netguard"
	"github.com/matchwire/matchwire/internal/scheduler"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/profile"
)

// The Redis client sends a script again if the reply was lost. The API returns the
// same responses as if no reply had been lost.
func TestMatchesWhenRedisRepliesAreLost(t *testing.T) {
	testenv.OnLossyRedis(t, func(t *testing.T, _, lossy *redis.Client) {
		p, err := profile.Load("one.yaml", []byte("profile: one\nsport: soccer\nhosts: [site.example]\n"+
			"match:\n  league: {value: L}\n  home: .home\n  away: .away\n"))
		if err != nil {
			t.Fatal(err)
		}
		tokens, err := guard.LoadTokens("", testenv.Secret)
		if err != nil {
			t.Fatal(err)
		}
		api := &httpapi.API{
			Schedule: scheduler.NewSchedule(lossy, "mw:", nil), Profiles: profile.Library{"one": p},
			Pages: netguard.Policy{Private: true, AnyPort: true},
			Guard: &guard.Guard{Tokens: tokens}, Log: slog.New(slog.DiscardHandler),
		}
		call := func(method, path, body string) int {
			r := httptest.NewRequest(method, path, strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+testenv.Secret)
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			api.Handler().ServeHTTP(w, r)
			return w.Code
		}
		source := event.SourceID("https://site.example/1", "m1")
		for _, c := range []struct {
			method, path, body string
			want               int
		}{
			{"POST", "/api/matches", `{"url":"https://site.example/1","profile":"one","match":"m1"}`, http.StatusCreated},
			{"POST", "/api/matches", `{"url":"https://site.example/1","profile":"one","match":"m1"}`, http.StatusOK},
			{
				"POST", "/api/matches", `{"url":"https://site.example/1","profile":"one","match":"m1","league":"M"}`,
				http.StatusConflict,
			},
			{"GET", "/api/matches/" + source, "", http.StatusOK},
			{"DELETE", "/api/matches/" + source, "", http.StatusNoContent},
			{"DELETE", "/api/matches/" + source, "", http.StatusNotFound},
		} {
			if got := call(c.method, c.path, c.body); got != c.want {
				t.Errorf("%s %s: status %d, want %d", c.method, c.path, got, c.want)
			}
		}
	})
}
