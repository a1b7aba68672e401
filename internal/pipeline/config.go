package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/internal/netguard"
	"github.com/matchwire/matchwire/internal/scheduler"
	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/recording"
)

// Config is the content of matchwire.yaml. Every key is optional. Paths are relative to
// the folder of the config file.
type Config struct {
	// Namespace separates installations that share a RabbitMQ virtual host or a
	// Redis database. It becomes part of the names of exchanges, queues and Redis keys.
	Namespace string `yaml:"namespace"`
	// Profiles is the folder of your own profiles. If it is "", sources can use only shipped
	// profiles by name.
	Profiles string `yaml:"profiles"`
	// Sources are the pages to poll.
	Sources []Source `yaml:"sources"`
	// Requests are named request settings that sources and API calls can use.
	Requests map[string]NamedRequest `yaml:"requests"`
	Fetch    FetchConfig             `yaml:"fetch"`
	// Aliases maps the name of a team to its other names.
	Aliases map[string][]string `yaml:"aliases"`
	// FailedPages is the folder for copies of pages that a profile cannot parse. If it
	// is "", the parser saves no copies.
	FailedPages string `yaml:"failed_pages"`
	// Consumers maps the names of the consumers to run to their settings. If it is
	// nil, the default consumers run.
	Consumers map[string]strictyaml.Raw `yaml:"consumers"`
	Trace     TraceConfig               `yaml:"trace"`
	// LogLevel is the lowest level that a process logs: debug, info, warn or error. The flag --log-level overrides it.
	LogLevel string `yaml:"log_level"`
	// Listen is the host:port that a process with role fanout or api serves on.
	// The default is [DefaultListen].
	Listen string    `yaml:"listen"`
	TLS    TLSConfig `yaml:"tls"`
	// Hosts are host names, besides localhost, that the process accepts in requests if it listens only
	// on the loopback interface. An example is the name under which a proxy forwards requests.
	Hosts []string `yaml:"hosts"`
	// APITokens is the file with the hashes of API tokens; see [guard.LoadTokens].
	APITokens string        `yaml:"api_tokens"`
	Metrics   MetricsConfig `yaml:"metrics"`
	// StopDelay is how long a process that serves clients still accepts them after SIGTERM, while it
	// reports that it is not ready. The default is 3s, or 0 with embedded servers.
	StopDelay *strictyaml.Duration `yaml:"stop_delay"`
	API       APIConfig            `yaml:"api"`
	Fanout    FanoutConfig         `yaml:"fanout"`
	Gateway   GatewayConfig        `yaml:"gateway"`

	file        string         // name of the config file; "" if there is none
	profilesPos strictyaml.Pos // position of the key profiles
	variables   []string       // names of the environment variables that the config refers to
	tree        map[string]any // the decoded file
	inputs      *inputs        // the files that were read; nil if there is no config file
}

// MetricsConfig holds the settings of the metrics and the health checks.
type MetricsConfig struct {
	// Listen is the host:port of a separate listener for /metrics, /livez, /readyz and /healthz. Every
	// client that can connect to it can read everything there, without a token.
	Listen string `yaml:"listen"`
}

// APIConfig holds the limits of role api.
type APIConfig struct {
	// Calls is the maximum number of API calls in progress in one process. The default is 64.
	Calls int `yaml:"calls"`
	// CallsPerAddress is the maximum number of API calls in progress in one process from one client
	// address. The default is 16.
	CallsPerAddress int `yaml:"calls_per_address"`
}

const (
	defaultCalls           = 64
	defaultCallsPerAddress = 16
)

// check returns an error with a position if a limit is invalid.
func (a APIConfig) check(data []byte) error {
	return checkLimits(data, map[string]int{"api.calls": a.Calls, "api.calls_per_address": a.CallsPerAddress})
}

// checkLimits returns an error with a position for each negative limit. 0 means the default.
func checkLimits(data []byte, limits map[string]int) error {
	var faults []error
	for key, n := range limits {
		if n < 0 {
			faults = append(faults, strictyaml.PosAt(data, key).Errorf("%d: want 0 or more", n))
		}
	}
	return errors.Join(faults...)
}

// A Source is a page to poll.
type Source struct {
	URL     string              `yaml:"url"`
	Profile string              `yaml:"profile"` // a name or a file
	Match   string              `yaml:"match"`   // match ID, for a page without a match ID
	League  string              `yaml:"league"`  // league in match_activated events; by default the profile's league
	Every   strictyaml.Duration `yaml:"every"`   // interval while a match is live; 15s by default
	Zone    string              `yaml:"zone"`    // time zone of {date}; UTC by default
	Request string              `yaml:"request"` // name of an entry in requests

	RequestConfig `yaml:",inline"` // settings for this source only

	raw strictyaml.Raw // for positions in errors
}

// FetchConfig holds the settings for fetching pages.
type FetchConfig struct {
	PerHost      strictyaml.Duration `yaml:"per_host"`      // interval between requests to a host; 250ms by default
	IgnoreRobots bool                `yaml:"ignore_robots"` // ignore robots.txt
	Contact      string              `yaml:"contact"`       // shown in every request; see [page.CheckContact]
	// PrivateAddresses allows fetching pages from this machine and from private
	// networks.
	PrivateAddresses PrivateAddresses `yaml:"private_addresses"`
	// Ports are ports, besides 80 and 443, that API calls and redirects can use.
	Ports []uint16 `yaml:"ports"`
}

// policy returns the addresses and ports that pages may have, unless a source or a request allows more.
func (f FetchConfig) policy() page.Policy {
	p := f.PrivateAddresses.policy()
	p.Ports = f.Ports
	return p
}

// PrivateAddresses says which private addresses are allowed: true for all except those of cloud metadata, or a
// list of networks.
type PrivateAddresses struct {
	All      bool
	Networks []netip.Prefix
}

// UnmarshalYAML decodes true, false or a list of networks and IP addresses.
func (a *PrivateAddresses) UnmarshalYAML(n ast.Node) error {
	*a = PrivateAddresses{}
	if n.Type() == ast.BoolType {
		return strictyaml.DecodeNode(n, &a.All)
	}
	var texts []string
	if n.Type() != ast.SequenceType || strictyaml.DecodeNode(n, &texts) != nil {
		return strictyaml.PosOf(n).Errorf("want true, false or a list of networks such as [10.0.0.0/8]")
	}
	for _, text := range texts {
		network, err := netguard.ParseNetwork(text)
		if err != nil {
			return strictyaml.PosOf(n).Errorf("%w", err)
		}
		a.Networks = append(a.Networks, network)
	}
	return nil
}

// isSet reports whether any private address is allowed.
func (a PrivateAddresses) isSet() bool { return a.All || len(a.Networks) > 0 }

func (a PrivateAddresses) policy() page.Policy {
	return page.Policy{Private: a.All, Networks: a.Networks}
}

// TraceConfig holds the settings for recording the steps of jobs.
type TraceConfig struct {
	Off  bool                `yaml:"off"`  // record nothing
	Keep strictyaml.Duration `yaml:"keep"` // retention; 48h by default
	// Pages is the folder for copies of pages that caused events. If it is "", the
	// parser saves no copies.
	Pages string `yaml:"pages"`
}

const defaultTraceKeep = 48 * time.Hour

// DefaultListen is the default host:port of the roles fanout and api and of the gateway.
// It accepts only clients on this machine, because clients need no token by default.
const DefaultListen = "localhost:8080"

// UnmarshalYAML decodes a source and saves its position for later errors.
func (s *Source) UnmarshalYAML(n ast.Node) error {
	type plain Source
	var p plain
	if err := errors.Join(p.raw.UnmarshalYAML(n), strictyaml.DecodeNode(n, &p)); err != nil {
		return err
	}
	*s = Source(p)
	return nil
}

var (
	namespacePattern    = regexp.MustCompile(`^[a-z0-9-]{0,40}$`)
	consumerNamePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,59}$`)
)

// CheckNamespace returns an error if n is not a valid namespace.
func CheckNamespace(n string) error {
	if !namespacePattern.MatchString(n) {
		return fmt.Errorf("namespace %q: want at most 40 characters from a-z, 0-9 and -", n)
	}
	return nil
}

// renamedKeys maps the former names of config keys to their current names.
var renamedKeys = map[string]string{
	"keep":          "failed_pages",
	"fanout.tokens": "fanout.token_keys",
}

// checkRenamed returns an error for each former name of a key in the config.
func checkRenamed(data []byte) error {
	var faults []error
	for old, current := range renamedKeys {
		if pos, ok := strictyaml.Lookup(data, old); ok {
			faults = append(faults, pos.Errorf("this key is now called %s", current))
		}
	}
	return errors.Join(faults...)
}

// LoadConfig reads and checks a config file. Its error contains all mistakes that it finds; the Config then lacks the
// values that could not be decoded. LoadConfig also defines the sports of the config's
// profiles. If the file does not exist and optional is set, LoadConfig returns an empty
// Config.
func LoadConfig(file string, optional bool) (Config, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && optional {
		return Config{}, nil
	}
	if err != nil {
		return Config{}, fmt.Errorf("config: %w", err)
	}
	return ParseConfig(file, data)
}

// ParseConfig is like [LoadConfig] for a file with the content data. It does not read the file.
func ParseConfig(file string, data []byte) (Config, error) {
	c := Config{file: file, inputs: &inputs{files: map[string]bool{file: true}}}
	err := strictyaml.Decode(file, data, &c)
	if !strictyaml.Decoded(err) {
		return c, c.invalid(err)
	}
	faults := []error{checkRenamed(data), err}
	c.profilesPos = strictyaml.PosAt(data, "profiles")
	c.variables = strictyaml.EnvNames(data)
	if err := strictyaml.DecodeLoosely(data, &c.tree); err != nil {
		return c, c.invalid(append(faults, err)...)
	}
	for name, settings := range c.Consumers {
		if pos, ok := strictyaml.Lookup(data, "consumers."+name); ok && settings.Line == 0 { // without settings
			settings.Pos = pos
			c.Consumers[name] = settings
		}
	}
	for _, check := range []func([]byte) error{c.checkNamespace, c.checkAliases, c.checkContact,
		c.checkListen, c.checkLogLevel, c.checkRequests, c.TLS.check, c.API.check, c.Fanout.check, c.Gateway.check} {
		faults = append(faults, check(data))
	}
	c.defineSports()
	return c, c.invalid(faults...)
}

// invalid returns the mistakes in errs as a usage error with the name of the config, or nil. See [strictyaml.All].
func (c Config) invalid(errs ...error) error {
	err := strictyaml.All(c.file, errs...)
	if err == nil {
		return nil
	}
	for _, one := range strictyaml.Mistakes(err) {
		var positioned *strictyaml.Error
		if errors.As(one, &positioned) && positioned.File != c.file { // in a profile, for example
			return UsageError(err)
		}
	}
	return UsageError(fmt.Errorf("config %w", err))
}

// allMistakes returns the mistakes in errs, which can be about several files, as one usage error, or nil.
func allMistakes(errs ...error) error {
	if err := strictyaml.All("", errs...); err != nil {
		return UsageError(err)
	}
	return nil
}

// defineSports adds the sports that the config's profiles define, so that in every process
// with this config, topic patterns can name these sports and their kinds.
func (c Config) defineSports() {
	if c.Profiles != "" {
		profile.DefineSports(os.DirFS(c.resolve(c.Profiles)), "*.yaml")
	}
	for _, s := range c.Sources {
		if profile.IsFile(s.Profile) {
			path := c.resolve(s.Profile)
			profile.DefineSports(os.DirFS(filepath.Dir(path)), filepath.Base(path))
		}
	}
}

func (c Config) checkNamespace(data []byte) error {
	if err := CheckNamespace(c.Namespace); err != nil {
		return strictyaml.PosAt(data, "namespace").Errorf("%w", err)
	}
	return nil
}

func (c Config) checkAliases(data []byte) error {
	if _, err := observation.NewAliases(c.Aliases); err != nil {
		return strictyaml.PosAt(data, "aliases").Errorf("%w", err)
	}
	return nil
}

func (c Config) checkContact(data []byte) error {
	if c.Fetch.Contact == "" {
		return nil
	}
	if err := page.CheckContact(c.Fetch.Contact); err != nil {
		return strictyaml.PosAt(data, "fetch.contact").Errorf("%q: %w", c.Fetch.Contact, err)
	}
	return nil
}

func (c Config) checkListen(data []byte) error {
	var faults []error
	for _, s := range [][2]string{{"listen", c.Listen}, {"metrics.listen", c.Metrics.Listen}} {
		key, address := s[0], s[1]
		if address == "" {
			continue
		}
		_, port, err := net.SplitHostPort(address)
		if err == nil {
			_, err = net.DefaultResolver.LookupPort(context.Background(), "tcp", port)
		}
		if err != nil {
			faults = append(faults, strictyaml.PosAt(data, key).Errorf(
				"%q: want HOST:PORT, like %s, with a port up to 65535", address, DefaultListen))
		}
	}
	return errors.Join(faults...)
}

func (c Config) checkLogLevel(data []byte) error {
	if c.LogLevel != "" && !slices.Contains([]string{"debug", "info", "warn", "error"}, c.LogLevel) {
		return strictyaml.PosAt(data, "log_level").Errorf("%q: want debug, info, warn or error", c.LogLevel)
	}
	return nil
}

// File returns the name of the config file, or "" if there is none.
func (c Config) File() string { return c.file }

// resolve returns a path in the config relative to the working directory. In the
// config, paths are relative to the folder of the config file.
func (c Config) resolve(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(c.file), path)
}

// input is like resolve, and also records the path of a file or folder whose content is part of the config.
func (c Config) input(path string) string {
	path = c.resolve(path)
	c.inputs.add(path)
	return path
}

// inputs is a set of files and folders.
type inputs struct {
	mu    sync.Mutex
	files map[string]bool
}

func (in *inputs) add(path string) {
	if in == nil {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.files[path] = true
}

// all returns the files and folders, sorted.
func (in *inputs) all() []string {
	if in == nil {
		return nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Sorted(maps.Keys(in.files))
}

// slotWait is the maximum time that a worker waits for a rate limit slot. It is short,
// because pages from other hosts wait in the meantime.
const slotWait = time.Second

// client returns a client that fetches pages with the config's settings.
func (c Config) client(l page.HostLimiter) *page.Client {
	return page.NewClient(page.Options{
		PerHost: time.Duration(c.Fetch.PerHost), IgnoreRobots: c.Fetch.IgnoreRobots,
		Policy: c.Fetch.policy(), MaxWait: slotWait, Limiter: l, Contact: c.Fetch.Contact,
	})
}

// ingester returns an ingester with the config's settings. The ingester calls nudge with the
// ID of each match that has new events in its outbox.
func (c Config) ingester(s *poll.Store, nudge func(string), log *slog.Logger) (*poll.Ingester, error) {
	aliases, err := observation.NewAliases(c.Aliases)
	in := &poll.Ingester{Store: s, Nudge: nudge, Aliases: aliases, Log: log}
	if c.Trace.Pages != "" {
		in.Archive = &page.Archive{Dir: c.resolve(c.Trace.Pages)}
	}
	if c.FailedPages != "" {
		in.Keep = &recording.Keeper{Dir: c.resolve(c.FailedPages)}
	}
	return in, err
}

// addSources returns the config's sources. If a source names its profile by file,
// addSources adds the profile to lib. Its error contains the mistakes of all sources.
func (c Config) addSources(lib profile.Library) ([]scheduler.Activation, error) {
	files, err := c.ownFiles()
	if err != nil {
		return nil, UsageError(err)
	}
	return c.addSourcesTo(lib, files, false)
}

// addSourcesTo is like addSources. files is the result of ownFiles. If incomplete is set, lib lacks the profiles that
// contain mistakes, so an unknown profile is not an error.
func (c Config) addSourcesTo(
	lib profile.Library, files map[string]string, incomplete bool,
) ([]scheduler.Activation, error) {
	var all []scheduler.Activation
	var faults []error
	for _, s := range c.Sources {
		a, err := c.addSource(s, lib, files)
		same := slices.IndexFunc(all, func(b scheduler.Activation) bool { return samePage(a, b) })
		if err == nil && same >= 0 {
			err = c.duplicate(s, same)
		}
		for _, fault := range strictyaml.Mistakes(err) {
			var positioned *strictyaml.Error
			switch {
			case incomplete && errors.Is(fault, profile.ErrUnknown):
				continue
			case !errors.As(fault, &positioned):
				fault = s.posOf(fault).Errorf("%w", fault)
			}
			faults = append(faults, fault)
		}
		all = append(all, a)
	}
	return all, c.invalid(faults...)
}

// posOf returns the position of the key that causes an error of addSource. If no key is known, it returns the position
// of the source.
func (s Source) posOf(err error) strictyaml.Pos {
	var field *poll.SourceError
	switch {
	case errors.As(err, &field):
		return s.raw.PosAt(field.Field)
	case errors.Is(err, profile.ErrUnknown):
		return s.raw.PosAt("profile")
	}
	return s.raw.Pos
}

// samePage reports whether two sources poll the same page. The sources can have different match
// IDs.
func samePage(a, b scheduler.Activation) bool {
	return a.ID == b.ID || a.URL == b.URL && a.Profile == b.Profile && a.Request == b.Request && a.Zone == b.Zone
}

// duplicate returns the error for the source s, which polls the same page as c.Sources[same].
func (c Config) duplicate(s Source, same int) error {
	earlier := c.Sources[same]
	if earlier.Match != s.Match {
		return fmt.Errorf("match %q: the source in line %d has the same page with match %q: a page shows one match",
			s.Match, earlier.raw.Line, earlier.Match)
	}
	return fmt.Errorf("duplicate source %s: the source in line %d is the same", s.URL, earlier.raw.Line)
}

// addSource returns s as an activation. If s names its profile by file, addSource adds
// the profile to lib and the file to files, under the name of the profile.
func (c Config) addSource(
	s Source, lib profile.Library, files map[string]string,
) (a scheduler.Activation, err error) {
	file := ""
	if lib[s.Profile] == nil && filepath.Ext(s.Profile) == ".yaml" {
		file = c.input(s.Profile)
	}
	p, err := lib.Find(cmp.Or(file, s.Profile))
	if err != nil {
		if _, wrong := page.CheckURL(s.URL); wrong != nil {
			err = errors.Join(err, &poll.SourceError{Field: "url", Err: wrong})
		}
		return a, err
	}
	if file != "" {
		if other := files[p.Name]; other != "" && !sameFile(other, file) {
			return a, fmt.Errorf("profiles %s and %s have the same name, %s", other, file, p.Name)
		}
		files[p.Name], lib[p.Name] = file, p
	}
	request, err := c.requestOf(&s)
	if err != nil {
		return a, err
	}
	source := poll.Source{
		URL: s.URL, Profile: p, Match: s.Match, Every: time.Duration(s.Every), Request: request, Zone: s.Zone,
	}
	allowed := c.Fetch.policy().Or(s.PrivateAddresses.policy()).Or(c.Requests[s.Request].PrivateAddresses.policy())
	allowed.AnyPort = true
	resolved, err := source.Resolve(allowed)
	league := cmp.Or(s.League, p.Match.League.Value)
	return scheduler.Activation{Source: resolved, By: scheduler.ByConfig, Sport: p.Sport, League: league,
		LeagueKey: p.Match.LeagueKey.Value}, err
}
