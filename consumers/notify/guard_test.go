package notify_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/consumers/consumertest"
	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/internal/netguard"
	"github.com/matchwire/matchwire/internal/testenv"
)

// onNetwork makes every name resolve to ip, and every connection fail. dialed returns the addresses that were
// dialed, separated by spaces.
func onNetwork(t *testing.T, ip string) (dialed func() string) {
	var all []string
	notify.SetOptions(t, send.Options{Timeout: answerTimeout, Network: netguard.Network{
		Lookup: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr(ip)}, nil
		},
		Dial: func(_ context.Context, network, address string) (net.Conn, error) {
			all = append(all, address)
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("no route")}
		},
	}})
	return func() string { return strings.Join(all, " ") }
}

// The endpoint of a subscription comes from an untrusted client. matchwire calls it only at a public address and
// on port 443. If the config names exactly its host, a private address and a different port are also allowed,
// but no cloud metadata address.
func TestPushEndpointsAreGuarded(t *testing.T) {
	for _, tc := range []struct{ endpoint, ip, want string }{
		{"https://web.push.apple.com/x", "93.184.216.34", "93.184.216.34:443"},
		{"https://web.push.apple.com/x", "10.0.0.5", ""},
		{"https://web.push.apple.com/x", "127.0.0.1", ""},
		{"https://web.push.apple.com/x", "169.254.169.254", ""},
		{"https://web.push.apple.com/x", "64:ff9b::a9fe:a9fe", ""},
		{"https://a.push.club.example/x", "93.184.216.34", "93.184.216.34:443"},
		{"https://a.push.club.example/x", "10.0.0.5", ""},
		{"https://own.example:8443/x", "10.0.0.5", "10.0.0.5:8443"},
		{"https://own.example:8443/x", "169.254.169.254", ""},
	} {
		dialed := onNetwork(t, tc.ip)
		w := newWorld(t, "channels:\n  phones: {webpush: {keys: vapid.json, contact: 'mailto:me@club.example', "+
			"services: [.push.club.example, 'own.example:8443']}}\nrules:\n  - kinds: [goal]\n")
		w.mustSubscribe(`{"subscription": ` + newBrowser(t).subscription(tc.endpoint) + `}`)
		if err := w.deliver("phones", consumertest.Goal()); err == nil {
			t.Errorf("%s at %s: no error, want one", tc.endpoint, tc.ip)
		}
		if got := dialed(); got != tc.want {
			t.Errorf("%s at %s: dialed %q, want %q", tc.endpoint, tc.ip, got, tc.want)
		}
		if left := w.redis.HLen(t.Context(), "mw:push:{phones}").Val(); left != 1 {
			t.Errorf("%s at %s: %d subscriptions left, want 1", tc.endpoint, tc.ip, left)
		}
	}
}

// The URL of a webhook comes from the config. It can have a private address and any port, but not a cloud
// metadata address.
func TestWebhooksAreGuarded(t *testing.T) {
	for _, tc := range []struct{ url, ip, want string }{
		{"http://hooks.internal:9000/" + testenv.Secret, "10.0.0.5", "10.0.0.5:9000"},
		{"http://127.0.0.1:9000/" + testenv.Secret, "127.0.0.1", "127.0.0.1:9000"},
		{"http://hooks.internal/" + testenv.Secret, "169.254.169.254", ""},
		{"http://hooks.internal/" + testenv.Secret, "fd00:ec2::254", ""},
		{"http://100.100.100.200/" + testenv.Secret, "100.100.100.200", ""},
	} {
		dialed := onNetwork(t, tc.ip)
		w := newWorld(t, "channels:\n  hook: {webhook: {url: '"+tc.url+"'}}\n")
		err := w.deliver("hook", consumertest.Goal())
		if err == nil || dialed() != tc.want {
			t.Errorf("%s at %s: dialed %q, error %v, want %q and an error", tc.url, tc.ip, dialed(), err, tc.want)
		}
		var refused *send.RefusedError // the notification was definitely not delivered
		if tc.want == "" && (!strings.Contains(err.Error(), "cloud metadata") || !errors.As(err, &refused)) {
			t.Errorf("%s at %s: error %v, want a RefusedError about cloud metadata", tc.url, tc.ip, err)
		}
		testenv.NoSecret(t, err, w.log.String())
	}
}
