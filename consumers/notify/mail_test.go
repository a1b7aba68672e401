package notify_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/consumertest"
	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/internal/testenv"
)

// A letter is a mail that the server has stored.
type letter struct {
	to     string
	header mail.Header
	shown
}

// A mailServer is an SMTP server. Tests choose its answers.
type mailServer struct {
	net.Listener
	config *tls.Config // for STARTTLS; if nil, the server does not offer it
	auth   string      // the AUTH mechanisms that the server offers

	mu sync.Mutex
	// answers maps a verb, "RCPT <address>", "." (the end of a mail) or "" (the greeting) to an answer.
	// "cut" closes the connection. "hang" waits until the test ends.
	answers map[string]string
	letters []letter
	logins  []string      // each as "\x00user\x00password", decoded
	done    chan struct{} // closed when the test ends
}

// newMailServer starts a server without TLS.
func newMailServer(t testing.TB) *mailServer { return newMailServerWith(t, func(*mailServer) {}) }

// newMailServerWith starts a server after prepare has changed it.
func newMailServerWith(t testing.TB, prepare func(*mailServer)) *mailServer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{Listener: l, auth: "PLAIN", answers: map[string]string{}, done: make(chan struct{})}
	prepare(s)
	var open sync.WaitGroup
	t.Cleanup(func() { close(s.done); l.Close(); open.Wait() })
	open.Go(func() {
		for {
			conn, err := s.Accept()
			if err != nil {
				return
			}
			open.Go(func() { s.serveConn(conn) })
		}
	})
	return s
}

// settings returns the settings of a mail channel that uses the server. more contains further settings.
func (s *mailServer) settings(more string) string {
	server := s.Addr().String()
	return "channels:\n  mail: {smtp: {server: '" + server + "', from: 'Goals <goals@club.example>', " + more + "}}\n"
}

// oneMailbox is the argument of settings for a channel with one recipient and a login.
const oneMailbox = "tls: none, user: me, password: " + testenv.Secret + ", to: [desk@club.example]"

// set sets the answer to a command. If answer is "", the server gives the default answer.
func (s *mailServer) set(command, answer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[command] = answer
}

// answer returns the answer that a test has set for a command, or else fallback.
func (s *mailServer) answer(command, fallback string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.answers[command]; a != "" {
		return a
	}
	return fallback
}

// all returns the stored mails.
func (s *mailServer) all() []letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.letters)
}

// serveConn serves one connection.
func (s *mailServer) serveConn(conn net.Conn) {
	defer func() { conn.Close() }()
	r := bufio.NewReader(conn)
	to, secure := "", false
	// respond sends the answer to a command. It returns false if the connection must be closed.
	respond := func(command, fallback string) bool {
		a := s.answer(command, fallback)
		switch a {
		case "cut":
			return false
		case "hang":
			<-s.done
			return false
		}
		fmt.Fprintf(conn, "%s\r\n", a)
		return !strings.HasPrefix(a, "421")
	}
	if !respond("", "220 mail.example ESMTP") {
		return
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		words := strings.Fields(line + " x x")
		var open bool
		switch verb := strings.ToUpper(words[0]); verb {
		case "EHLO", "HELO": // if the server refuses EHLO, clients try HELO
			offers := "250-mail.example\r\n"
			if s.config != nil && !secure {
				offers += "250-STARTTLS\r\n"
			}
			open = respond("EHLO", offers+"250 AUTH "+s.auth)
		case "STARTTLS":
			if open = respond(verb, "220 ready"); open && s.answer(verb, "") == "" {
				secured := tls.Server(conn, s.config)
				conn, r, secure = secured, bufio.NewReader(secured), true
			}
		case "AUTH":
			if open = s.login(words, r, conn); open {
				open = respond(verb, "235 ok")
			}
		case "RCPT":
			to = strings.Trim(strings.TrimPrefix(line, "RCPT TO:"), "<>")
			open = respond("RCPT "+to, s.answer("RCPT", "250 ok"))
		case "DATA":
			if open = respond(verb, "354 send the mail"); !open || s.answer(verb, "") != "" {
				break
			}
			text, err := readData(r)
			if err != nil {
				return
			}
			if a := s.answer(".", ""); a == "" || a == "cut" {
				s.store(to, text)
			}
			open = respond(".", "250 ok")
		case "QUIT":
			respond(verb, "221 bye")
			return
		default:
			open = respond(verb, "250 ok")
		}
		if !open {
			return
		}
	}
}

// login reads and stores the user and the password of AUTH PLAIN or LOGIN.
func (s *mailServer) login(words []string, r *bufio.Reader, conn net.Conn) bool {
	decoded := func(text string) string {
		b, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		return string(b)
	}
	login := decoded(words[2])
	if words[1] == "LOGIN" {
		login = ""
		for _, prompt := range []string{"Username:", "Password:"} {
			fmt.Fprintf(conn, "334 %s\r\n", base64.StdEncoding.EncodeToString([]byte(prompt)))
			line, err := r.ReadString('\n')
			if err != nil {
				return false
			}
			login += "\x00" + decoded(line)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logins = append(s.logins, login)
	return true
}

// readData reads the lines of a mail up to its end.
func readData(r *bufio.Reader) (string, error) {
	var text strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil || line == ".\r\n" {
			return text.String(), err
		}
		text.WriteString(strings.TrimPrefix(line, "."))
	}
}

// store stores a mail. If the mail is invalid, the stored body describes the error.
func (s *mailServer) store(to, text string) {
	l := letter{to: to}
	for line := range strings.Lines(text) {
		if len(line) > 1000 { // the limit of RFC 5322, including CRLF
			l.Body = "a line is too long"
		}
	}
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		l.Body = err.Error()
	} else {
		l.header = m.Header
		l.Title, _ = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		body, _ := io.ReadAll(quotedprintable.NewReader(m.Body))
		l.Body += strings.TrimSpace(string(body))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.letters = append(s.letters, l)
}

// A mail has the title as its subject and the headers that mail programs need.
func TestMail(t *testing.T) {
	s := newMailServer(t)
	w := newWorld(t, s.settings(oneMailbox))
	e := consumertest.Goal()
	if err := w.deliver("mail", e); err != nil {
		t.Fatal(err)
	}
	letters := s.all()
	want := shown{"Goal for Toronto FC: Sebastian Giovinco", "6', New York City FC 0–1 Toronto FC"}
	if len(letters) != 1 || letters[0].shown != want {
		t.Fatalf("mails: got %v, want one with %v", letters, want)
	}
	for name, want := range map[string]string{
		"From": `"Goals" <goals@club.example>`, "To": "<desk@club.example>",
		"Auto-Submitted": "auto-generated", "X-Transaction-Id": e.TID.String(),
		"Content-Type": "text/plain; charset=utf-8", "Content-Transfer-Encoding": "quoted-printable", "MIME-Version": "1.0",
	} {
		if got := letters[0].header.Get(name); got != want {
			t.Errorf("header %s: got %q, want %q", name, got, want)
		}
	}
	if at, err := letters[0].header.Date(); err != nil || at.Sub(e.Time).Abs() > time.Second {
		t.Errorf("header Date: got %v, error %v, want %v", at, err, e.Time)
	}
	id := letters[0].header.Get("Message-ID")
	if !strings.HasPrefix(id, "<"+e.ID+".") || !strings.HasSuffix(id, "@club.example>") {
		t.Errorf("header Message-ID: got %s, want one that begins with the event's ID %s", id, e.ID)
	}
	if err := w.deliver("mail", consumertest.Corrected(e)); err != nil {
		t.Fatal(err)
	}
	letters = s.all()
	if r := letters[0].header.Get("References"); len(letters) != 2 || r == "" || letters[1].header.Get("References") != r {
		t.Errorf("got %v, want a goal and its correction with the same References", letters)
	}
}

// The server's answer to a command determines whether the error is permanent, and whether the mail
// was refused.
func TestMailAnswers(t *testing.T) {
	for _, command := range []string{"", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "."} {
		for answer, permanent := range map[string]bool{
			"421 closing down": false, "451 try again": false, "452 too many": false,
			"550 no such mailbox": true, "535 wrong: " + testenv.Secret: true, "cut": false, "hang": false, "nonsense": false,
		} {
			t.Run(command+" "+answer[:3], func(t *testing.T) {
				timeout := answerTimeout
				if answer == "hang" {
					timeout = 300 * time.Millisecond
				}
				notify.SetOptions(t, send.Options{Timeout: timeout})
				s := newMailServer(t)
				s.set(command, answer)
				w := newWorld(t, s.settings(oneMailbox))
				err := w.deliver("mail", goal(t, nil))
				if err == nil || errors.Is(err, broker.ErrPermanent) != permanent {
					t.Errorf("deliver: got error %v, want one with permanent = %v", err, permanent)
				}
				testenv.NoSecret(t, err, w.log.String())
				if strings.HasPrefix(answer, "550") && !strings.Contains(err.Error(), "answered 550 no such mailbox") {
					t.Errorf("deliver: got error %v, want one with the server's answer", err)
				}
				// A mail may have been delivered if Send sent its end, and the answer is missing or
				// invalid.
				uncertain := command == "." && (answer == "cut" || answer == "hang" || answer == "nonsense")
				var refused *send.RefusedError
				if errors.As(err, &refused) == uncertain {
					t.Errorf("deliver: got error %v, want a RefusedError: %v", err, !uncertain)
				}
			})
		}
	}
}

// If the connection closes after the end of a mail, the mail is sent again with the same
// Message-ID. So mail programs can recognize the duplicate.
func TestMailSentAgainHasTheSameID(t *testing.T) {
	s := newMailServer(t)
	w := newWorld(t, s.settings(oneMailbox))
	s.set(".", "cut")
	e := consumertest.Goal()
	if err := w.deliver("mail", e); err == nil {
		t.Fatal("deliver on a cut connection: got no error, want one")
	}
	s.set(".", "")
	if err := w.deliver("mail", e); err != nil {
		t.Fatal(err)
	}
	letters := s.all()
	if len(letters) != 2 || letters[0].header.Get("Message-ID") != letters[1].header.Get("Message-ID") {
		t.Errorf("mails: got %v, want two with the same Message-ID", letters)
	}
}

// If the server refuses one mailbox, the other mailboxes get the mail once. The error is permanent and
// names the refused mailbox.
func TestMailToSeveral(t *testing.T) {
	s := newMailServer(t)
	w := newWorld(t, s.settings("tls: none, to: [a@club.example, 'B <b@club.example>', c@club.example]"))
	e := consumertest.Goal()
	received := func() string {
		var to []string
		for _, l := range s.all() {
			to = append(to, strings.TrimSuffix(l.to, "@club.example"))
		}
		return strings.Join(to, " ")
	}
	s.set("RCPT b@club.example", "550 no such mailbox")
	s.set("RCPT c@club.example", "451 try again")
	if err := w.deliver("mail", e); err == nil || errors.Is(err, broker.ErrPermanent) {
		t.Errorf("deliver: got error %v, want one that is not permanent, for c", err)
	}
	s.set("RCPT c@club.example", "")
	err := w.deliver("mail", e)
	if !errors.Is(err, broker.ErrPermanent) || !strings.Contains(err.Error(), "b@club.example") {
		t.Errorf("delivering again: got error %v, want a permanent error for b", err)
	}
	if got := received(); got != "a c" {
		t.Errorf("the mail was received by %q, want a c", got)
	}
	s.set("RCPT b@club.example", "") // the mailbox exists now; replay the dead letter
	if err := w.deliver("mail", e); err != nil || received() != "a c b" {
		t.Errorf("deliver to b: error %v, the mail was received by %q, want no error and a c b", err, received())
	}
	keys := w.redis.HKeys(t.Context(), "mw:notify:mail:{"+e.Data.Incident+"}").Val()
	if len(keys) == 0 || strings.Contains(fmt.Sprint(keys), "club.example") {
		t.Errorf("fields in Redis are %v, want some and none with an address", keys)
	}
}

// The channel uses TLS and logs in as its settings require.
func TestMailSecurity(t *testing.T) {
	web := httptest.NewTLSServer(http.NotFoundHandler()) // only its certificate is used
	defer web.Close()
	roots := web.Client().Transport.(*http.Transport).TLSClientConfig
	login := "\x00me\x00" + testenv.Secret
	const user = ", user: me, password: " + testenv.Secret + ", to: [desk@club.example]"
	for name, tc := range map[string]struct {
		settings string // a leading "x, " is removed
		prepare  func(s *mailServer)
		want     string // part of the error; "" for no error
	}{
		"starttls":             {"tls: starttls" + user, func(s *mailServer) { s.config = web.TLS }, ""},
		"starttls by default":  {"x" + user, func(s *mailServer) { s.config = web.TLS }, ""},
		"starttls not offered": {"tls: starttls" + user, func(*mailServer) {}, "does not offer STARTTLS"},
		"implicit": {"tls: implicit" + user,
			func(s *mailServer) { s.Listener = tls.NewListener(s.Listener, web.TLS) }, ""},
		"implicit, but plain": {"tls: implicit" + user,
			func(*mailServer) {}, "first record does not look like a TLS handshake"},
		"LOGIN": {"tls: starttls" + user,
			func(s *mailServer) { s.config, s.auth = web.TLS, "LOGIN XOAUTH2" }, ""},
		"unknown AUTH": {"tls: starttls" + user,
			func(s *mailServer) { s.config, s.auth = web.TLS, "XOAUTH2" }, "none of AUTH PLAIN, LOGIN and CRAM-MD5"},
		"untrusted": {"tls: starttls" + user, func(s *mailServer) { s.config = web.TLS }, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			o := send.Options{Timeout: answerTimeout, TLS: roots}
			if name == "untrusted" {
				o.TLS = nil
			}
			notify.SetOptions(t, o)
			s := newMailServerWith(t, tc.prepare)
			w := newWorld(t, s.settings(strings.TrimPrefix(tc.settings, "x, ")))
			err := w.deliver("mail", goal(t, nil))
			s.mu.Lock()
			logins := s.logins
			s.mu.Unlock()
			switch {
			case tc.want == "" && (err != nil || !slices.Equal(logins, []string{login}) || len(s.all()) != 1):
				t.Errorf("deliver: error %v, logins %q, %d mails, want no error, login %q and one mail",
					err, logins, len(s.all()), login)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || len(logins) > 0):
				t.Errorf("deliver: got error %v, logins %q, want an error with %q and no login", err, logins, tc.want)
			}
			testenv.NoSecret(t, err, w.log.String())
		})
	}
}

// A mail channel satisfies the contract of every consumer.
func TestMailConsumerContract(t *testing.T) {
	consumertest.Run(t, func(t *testing.T) consumertest.Subject {
		s := newMailServer(t)
		answer := func(a string) func() func() {
			return func() func() {
				s.set("RCPT", a)
				return func() { s.set("RCPT", "") }
			}
		}
		return consumertest.Subject{
			New:      func(h consumers.Host) (consumers.Consumer, error) { return notify.New(h) },
			Settings: s.settings(oneMailbox),
			Effects: func() []string {
				var all []string
				for _, l := range s.all() {
					all = append(all, l.to+" "+l.Title+" | "+l.Body)
				}
				return all
			},
			Fail: answer("451 try again"), Refuse: answer("550 no such mailbox"), Hang: answer("hang"),
		}
	})
}
