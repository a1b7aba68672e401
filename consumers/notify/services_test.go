package notify_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// A shown is a notification that a service or a browser shows.
type shown struct{ Title, Body string }

// A service is a fake notification service. Tests can set its answer. It stores the notifications
// that it shows, one for each thread.
type service struct {
	*httptest.Server

	mu      sync.Mutex
	answer  func(w http.ResponseWriter) // if not nil, answers every request in place of the service
	cut     bool                        // close the connection after storing a notification
	calls   int                         // number of requests
	shows   map[string]shown            // by thread
	active  []string                    // mentions, links and formatting found in texts
	faults  []string                    // violations of the service's protocol
	message func(plain []byte)          // if not nil, called with each decrypted message
}

// onMessage sets the function that is called with each message that a browser decrypts.
func (s *service) onMessage(f func(plain []byte)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.message = f
}

// set sets the answer to all requests. If answer is nil, the service accepts valid requests.
func (s *service) set(answer func(http.ResponseWriter)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// cutAfterStoring sets whether the service closes the connection after it has stored a notification.
func (s *service) cutAfterStoring(cut bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = cut
}

// called returns the number of requests.
func (s *service) called() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// all returns the notifications that the service shows, each as "thread title | body".
func (s *service) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for thread, n := range s.shows {
		all = append(all, thread+" "+n.Title+" | "+n.Body)
	}
	slices.Sort(all)
	return all
}

// takeOnly removes and returns the only notification that the service shows, and its active
// elements. If the service does not show exactly one notification, active contains the number of
// notifications.
func (s *service) takeOnly() (n shown, active []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.shows) != 1 {
		return shown{}, []string{fmt.Sprint(len(s.shows), " notifications")}
	}
	for _, n = range s.shows {
	}
	active = s.active
	clear(s.shows)
	s.active = nil
	return n, active
}

// next returns an unused thread ID, for a service without threads. The caller holds s.mu.
func (s *service) next() string { return strconv.Itoa(len(s.shows)) }

// A receiver checks a request. It returns the thread, and the notification that the service shows
// for the request.
type receiver func(s *service, r *http.Request, body []byte) (thread string, n shown, err error)

// serve starts a service. If receive accepts a request, the service answers with status and reply, else
// with 400.
func serve(t testing.TB, tls bool, status int, reply string, receive receiver) *service {
	s := &service{shows: map[string]shown{}}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the sender closed the connection
		}
		s.mu.Lock()
		s.calls++
		answer := s.answer
		s.mu.Unlock()
		if answer != nil {
			answer(w)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		thread, n, err := receive(s, r, body)
		if err != nil {
			s.faults = append(s.faults, err.Error())
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.shows[thread] = n
		if s.cut {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, reply)
	})
	if tls {
		s.Server = httptest.NewTLSServer(h)
	} else {
		s.Server = httptest.NewServer(h)
	}
	s.Config.ErrorLog = nil
	t.Cleanup(func() {
		s.Close()
		for _, f := range s.faults {
			t.Errorf("invalid request: %s", f)
		}
	})
	return s
}

const webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwhunter2S3crt"

// newHook starts a service that receives webhooks. It verifies signatures with the Standard Webhooks library.
func newHook(t testing.TB) *service {
	verifier, err := standardwebhooks.NewWebhook(webhookSecret)
	if err != nil {
		t.Fatal(err)
	}
	const status = http.StatusNoContent
	return serve(t, false, status, "", func(_ *service, r *http.Request, body []byte) (string, shown, error) {
		if err := verifier.Verify(body, r.Header); err != nil {
			return "", shown{}, err
		}
		var n struct {
			Type, Title, Body, Text, Thread string
			Timestamp                       time.Time
			Event                           struct{ ID, TID string }
		}
		if err := json.Unmarshal(body, &n); err != nil {
			return "", shown{}, err
		}
		if n.Event.ID != r.Header.Get("Webhook-Id") || n.Event.TID != r.Header.Get("X-Transaction-Id") ||
			n.Type == "" || n.Timestamp.IsZero() || n.Text != n.Title+" ("+n.Body+")" {
			return "", shown{}, fmt.Errorf("headers %v do not match body %s", r.Header, body)
		}
		return n.Thread, shown{n.Title, n.Body}, nil
	})
}

// A browserKeys holds the keys of a browser's subscription.
type browserKeys struct {
	key  *ecdh.PrivateKey
	auth []byte
}

// newBrowser returns the keys of a new browser.
func newBrowser(t testing.TB) browserKeys {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b := browserKeys{key, make([]byte, 16)}
	if _, err := rand.Read(b.auth); err != nil {
		t.Fatal(err)
	}
	return b
}

var b64 = base64.RawURLEncoding

// subscription returns the browser's PushSubscription as JSON.
func (b browserKeys) subscription(endpoint string) string {
	return fmt.Sprintf(`{"endpoint": %q, "expirationTime": null, "keys": {"p256dh": %q, "auth": %q}}`,
		endpoint, b64.EncodeToString(b.key.PublicKey().Bytes()), b64.EncodeToString(b.auth))
}

// decrypt decrypts a message as specified in RFC 8291.
func (b browserKeys) decrypt(body []byte) ([]byte, error) {
	if len(body) < 86 || body[20] != 65 {
		return nil, fmt.Errorf("got %d bytes, want at least 86 and a key of 65 bytes", len(body))
	}
	salt, size, sender := body[:16], int(binary.BigEndian.Uint32(body[16:20])), body[21:86]
	if len(body)-86 > size {
		return nil, errors.New("got more than one record, want one")
	}
	public, err := ecdh.P256().NewPublicKey(sender)
	if err != nil {
		return nil, err
	}
	shared, err := b.key.ECDH(public)
	if err != nil {
		return nil, err
	}
	info := "WebPush: info\x00" + string(b.key.PublicKey().Bytes()) + string(sender)
	ikm, err := hkdf.Key(sha256.New, shared, b.auth, info, 32)
	if err != nil {
		return nil, err
	}
	key, err1 := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	nonce, err2 := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, nonce, body[86:], nil)
	if err != nil {
		return nil, err
	}
	plain = []byte(strings.TrimRight(string(plain), "\x00"))
	if len(plain) == 0 || plain[len(plain)-1] != 2 {
		return nil, errors.New("the delimiter of the last record is missing")
	}
	return plain[:len(plain)-1], nil
}

// decrypt decrypts the example of RFC 8291, section 5.
func TestDecryptsTheExampleOfTheRFC(t *testing.T) {
	bytes := func(s string) []byte {
		b, err := b64.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	key, err := ecdh.P256().NewPrivateKey(bytes("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"))
	if err != nil {
		t.Fatal(err)
	}
	const message = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6" +
		"TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
	plain, err := browserKeys{key, bytes("BTBZMqHH6r4Tts7J_aSIgg")}.decrypt(bytes(message))
	if err != nil || string(plain) != "When I grow up, I want to be a watermelon" {
		t.Errorf("decrypt: got %q, error %v, want the text from the RFC", plain, err)
	}
}

// newPushService starts a push service with a browser at each path. A browser shows one notification for
// each tag. The service checks VAPID and the headers of RFC 8030. public returns the expected key.
func newPushService(t testing.TB, browsers map[string]browserKeys, public func() string) *service {
	return serve(t, true, http.StatusCreated, "", func(s *service, r *http.Request, body []byte) (string, shown, error) {
		b, ok := browsers[r.URL.Path]
		if !ok {
			return "", shown{}, fmt.Errorf("no browser at %q", r.URL.Path)
		}
		ttl, err := strconv.Atoi(r.Header.Get("TTL"))
		topic := r.Header.Get("Topic")
		if err != nil || ttl < 0 || !ntfySequence.MatchString(topic) || len(topic) > 32 ||
			r.Header.Get("Content-Encoding") != "aes128gcm" ||
			!slices.Contains([]string{"very-low", "low", "normal", "high"}, r.Header.Get("Urgency")) {
			return "", shown{}, fmt.Errorf("headers %v: want a TTL of 0 or more, a topic of at most 32 characters, "+
				"Content-Encoding aes128gcm and an urgency of RFC 8030", r.Header)
		}
		if err := vapid(r.Header.Get("Authorization"), s.URL, public()); err != nil {
			return "", shown{}, err
		}
		plain, err := b.decrypt(body)
		if err != nil {
			return "", shown{}, err
		}
		if s.message != nil {
			s.message(plain)
		}
		var m struct{ Title, Body, Tag, Type, ID, TID string }
		if err := json.Unmarshal(plain, &m); err != nil {
			return "", shown{}, fmt.Errorf("message %s: %w", plain, err)
		}
		if m.Tag != topic || m.ID == "" || m.TID == "" {
			return "", shown{}, fmt.Errorf("message %s: want tag %q, an ID and a TID", plain, topic)
		}
		return r.URL.Path + " " + m.Tag, shown{m.Title, m.Body}, nil
	})
}

// vapid returns an error if an Authorization header is invalid according to RFC 8292.
func vapid(header, audience, public string) error {
	m := regexp.MustCompile(`^vapid t=([^.]+)\.([^.]+)\.([^,]+), k=(\S+)$`).FindStringSubmatch(header)
	if m == nil || m[4] != public {
		return fmt.Errorf("authorization %q, want one with the key %s", header, public)
	}
	point, err1 := b64.DecodeString(m[4])
	claims, err2 := b64.DecodeString(m[2])
	signature, err3 := b64.DecodeString(m[3])
	if err := errors.Join(err1, err2, err3); err != nil {
		return fmt.Errorf("authorization %q: %w", header, err)
	}
	if len(signature) != 64 || len(point) != 65 {
		return fmt.Errorf("authorization %q: got a signature of %d bytes and a key of %d bytes, want 64 and 65",
			header, len(signature), len(point))
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte(m[1] + "." + m[2]))
	if !ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		return errors.New("the signature is invalid")
	}
	var c struct {
		Aud, Sub string
		Exp      int64
	}
	if err := json.Unmarshal(claims, &c); err != nil {
		return fmt.Errorf("claims %s: %w", claims, err)
	}
	const sub = "mailto:me@club.example"
	left := time.Until(time.Unix(c.Exp, 0))
	if c.Aud != audience || c.Sub != sub || left > 24*time.Hour || left < time.Minute {
		return fmt.Errorf("claims %s: want aud %s, sub %s, and exp in 1 minute to 24 hours", claims, audience, sub)
	}
	return nil
}
