package send

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/internal/strictyaml"
)

// SMTP holds the settings of a mail channel.
type SMTP struct {
	Server   strictyaml.Text   `yaml:"server"` // host:port
	User     strictyaml.Text   `yaml:"user"`
	Password *secret           `yaml:"password"`
	From     strictyaml.Text   `yaml:"from"` // an address, or a name and an address in < and >
	To       []strictyaml.Text `yaml:"to"`   // each address gets a separate mail
	// TLS is implicit (TLS from the start), starttls or none. The default is implicit on port 465 and
	// starttls on other ports.
	TLS strictyaml.Text `yaml:"tls"`
}

// UnmarshalYAML decodes the settings. Its errors contain no secret.
func (s *SMTP) UnmarshalYAML(n ast.Node) error {
	type plain SMTP
	return mapping(n, (*plain)(s), "{server: mail.example:587, user: …, password: …, from: …, to: [...]}")
}

func (s SMTP) sender(e env) (Sender, error) {
	host, port, err := net.SplitHostPort(s.Server.Value)
	if number, parsed := strconv.ParseUint(port, 10, 16); err != nil || host == "" || parsed != nil || number == 0 {
		return nil, e.at(s.Server).Errorf("server %q: want HOST:PORT, like mail.example:587", s.Server.Value)
	}
	m := &mailer{server: s.Server.Value, host: host, user: s.User.Value,
		tls: s.TLS.Value, config: e.TLS, timeout: e.timeout()}
	if m.tls == "" {
		m.tls = startTLS
		if port == "465" {
			m.tls = implicitTLS
		}
	}
	if m.tls != startTLS && m.tls != implicitTLS && m.tls != noTLS {
		return nil, e.at(s.TLS).Errorf("tls %q: want starttls, implicit or none", m.tls)
	}
	if m.from, err = mail.ParseAddress(s.From.Value); err != nil {
		return nil, e.at(s.From).Errorf("from %q: want an address, like me@club.example", s.From.Value)
	}
	if len(s.To) == 0 {
		return nil, e.pos.Errorf("to: want a list of addresses")
	}
	for _, to := range s.To {
		address, err := mail.ParseAddress(to.Value)
		if err != nil {
			return nil, e.at(to).Errorf("to %q: want an address, like desk@club.example", to.Value)
		}
		m.recipients = append(m.recipients, Recipient{ID: mailboxID(address.Address), Address: address.Address})
	}
	if (s.User.Value == "") != (s.Password == nil) {
		return nil, e.at(s.User).Errorf("want both user and password, or neither")
	}
	if s.Password == nil {
		return m, nil
	}
	if m.tls == noTLS && !loopback(host) {
		return nil, e.at(s.TLS).Errorf("tls none: the password would be sent in plain text to %s", host)
	}
	if m.password, err = s.Password.value(e.Host); err != nil {
		return nil, err
	}
	m.secrets = newSecrets(nil, m.password, "\x00"+m.user+"\x00"+m.password)
	return m, nil
}

// mailboxID returns the ID of a mailbox in Redis: a hash of its address.
func mailboxID(address string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(address)))
	return hex.EncodeToString(sum[:8])
}

// loopback reports whether host is this machine.
func loopback(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }

// The values of the setting tls.
const (
	startTLS    = "starttls"
	implicitTLS = "implicit"
	noTLS       = "none"
)

// A mailer sends mails through an SMTP server, one to each recipient.
type mailer struct {
	server, host   string
	tls            string
	config         *tls.Config   // nil for the default
	timeout        time.Duration // for one mail
	user, password string        // "" for no login
	from           *mail.Address
	recipients     []Recipient
	secrets        secrets
}

// Recipients implements [Lister].
func (m *mailer) Recipients() []Recipient { return m.recipients }

// Send sends a mail to one mailbox. The mail is delivered when the server answers the end of the
// data with 250. If the connection breaks after the end of the data but before this answer, the mail
// may have been delivered. If the caller sends the mail again, the Message-ID is the same.
func (m *mailer) Send(ctx context.Context, to Recipient, n Notification) error {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	c, err := m.connect(ctx)
	if err != nil {
		return m.refused("connecting", err)
	}
	defer c.Close()
	if step, err := m.prepare(c); err != nil {
		return m.refused(step, err)
	}
	if err := c.Mail(m.from.Address); err != nil {
		return m.refused("MAIL FROM", err)
	}
	if err := c.Rcpt(to.Address); err != nil {
		return m.refused("RCPT TO <"+to.Address+">", err)
	}
	w, err := c.Data()
	if err != nil {
		return m.refused("DATA", err)
	}
	if _, err := w.Write(m.message(to, n)); err != nil {
		return m.refused("sending the mail", err)
	}
	if err := w.Close(); err != nil {
		var answer *textproto.Error
		if errors.As(err, &answer) {
			return m.refused("the end of the mail", err)
		}
		return fmt.Errorf("%s: the end of the mail: %w", m.name(), err)
	}
	_ = c.Quit() // the mail is delivered, even if QUIT fails
	return nil
}

func (m *mailer) name() string { return "smtp " + m.server }

// connect returns a client. When ctx ends, reads and writes of the client fail.
func (m *mailer) connect(ctx context.Context) (*smtp.Client, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", m.server)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	if m.tls == implicitTLS {
		conn = tls.Client(conn, m.tlsConfig())
	}
	c, err := smtp.NewClient(conn, m.host)
	if err != nil {
		conn.Close()
	}
	return c, err
}

func (m *mailer) tlsConfig() *tls.Config {
	config := &tls.Config{}
	if m.config != nil {
		config = m.config.Clone()
	}
	config.ServerName = m.host
	return config
}

// prepare sends EHLO, starts TLS and logs in, as the settings require. If it fails, step is the command
// that failed.
func (m *mailer) prepare(c *smtp.Client) (step string, err error) {
	name, err := os.Hostname()
	if err != nil || !hostName(name) {
		name = "localhost"
	}
	if err := c.Hello(name); err != nil {
		return "EHLO", err
	}
	if m.tls == startTLS {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return "STARTTLS", errNoTLS
		}
		if err := c.StartTLS(m.tlsConfig()); err != nil {
			return "STARTTLS", err
		}
	}
	if m.user == "" {
		return "", nil
	}
	_, offered := c.Extension("AUTH")
	for _, one := range []struct {
		name string
		auth smtp.Auth
	}{
		{"PLAIN", smtp.PlainAuth("", m.user, m.password, m.host)},
		{"LOGIN", &loginAuth{m.user, m.password, m.host}},
		{"CRAM-MD5", smtp.CRAMMD5Auth(m.user, m.password)},
	} {
		if strings.Contains(" "+strings.ToUpper(offered)+" ", " "+one.name+" ") {
			return "AUTH", c.Auth(one.auth)
		}
	}
	return "AUTH", errNoAuth
}

// hostName reports whether name has only the characters of a host name.
func hostName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '.'
	})
}

// Permanent errors: the server or the settings must change.
var (
	errNoTLS  = errors.New("the server does not offer STARTTLS; on a trusted network, set tls: none")
	errNoAuth = errors.New("the server offers none of AUTH PLAIN, LOGIN and CRAM-MD5")
)

// refused returns the error of a mail that was definitely not delivered. The error is permanent if
// the server answered 5xx, or if err is errNoTLS or errNoAuth.
func (m *mailer) refused(step string, err error) error {
	var answer *textproto.Error
	if errors.As(err, &answer) {
		err = fmt.Errorf("%s: %s: answered %d %s", m.name(), step, answer.Code, m.secrets.errorText(answer.Msg))
		if answer.Code >= 500 && answer.Code < 600 {
			return permanent(err)
		}
		return &RefusedError{Err: err}
	}
	wrapped := fmt.Errorf("%s: %s: %w", m.name(), step, err)
	if errors.Is(err, errNoTLS) || errors.Is(err, errNoAuth) {
		return permanent(wrapped)
	}
	return &RefusedError{Err: wrapped}
}

// message returns a mail with its headers. The body is plain text.
func (m *mailer) message(to Recipient, n Notification) []byte {
	_, domain, _ := strings.Cut(m.from.Address, "@")
	var b strings.Builder
	header := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	header("From", m.from.String())
	header("To", "<"+to.Address+">")
	header("Subject", encodeHeader(n.Title))
	header("Date", n.Timestamp.Format(time.RFC1123Z))
	header("Message-ID", fmt.Sprintf("<%s.%s@%s>", n.Event.ID, to.ID, domain))
	header("References", fmt.Sprintf("<%s@%s>", n.Thread, domain)) // groups the mails of an incident
	header("Auto-Submitted", "auto-generated")
	header("X-Transaction-Id", n.Event.TID.String())
	header("MIME-Version", "1.0")
	header("Content-Type", "text/plain; charset=utf-8")
	header("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	text := inert(n.message())
	if n.URL != "" {
		text += "\n\n" + n.URL
	}
	_, _ = w.Write([]byte(strings.ReplaceAll(text, "\n", "\r\n") + "\r\n")) // never fails
	_ = w.Close()
	return []byte(b.String())
}

// encodeHeader encodes text for a header by RFC 2047, and folds it. It leaves only short printable
// ASCII text without "=?" unchanged. So text cannot imitate encoded text or begin another header.
func encodeHeader(text string) string {
	encode := func(c rune) bool { return c < ' ' || c > '~' }
	if len(text) < 70 && !strings.Contains(text, "=?") && !strings.ContainsFunc(text, encode) {
		return text
	}
	const maxBytes = 45 // in a word; an encoded word then has at most 72 characters
	var words []string
	word := ""
	for _, c := range text {
		if len(word)+utf8.RuneLen(c) > maxBytes {
			words, word = append(words, word), ""
		}
		word += string(c)
	}
	for i, w := range append(words, word) {
		encoded := "=?utf-8?b?" + base64.StdEncoding.EncodeToString([]byte(w)) + "?="
		if i == 0 {
			text = encoded
		} else {
			text += "\r\n " + encoded
		}
	}
	return text
}

// loginAuth implements AUTH LOGIN, which net/smtp lacks. It sends the user and the password only to
// host. It requires TLS, unless host is this machine.
type loginAuth struct{ user, password, host string }

func (a *loginAuth) Start(server *smtp.ServerInfo) (string, []byte, error) {
	if !server.TLS && !loopback(server.Name) || server.Name != a.host {
		return "", nil, errors.New("AUTH LOGIN requires TLS to " + a.host)
	}
	return "LOGIN", nil, nil
}

func (a *loginAuth) Next(prompt []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	switch strings.ToLower(strings.TrimSpace(string(prompt))) {
	case "username:", "user name", "user name\x00":
		return []byte(a.user), nil
	case "password:", "password", "password\x00":
		return []byte(a.password), nil
	}
	return nil, errors.New("AUTH LOGIN: want a prompt for the user name or the password")
}
