package fanout_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/fanout/access"
)

// New limits apply to new clients. A client whose token they do not accept is closed, and no other client is.
func TestSetLimits(t *testing.T) {
	b := memory.New(nil, nil)
	other := strings.Repeat("o", 32)
	set := func(secrets ...string) *access.Keys {
		var keys []string
		for _, s := range secrets {
			keys = append(keys, fmt.Sprintf(`{"kty":"oct","k":%q}`, base64.RawURLEncoding.EncodeToString([]byte(s))))
		}
		return loadKeys(t, `{"keys":[`+strings.Join(keys, ",")+`]}`)
	}
	trust := func(trusted string) func(string) bool { return func(c string) bool { return c == "Bearer "+trusted } }
	n := newNodeOf(t, b, fanout.Options{Limits: fanout.Limits{Tokens: set(secret, other), Credential: authorization,
		Trusted: trust("api")}})
	bearer := func(key string) http.Header {
		return http.Header{"Authorization": {"Bearer " + token(t, jwt.SigningMethodHS256, []byte(key),
			jwt.MapClaims{"exp": time.Now().Add(time.Minute).Unix()})}}
	}
	api := http.Header{"Authorization": {"Bearer api"}}
	connect := func(what string, header http.Header, want int) *client {
		t.Helper()
		status, detail, c := n.try(t, "", header)
		if status != want {
			t.Fatalf("%s: status %d, want %d; detail: %s", what, status, want, detail)
		}
		if c != nil {
			c.read()
		}
		return c
	}
	one, two := connect("a token", bearer(secret), 101), connect("another token", bearer(other), 101)
	trusted := connect("a trusted token", api, 101)
	n.hub.SetLimits(fanout.Limits{Tokens: set(other), Trusted: trust("api"), Connections: 2})
	if code := one.closed(); code != 4003 {
		t.Errorf("the key is gone: close code %d, want 4003", code)
	}
	connect("the key is gone", bearer(secret), http.StatusUnauthorized)
	n.hub.SetLimits(fanout.Limits{Tokens: set(other), Trusted: trust("new")})
	if code := trusted.closed(); code != 4003 {
		t.Errorf("the token is no longer trusted: close code %d, want 4003", code)
	}
	n.hub.SetLimits(fanout.Limits{Tokens: set(other), Connections: 1})
	connect("more connections than the new limit", bearer(other), http.StatusServiceUnavailable)
	n.hub.SetLimits(fanout.Limits{Tokens: set(other), ConnectionsPerAddress: 1})
	connect("more connections of the address than the new limit", bearer(other), http.StatusTooManyRequests)
	n.hub.SetLimits(fanout.Limits{})
	open := connect("no tokens", nil, 101)
	page := http.Header{"Origin": {"https://club.example"}}
	connect("a page of another site", page, http.StatusForbidden)
	n.hub.SetLimits(fanout.Limits{Origins: []string{"https://club.example"}})
	connect("a page of a site that may connect", page, 101)
	publishNth(t, b, "m1", "soccer.mls.goal", 1, nil)
	for what, c := range map[string]*client{"a valid token": two, "no token": open} {
		if e, _ := c.event(); e.Subject != "m1" {
			t.Errorf("a client with %s received an event of %q, want m1", what, e.Subject)
		}
	}
	n.hub.SetLimits(fanout.Limits{Tokens: set(other)})
	if code := open.closed(); code != 4003 {
		t.Errorf("tokens are required now: close code %d, want 4003", code)
	}
	publishNth(t, b, "m1", "soccer.mls.goal", 2, nil)
	if e, _ := two.event(); e.Data.Seq != 2 {
		t.Errorf("event %d, want the second", e.Data.Seq)
	}
}

// A heldLog is read when it is released.
type heldLog struct {
	broker.Log
	released chan struct{}
}

func (l heldLog) ReadLog(ctx context.Context, from broker.Cursor, caughtUp chan<- struct{},
	h func(broker.Cursor, broker.Message) error) error {
	<-l.released
	return l.Log.ReadLog(ctx, from, caughtUp, h)
}

// A client is closed too if the limits change while it waits for the node to become ready.
func TestSetLimitsWhileClientWaits(t *testing.T) {
	log := heldLog{memory.New(nil, nil), make(chan struct{})}
	accepted := make(chan struct{}, 1)
	n := newNodeOf(t, log, fanout.Options{Limits: fanout.Limits{Tokens: loadKeys(t, secretFile),
		Credential: authorization, Trusted: func(string) bool { accepted <- struct{}{}; return true }}})
	connected := make(chan *client, 1)
	go func() {
		_, _, c := n.try(t, "", http.Header{"Authorization": {"Bearer api"}})
		connected <- c
	}()
	<-accepted
	n.hub.SetLimits(fanout.Limits{Tokens: loadKeys(t, secretFile)})
	close(log.released)
	if c := <-connected; c == nil {
		t.Error("the node refused the client, want a connection that it closes")
	} else if code := c.closed(); code != 4003 {
		t.Errorf("close code %d, want 4003", code)
	}
}
