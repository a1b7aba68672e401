package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/httpapi"
	"github.com/matchwire/matchwire/internal/redact"
	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
)

// A RequestConfig holds settings for the requests of sources. A value of type Secret is a string,
// {file: NAME} or {env: NAME} in the config.
type RequestConfig struct {
	Method  string                       `yaml:"method"`  // GET or POST; POST by default if there is a body
	Headers map[string]strictyaml.Secret `yaml:"headers"` // additional headers
	Query   map[string]strictyaml.Secret `yaml:"query"`   // additional parameters of the URL
	Body    strictyaml.Secret            `yaml:"body"`
	Cookies bool                         `yaml:"cookies"` // send the cookies that the site has set
	Proxy   strictyaml.Secret            `yaml:"proxy"`   // URL of an HTTP or SOCKS5 proxy
	// PrivateAddresses are allowed in addition to those of [FetchConfig].
	PrivateAddresses PrivateAddresses `yaml:"private_addresses"`
}

// A NamedRequest is a RequestConfig that sources and the API can use by name.
type NamedRequest struct {
	RequestConfig `yaml:",inline"`
	// Hosts are the hosts that can receive the settings. A host includes its port, unless that is
	// the default port. Hosts is required, because clients of the API can choose the URL.
	Hosts []string `yaml:"hosts"`

	pos strictyaml.Pos
}

// UnmarshalYAML decodes the settings and saves their position for later errors.
func (n *NamedRequest) UnmarshalYAML(node ast.Node) error {
	type plain NamedRequest
	p := plain{pos: strictyaml.PosOf(node)}
	if err := strictyaml.DecodeNode(node, &p); err != nil {
		return err
	}
	*n = NamedRequest(p)
	return nil
}

// isSet reports whether the config has any of the settings.
func (r *RequestConfig) isSet() bool {
	return r.Method != "" || len(r.Headers) > 0 || len(r.Query) > 0 || r.Body.IsSet() || r.Cookies || r.Proxy.IsSet() ||
		r.PrivateAddresses.isSet()
}

var requestName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,59}$`)

// inlinePrefix is the prefix of the names that id returns. A name in requests cannot begin with this
// prefix.
const inlinePrefix = "source:"

// check checks the settings, without reading secrets from files or the environment. at is the
// position of the settings.
func (r *RequestConfig) check(at strictyaml.Pos) error {
	var faults []error
	if !slices.Contains([]string{"", http.MethodGet, http.MethodPost}, r.Method) {
		faults = append(faults, at.Errorf("method %q: want GET or POST", r.Method))
	}
	if r.Method == http.MethodGet && r.Body.IsSet() {
		faults = append(faults, r.Body.Pos.Errorf("a GET request cannot have a body: use method: POST"))
	}
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		if err := page.CheckHeader(name, r.Headers[name].Literal()); err != nil {
			faults = append(faults, r.Headers[name].Pos.Errorf("%w", err))
		}
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if other := seen[canonical]; other != "" {
			faults = append(faults, r.Headers[name].Pos.Errorf("headers %s and %s have the same name", other, name))
		}
		seen[canonical] = name
	}
	for name, s := range r.Query {
		if err := poll.CheckDates(s.Literal()); err != nil {
			faults = append(faults, s.Pos.Errorf("query %s: %w", name, err))
		}
	}
	if err := poll.CheckDates(r.Body.Literal()); err != nil {
		faults = append(faults,
			r.Body.Pos.Errorf("%w", errors.New("body: unknown placeholder: want {date}, {date-1} or {date:LAYOUT}")))
	}
	if literal := r.Proxy.Literal(); literal != "" {
		if _, err := page.CheckProxy(literal); err != nil {
			faults = append(faults, r.Proxy.Pos.Errorf("%w", err))
		}
	}
	return errors.Join(faults...)
}

// id returns the name of the settings of a single source, which contains a hash of the host of the page
// and of the settings. The hash includes the literal values of the parameters and of the body, because
// these values select the page. It includes no other literal values, because they may be secret.
func (r *RequestConfig) id(host string) string {
	var b strings.Builder
	add := func(kind, name string, s strictyaml.Secret, literal string) {
		if s.IsSet() {
			fmt.Fprintf(&b, "%s %q %q %q\n", kind, name, s.Reference(), literal)
		}
	}
	fmt.Fprintf(&b, "%s %s %t\n", host, r.Method, r.Cookies)
	if r.PrivateAddresses.isSet() {
		fmt.Fprintln(&b, "private_addresses", r.PrivateAddresses.All, r.PrivateAddresses.Networks)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		add("header", textproto.CanonicalMIMEHeaderKey(name), r.Headers[name], "")
	}
	for _, name := range slices.Sorted(maps.Keys(r.Query)) {
		add("query", name, r.Query[name], r.Query[name].Literal())
	}
	add("body", "", r.Body, r.Body.Literal())
	add("proxy", "", r.Proxy, "")
	sum := sha256.Sum256([]byte(b.String()))
	return inlinePrefix + hex.EncodeToString(sum[:4])
}

// secretHeader matches the names of headers whose literal values are secret.
var secretHeader = regexp.MustCompile(`(?i)auth|cookie|key|token|secret|session|signature`)

// request reads the secrets, and returns the settings. path resolves the file names of secrets. For
// hosts, see [page.Request].
func (r *RequestConfig) request(path func(string) string, hosts []string) (*page.Request, error) {
	out := &page.Request{Method: r.Method, Cookies: r.Cookies, Hosts: hosts, Allow: r.PrivateAddresses.policy()}
	var hidden []string
	value := func(s strictyaml.Secret) (string, error) {
		text, err := s.Value(path)
		if s.Reference() != "" {
			hidden = append(hidden, text)
		}
		return text, err
	}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		s := r.Headers[name]
		text, err := value(s)
		if err != nil {
			return nil, err
		}
		if err := page.CheckHeader(name, text); err != nil {
			return nil, s.Pos.Errorf("%w", err)
		}
		if secretHeader.MatchString(name) {
			hidden = append(hidden, text)
		}
		if out.Header == nil {
			out.Header = http.Header{}
		}
		out.Header.Set(name, text)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Query)) {
		text, err := value(r.Query[name])
		if err != nil {
			return nil, err
		}
		if out.Query == nil {
			out.Query = url.Values{}
		}
		out.Query.Set(name, text)
	}
	var err error
	if r.Body.IsSet() {
		if out.Body, err = value(r.Body); err != nil {
			return nil, err
		}
	}
	if r.Proxy.IsSet() {
		text, err := value(r.Proxy)
		if err != nil {
			return nil, err
		}
		if out.Proxy, err = page.CheckProxy(text); err != nil {
			return nil, r.Proxy.Pos.Errorf("%w", err)
		}
		password, _ := out.Proxy.User.Password()
		hidden = append(hidden, password)
	}
	out.Secrets = redact.New(hidden...)
	return out, nil
}

// checkRequests checks the named settings of the config.
func (c Config) checkRequests(data []byte) error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(c.Requests)) {
		r := c.Requests[name]
		if !requestName.MatchString(name) {
			faults = append(faults, strictyaml.PosAt(data, "requests").Errorf(
				"request %q: want 1 to 60 characters from a-z, 0-9, _ and -, the first a letter or digit", name))
		}
		if len(r.Hosts) == 0 {
			faults = append(faults, r.pos.Missingf("hosts is missing: set the hosts that can receive the settings"))
		}
		for _, h := range r.Hosts {
			if u, err := url.Parse("https://" + h); err != nil || u.Host != h || h != strings.ToLower(h) {
				faults = append(faults,
					r.pos.Errorf("host %q: want a host like api.example or api.example:8443, in lower case", h))
			}
		}
		faults = append(faults, r.check(r.pos))
	}
	return errors.Join(faults...)
}

// requestOf returns the name of the request settings of a source, or "" if the source has none. It
// returns an error if the settings are invalid or do not exist.
func (c Config) requestOf(s *Source) (string, error) {
	switch {
	case s.Request == "" && !s.isSet():
		return "", nil
	case s.Request == "":
		return s.ownRequest(), s.check(s.raw.Pos)
	case s.isSet():
		return "", s.raw.Errorf("request %q: set either request or the settings themselves", s.Request)
	}
	named, ok := c.Requests[s.Request]
	if !ok {
		return "", s.raw.Errorf("request %q does not exist: want one of %s", s.Request,
			strings.Join(slices.Sorted(maps.Keys(c.Requests)), ", "))
	}
	if u, err := page.CheckURL(s.URL); err == nil && !slices.Contains(named.Hosts, strings.ToLower(u.Host)) {
		return "", s.raw.Errorf("request %q is only for %s", s.Request, strings.Join(named.Hosts, ", "))
	}
	return s.Request, nil
}

// ownRequest returns the name of the settings of a source that has its own.
func (s *Source) ownRequest() string {
	if u, err := page.CheckURL(s.URL); err == nil {
		return s.id(strings.ToLower(u.Host))
	}
	return s.id("")
}

// requests returns all request settings in the config, by name. It reads the secrets in the settings.
func (c Config) requests() (poll.Requests, error) {
	all := poll.Requests{}
	var faults []error
	add := func(name string, r *RequestConfig, hosts []string) {
		request, err := r.request(c.input, hosts)
		all[name], faults = request, append(faults, err)
	}
	for name, r := range c.Requests {
		add(name, &r.RequestConfig, r.Hosts)
	}
	for i := range c.Sources {
		if s := &c.Sources[i]; s.isSet() {
			name := s.ownRequest()
			other := all[name]
			add(name, &s.RequestConfig, nil)
			if other != nil && !reflect.DeepEqual(other, all[name]) {
				faults = append(faults, s.raw.Errorf("another source of the same host sets the same headers or proxy "+
					"to other values: define both under requests"))
			}
		}
	}
	return all, c.invalid(faults...)
}

// policy returns the addresses and ports that the settings allow besides those of [FetchConfig].
func (n NamedRequest) policy() page.Policy {
	p := n.PrivateAddresses.policy()
	p.AnyPort = true // hosts contains the ports
	return p
}

// apiRequests returns the named request settings for the API.
func (c Config) apiRequests() map[string]httpapi.Request {
	all := map[string]httpapi.Request{}
	for name, r := range c.Requests {
		all[name] = httpapi.Request{Hosts: r.Hosts, Allow: r.policy()}
	}
	return all
}

// CheckPage returns the [page.PrivateError] with which the role parser refuses a page, or nil. It does not resolve
// names.
// name is as for PageRequest.
func (c Config) CheckPage(rawURL, name string) error {
	allowed := c.Fetch.policy()
	if i := slices.IndexFunc(c.Sources, func(s Source) bool { return s.URL == rawURL }); i >= 0 && name == "" {
		allowed, name = allowed.Or(c.Sources[i].PrivateAddresses.policy()), c.Sources[i].Request
	}
	u, err := page.CheckURL(rawURL)
	if err != nil {
		return err
	}
	err = page.CheckAddress(u, allowed.Or(c.Requests[name].PrivateAddresses.policy()))
	if _, ok := errors.AsType[*page.PrivateError](err); ok {
		return err
	}
	return nil // a source can have any port
}

// PageRequest returns the URL and the settings of the request for a page, for commands that fetch a
// single page. If name is not "", the request has the settings with this name. Otherwise, if the
// config has a source with the URL, the request has the settings of the source. Placeholders such
// as {date} in the URL and the settings are replaced with dates relative to now. The request allows
// private addresses, because the user of the command chose the URL.
func (c Config) PageRequest(rawURL, name string, now time.Time) (string, *page.Request, error) {
	zone := ""
	if i := slices.IndexFunc(c.Sources, func(s Source) bool { return s.URL == rawURL }); i >= 0 && name == "" {
		s, err := &c.Sources[i], error(nil)
		if name, err = c.requestOf(s); err != nil {
			return "", nil, fmt.Errorf("config %w", strictyaml.InFile(c.file, err))
		}
		zone = s.Zone
	} else if _, ok := c.Requests[name]; name != "" && !ok {
		return "", nil, fmt.Errorf("request %q does not exist: want the name of a request in the config", name)
	}
	request := &page.Request{}
	if name != "" {
		all, err := c.requests()
		if err != nil {
			return "", nil, err
		}
		request = all[name]
	}
	request.Allow = request.Allow.Or(c.Fetch.policy()).Or(page.Policy{Private: true})
	return poll.OnDay(event.Source{URL: rawURL, Zone: zone}, request, now)
}
