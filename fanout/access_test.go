package fanout_test

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/fanout/access"
	"github.com/matchwire/matchwire/fanout/presence"
	"github.com/matchwire/matchwire/internal/testenv"
)

// metric returns the value of a metric, summed over its labels.
func metric(t *testing.T, h *fanout.Hub, name string) (sum float64) {
	t.Helper()
	r := prometheus.NewRegistry()
	for _, c := range h.Collectors() {
		r.MustRegister(c)
	}
	all, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// loadKeys loads the keys from a new file with the given text. With the returned Keys, a token that has
// only an expiry allows everything.
func loadKeys(t *testing.T, text string) *access.Keys {
	t.Helper()
	return loadKeysWith(t, text, access.Policy{AllowAll: true})
}

// loadKeysWith is like loadKeys, but with the given policy.
func loadKeysWith(t *testing.T, text string, policy access.Policy) *access.Keys {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := access.LoadKeys(file, policy)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const (
	secret     = "a secret of more than thirty-two bytes"
	secretFile = "secret:" + secret + "\n"
)

// token returns a signed token.
func token(t *testing.T, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	t.Helper()
	s, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// try connects and returns the HTTP status. If the node refuses the request, try also returns the
// detail of the problem document. Otherwise it returns the client.
func (n *node) try(t *testing.T, query string, header http.Header) (status int, detail string, c *client) {
	t.Helper()
	conn, resp, err := n.connect(query, header)
	if err == nil {
		t.Cleanup(func() { conn.Close() })
		return resp.StatusCode, "", &client{t: t, conn: conn}
	}
	if resp == nil {
		t.Fatal(err)
	}
	var p struct{ Detail string }
	_ = json.NewDecoder(resp.Body).Decode(&p)
	return resp.StatusCode, p.Detail, nil
}

func TestTokens(t *testing.T) {
	soon := time.Now().Add(time.Minute).Unix()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	jwks := fmt.Sprintf(`{"keys":[{"kty":"oct","kid":"one","k":"%s"},{"kty":"OKP","crv":"Ed25519","x":"%s"}]}`,
		b64([]byte(secret)), b64(public))
	pemText := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	hs256 := func(key string, claims jwt.MapClaims) string {
		return token(t, jwt.SigningMethodHS256, []byte(key), claims)
	}
	none := token(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, jwt.MapClaims{"exp": soon})
	hs := hs256(secret, jwt.MapClaims{"exp": soon})
	ed := token(t, jwt.SigningMethodEdDSA, private, jwt.MapClaims{"exp": soon})
	for name, tc := range map[string]struct {
		keys, token string
		want        int
	}{
		"a secret":                   {secretFile, hs, 101},
		"a JWK set, HS256":           {jwks, hs, 101},
		"a JWK set, EdDSA":           {jwks, ed, 101},
		"PEM":                        {pemText, ed, 101},
		"PEM after a comment":        {"# of the login server\n" + pemText, ed, 101},
		"no token":                   {secretFile, "", 401},
		"wrong secret":               {"secret:" + strings.Repeat("x", 32), hs, 401},
		"the public key as a secret": {pemText, hs256(string(public), jwt.MapClaims{"exp": soon}), 401},
		"PEM as a secret":            {pemText, hs256(pemText, jwt.MapClaims{"exp": soon}), 401},
		"unsigned":                   {secretFile, none, 401},
		"expired":                    {secretFile, hs256(secret, jwt.MapClaims{"exp": 1}), 401},
		"without exp":                {secretFile, hs256(secret, jwt.MapClaims{}), 401},
		"not valid yet":              {secretFile, hs256(secret, jwt.MapClaims{"exp": soon, "nbf": soon}), 401},
		"issued in the future":       {secretFile, hs256(secret, jwt.MapClaims{"exp": soon, "iat": soon}), 401},
		"an empty claim":             {secretFile, hs256(secret, jwt.MapClaims{"exp": soon, "match": []string{}}), 401},
		"an invalid topic pattern": {secretFile,
			hs256(secret, jwt.MapClaims{"exp": soon, "topics": []string{"soccer"}}), 401},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNodeOf(t, memory.New(nil, nil), fanout.Options{Limits: fanout.Limits{Tokens: loadKeys(t, tc.keys)}})
			status, detail, _ := n.try(t, "", http.Header{"Authorization": {"Bearer " + tc.token}})
			inQuery, _, _ := n.try(t, "token="+tc.token, nil)
			if status != tc.want || inQuery != tc.want {
				t.Errorf("status %d with the token in the header, %d with the token in the query, want %d; detail: %s",
					status, inQuery, tc.want, detail)
			}
			testenv.NoSecret(t, detail, tc.token, secret)
		})
	}
}

func authorization(r *http.Request) string { return r.Header.Get("Authorization") }

// A trusted client needs no token of the streams.
func TestTrustedClient(t *testing.T) {
	n := newNodeOf(t, memory.New(nil, nil), fanout.Options{Limits: fanout.Limits{Tokens: loadKeys(t, secretFile),
		Credential: authorization, Trusted: func(c string) bool { return c == "Bearer trusted" }}})
	for token, want := range map[string]int{"trusted": 101, "other": 401} {
		if status, detail, _ := n.try(t, "", http.Header{"Authorization": {"Bearer " + token}}); status != want {
			t.Errorf("with the token %s: status %d, want %d; detail: %s", token, status, want, detail)
		}
	}
}

// Verify refuses a token without a claim that the policy requires. It refuses a token that does not
// say what it allows, unless the policy has AllowAll.
func TestTokenPolicy(t *testing.T) {
	t.Parallel()
	now := time.Now()
	const all = "#"
	claims := func(more jwt.MapClaims) jwt.MapClaims {
		c := jwt.MapClaims{"exp": now.Add(time.Hour).Unix(), "topics": []string{all}}
		maps.Copy(c, more)
		return c
	}
	for name, tc := range map[string]struct {
		policy access.Policy
		claims jwt.MapClaims
		want   string // part of the error; "" if the token is valid
	}{
		"all topics":             {access.Policy{}, claims(nil), ""},
		"no claims":              {access.Policy{}, jwt.MapClaims{"exp": now.Add(time.Hour).Unix()}, "no claim topics"},
		"no claims, all allowed": {access.Policy{AllowAll: true}, jwt.MapClaims{"exp": now.Add(time.Hour).Unix()}, ""},
		"issuer":                 {access.Policy{Issuer: "club"}, claims(jwt.MapClaims{"iss": "club"}), ""},
		"wrong issuer":           {access.Policy{Issuer: "club"}, claims(jwt.MapClaims{"iss": "Club"}), "iss"},
		"no issuer":              {access.Policy{Issuer: "club"}, claims(nil), "iss"},
		"audience":               {access.Policy{Audience: "live"}, claims(jwt.MapClaims{"aud": "live"}), ""},
		"one of two audiences":   {access.Policy{Audience: "live"}, claims(jwt.MapClaims{"aud": []string{"x", "live"}}), ""},
		"wrong audience":         {access.Policy{Audience: "live"}, claims(jwt.MapClaims{"aud": "shop"}), "aud"},
		"no audience":            {access.Policy{Audience: "live"}, claims(nil), "aud"},
		"short lifetime":         {access.Policy{Lifetime: time.Hour}, claims(jwt.MapClaims{"iat": now.Unix()}), ""},
		"long lifetime": {access.Policy{Lifetime: time.Hour}, claims(jwt.MapClaims{"iat": now.Add(-time.Hour).Unix()}),
			"valid for 2h0m0s from iat to exp: want at most 1h0m0s"},
		"unknown lifetime": {access.Policy{Lifetime: time.Hour}, claims(nil), "iat"},
		"nbf":              {access.Policy{NotBefore: true}, claims(jwt.MapClaims{"nbf": now.Unix() - 1}), ""},
		"no nbf":           {access.Policy{NotBefore: true}, claims(nil), "nbf"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/ws", nil)
		r.Header.Set("Authorization", "Bearer "+token(t, jwt.SigningMethodHS256, []byte(secret), tc.claims))
		got, err := loadKeysWith(t, secretFile, tc.policy).Verify(r)
		switch {
		case tc.want == "" && (err != nil || len(got.Topics) > 0):
			t.Errorf("%s: topics %q, error %v, want a token that allows everything", name, got.Topics, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: error %v, want one that contains %q", name, err, tc.want)
		}
	}
}

// A token restricts the events that its client receives. When the token expires, the node closes the
// connection.
func TestTokenClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil, nil)
		n := newPipeNode(t, b, fanout.Options{Limits: fanout.Limits{Tokens: loadKeys(t, secretFile)}})
		claims := jwt.MapClaims{"exp": time.Now().Add(4 * time.Second).Unix(), "topics": []string{"soccer.#"}}
		allowed := "&token=" + token(t, jwt.SigningMethodHS256, []byte(secret), claims)
		status, detail, _ := n.try(t, "topics=ice_hockey.nhl.*"+allowed, nil)
		if status != http.StatusForbidden || !strings.Contains(detail, "soccer.#") {
			t.Errorf("topics that the token does not allow: status %d, detail %q, want status 403 and the allowed topics",
				status, detail)
		}
		_, _, all := n.try(t, allowed, nil)
		_, _, goals := n.try(t, "topics=*.*.goal"+allowed, nil)
		all.read()
		goals.read()
		publishNth(t, b, "m2", "ice_hockey.nhl.goal", 1, nil)
		publishNth(t, b, "m1", "soccer.mls.goal", 1, nil)
		_, _, more := n.try(t, "nothing=true"+allowed, nil)
		more.read()
		if err := more.conn.WriteMessage(websocket.TextMessage, []byte(`{"subscribe":{"match":["m2"]}}`)); err != nil {
			t.Fatal(err)
		}
		if f := more.read(); len(f.Snapshot.Matches) > 0 && len(f.Snapshot.Matches[0].Incidents) > 0 {
			t.Errorf("the snapshot has incidents that the token does not allow, want none: %+v", f.Snapshot.Matches[0])
		}
		for _, c := range []*client{all, goals} {
			if e, _ := c.event(); e.Subject != "m1" {
				t.Errorf("received an event %s of match %s, want only match m1, which the token allows", e.Type, e.Subject)
			}
		}
		subscribe := []byte(`{"subscribe":{"topics":["ice_hockey.#"]}}`)
		if err := goals.conn.WriteMessage(websocket.TextMessage, subscribe); err != nil {
			t.Fatal(err)
		}
		if code := goals.closed(); code != 4002 {
			t.Errorf("after a subscription to topics that the token does not allow: closed with %d, want 4002", code)
		}
		if code := all.closed(); code != 4003 {
			t.Errorf("after the token expired: closed with %d, want 4003", code)
		}
	})
}

// The error for an invalid key file names the file and the fault.
func TestInvalidKeys(t *testing.T) {
	for text, want := range map[string]string{
		"secret: short": "5 bytes: want at least 32",
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJxP7Q4lMAqzQzW5kA8fYw0p3qgF1s5v a@b":     "unknown format",
		"MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=":                 "unknown format", // DER as base64
		"a secret of more than thirty-two bytes":                                       "unknown format",
		`{"keys":[{"kty":"oct","alg":"EdDSA","k":"` + strings.Repeat("a", 43) + `"}]}`: `alg "EdDSA"`,
		`{"keys":[{"kty":"oct","use":"enc","k":"` + strings.Repeat("a", 43) + `"}]}`:   `use "enc"`,
		`{"kty":"oct","k":"` + strings.Repeat("a", 43) + `"}`:                          "no keys", // not in a set
		`{"keys":[]}`:              "no keys",
		`{"keys":`:                 "not a JWK set",
		`{"keys":[{"kty":"RSA"}]}`: `kty "RSA"`,
		"-----BEGIN PUBLIC KEY-----\nTUFERQ==\n-----END PUBLIC KEY-----": "Ed25519",
	} {
		file := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := access.LoadKeys(file, access.Policy{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file) {
			t.Errorf("LoadKeys of a file with %.20q: error %v, want one with the file name and %q", text, err, want)
		}
	}
}

func TestOrigins(t *testing.T) {
	origins := []string{"https://club.example", "https://*.news.example", "http://localhost:*"}
	n := newNodeOf(t, memory.New(nil, nil), fanout.Options{Limits: fanout.Limits{Origins: origins}})
	for origin, want := range map[string]int{
		"": 101, n.URL: 101,
		"https://club.example": 101, "https://live.news.example": 101, "HTTPS://CLUB.EXAMPLE": 101,
		"http://club.example": 403, "https://club.example:444": 403, "https://club.example.evil.example": 403,
		"https://news.example": 403, "https://evilnews.example": 403, "null": 403,
		"http://localhost:5173": 101, "http://localhost": 101, "https://localhost:5173": 403,
		"http://localhost.evil.example": 403,
	} {
		h := http.Header{}
		if origin != "" {
			h.Set("Origin", origin)
		}
		if status, _, _ := n.try(t, "", h); status != want {
			t.Errorf("origin %q: status %d, want %d", origin, status, want)
		}
	}
	for o, valid := range map[string]bool{
		"https://a.example": true, "https://*.a.example": true, "http://localhost:3000": true,
		"a.example": false, "https://a.example/": false, "*": false, "https://*": false, "https://a.*.example": false,
		"ftp://a.example": false, "http://localhost:*": true, "https://*.a.example:*": false, "http://*:*": false,
	} {
		if err := access.CheckOrigin(o); (err == nil) != valid {
			t.Errorf("CheckOrigin(%q) = %v, want an error: %v", o, err, !valid)
		}
	}
}

func TestConnectionLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPipeNode(t, memory.New(nil, nil), fanout.Options{Limits: fanout.Limits{Connections: 2}})
		_, _, one := n.try(t, "", nil)
		one.read()
		n.follow(t, "").read()
		if status, _, _ := n.try(t, "", nil); status != http.StatusServiceUnavailable {
			t.Errorf("the third connection: status %d, want 503", status)
		}
		one.conn.Close()
		synctest.Wait()
		if status, _, _ := n.try(t, "", nil); status != http.StatusSwitchingProtocols {
			t.Errorf("after a client disconnected: status %d, want 101", status)
		}
	})
}

// Each node reports the clients of all nodes.
func TestPresence(t *testing.T) {
	r := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { r.Close() })
	b := memory.New(nil, nil)
	node := func(name string) *node {
		return newNodeOf(t, b, fanout.Options{Presence: presence.NewStore(r, "mw:", name)})
	}
	one := node("one")
	for _, query := range []string{"", "topics=soccer.mls.*", "topics=soccer.mls.*,*.*.goal",
		"match=m1&team=A", "delay=30&match=m1"} {
		one.follow(t, query).read()
	}
	two := node("two")
	two.follow(t, "match=m2").read()
	two.follow(t, "match=m1").read()
	const want = "{Nodes:2 Connections:7 Everything:1 Topics:[{Name:soccer.mls.* Clients:2} {Name:*.*.goal Clients:1}] " +
		"Match:[{Name:m1 Clients:3} {Name:m2 Clients:1}] Team:[{Name:A Clients:1}]}"
	var got string
	for range 100 { // an earlier report, from Run, may arrive after this one
		for _, n := range [2]interface{ ReportPresence(context.Context) error }{one.hub, two.hub} {
			if err := n.ReportPresence(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		resp, err := http.Get(two.URL + "/presence")
		if err != nil {
			t.Fatal(err)
		}
		var p presence.Presence
		err = json.NewDecoder(resp.Body).Decode(&p)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if got = fmt.Sprintf("%+v", p); got == want {
			return
		}
	}
	t.Errorf("presence\n%s\nwant\n%s", got, want)
}

// Clients receive the same frames with every codec.
func TestCodecsCarryTheSameFrames(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	plain, sse := n.follow(t, ""), n.sse(t, "", "")
	dialer := websocket.Dialer{EnableCompression: true}
	conn, resp, err := dialer.Dial(strings.Replace(n.URL, "http", "ws", 1)+"/ws", nil)
	if err != nil || !strings.Contains(resp.Header.Get("Sec-Websocket-Extensions"), "permessage-deflate") {
		t.Fatalf("connecting with compression: response %v, error %v, want permessage-deflate", resp, err)
	}
	defer conn.Close()
	deflated := &client{t: t, conn: conn}
	p, d, s := plain.read(), deflated.read(), sse.read()
	if p.Cursor != d.Cursor || p.Cursor != s.Cursor || p.Snapshot == nil || d.Snapshot == nil || s.Snapshot == nil {
		t.Fatalf("first frames: plain %+v, deflated %+v, SSE %+v, want snapshots with the same cursor", p, d, s)
	}
	for i := range int64(300) {
		publishNth(t, b, "m1", "soccer.mls.goal", i+1, func(d *event.Data) {
			d.Player = "Müller\nÖ" + strings.Repeat("z", int(i)*10)
		})
	}
	for i := range int64(300) {
		_, p := plain.event()
		_, d := deflated.event()
		s := sse.read()
		if string(p.Event) != string(d.Event) || string(p.Event) != string(s.Event) ||
			p.Cursor != d.Cursor || p.Cursor != s.Cursor {
			t.Fatalf("event %d: frames with different events or cursors:\nplain    %s %s\ndeflated %s %s\nSSE      %s %s",
				i+1, p.Cursor, p.Event, d.Cursor, d.Event, s.Cursor, s.Event)
		}
	}
}

// Clients that connect with TLS receive every event and the close frame. With TLS, writes block.
func TestTLS(t *testing.T) {
	t.Parallel()
	b := memory.New(nil, nil)
	hub := fanout.NewHub(fanout.Options{Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- hub.Run(ctx, b) }()
	s := httptest.NewTLSServer(hub.Handler())
	defer s.Close()
	d := websocket.Dialer{TLSClientConfig: s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()}
	d.TLSClientConfig.NextProtos = nil
	var clients []*client
	for range 5 {
		conn, _, err := d.Dial(strings.Replace(s.URL, "https", "wss", 1)+"/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		c := &client{t: t, conn: conn}
		c.read()
		clients = append(clients, c)
	}
	for i := range int64(500) {
		publishNth(t, b, "m1", "soccer.mls.goal", i+1, func(d *event.Data) { d.Reason = strings.Repeat("x", 1000) })
	}
	for _, c := range clients {
		for want := int64(1); want <= 500; want++ {
			if e, _ := c.event(); e.Data.Seq != want {
				t.Fatalf("received event %d, want %d", e.Data.Seq, want)
			}
		}
	}
	cancel()
	for _, c := range clients {
		if code := c.closed(); code != websocket.CloseGoingAway {
			t.Errorf("closed with %d, want 1001", code)
		}
		c.conn.Close()
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
