package pipeline

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/fixtures"
	"github.com/matchwire/matchwire/internal/scheduler"
	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/recording"
	"github.com/matchwire/matchwire/profiles"
)

// Config is what a person writes in matchwire.yaml. Every part may be left out.
type Config struct {
	// Namespace keeps installations apart that share a RabbitMQ virtual host
	// or a Redis database.
	Namespace string `yaml:"namespace"`
	// Profiles is a folder of profiles, relative to the config file.
	Profiles string `yaml:"profiles"`
	// Sources are the pages to poll.
	Sources []Source `yaml:"sources"`
	// Fetch says how sites are treated.
	Fetch Fetch `yaml:"fetch"`
	// Aliases are other names of teams, by the name that they stand for.
	Aliases map[string][]string `yaml:"aliases"`
	// Keep is a folder for pages that a profile does not understand, relative
	// to the config file; none are kept without it.
	Keep string `yaml:"keep"`
	// Consumers are those to run, by name, each with its own settings. Without
	// this part all run, with their defaults.
	Consumers map[string]strictyaml.Raw `yaml:"consumers"`
	Trace     Tracing                   `yaml:"trace"`
	// Listen is where a process that runs fanout or api serves, host:port;
	// DefaultListen without it.
	Listen string `yaml:"listen"`
	// TLS has what a process serves encrypted.
	TLS TLS `yaml:"tls"`
	// Fanout says who may connect to the event streams.
	Fanout Streams `yaml:"fanout"`

	file string // what errors call it; "" for defaults
}

// A Source is a page to poll.
type Source struct {
	URL     string              `yaml:"url"`
	Profile string              `yaml:"profile"` // a name, or a file relative to the config
	Match   string              `yaml:"match"`   // match ID; without it the page must have one
	League  string              `yaml:"league"`  // for the routing key of match_activated, where the profile does not know it
	Every   strictyaml.Duration `yaml:"every"`   // while a match is live; 15s without it

	place strictyaml.Place
}

// Fetch says how sites are treated.
type Fetch struct {
	PerHost      strictyaml.Duration `yaml:"per_host"`      // between two requests to one host; 250ms without it
	IgnoreRobots bool                `yaml:"ignore_robots"` // for sites of one's own
	// PrivateAddresses lets pages be fetched from this machine and from private
	// networks.
	PrivateAddresses bool `yaml:"private_addresses"`
}

// Tracing says what is recorded of the jobs that were done.
type Tracing struct {
	Off  bool                `yaml:"off"`  // nothing is
	Keep strictyaml.Duration `yaml:"keep"` // for how long; 48h without it
	// Pages is a folder for whole pages that made events, relative to the config
	// file; none are kept without it.
	Pages string `yaml:"pages"`
}

const defaultTraceKeep = 48 * time.Hour

// DefaultListen is where fanout and api serve: this machine alone, as whoever
// gets there may read all.
const DefaultListen = "localhost:8080"

// UnmarshalYAML remembers where the source stands, for errors found later.
func (s *Source) UnmarshalYAML(n ast.Node) error {
	type plain Source
	p := plain{place: strictyaml.PlaceOf(n)}
	if err := strictyaml.DecodeNode(n, &p); err != nil {
		return err
	}
	*s = Source(p)
	return nil
}

var (
	namespaceShape = regexp.MustCompile(`^[a-z0-9-]{0,40}$`)
	consumerName   = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,59}$`)
)

// CheckNamespace says what is wrong with a namespace, or nil. It becomes part
// of the names of exchanges, queues and Redis keys.
func CheckNamespace(n string) error {
	if !namespaceShape.MatchString(n) {
		return fmt.Errorf("namespace %q: want at most 40 of a-z, 0-9 and -", n)
	}
	return nil
}

// LoadConfig reads a config file. Without the file it is an error, unless
// optional says that the defaults will do.
func LoadConfig(file string, optional bool) (Config, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && optional {
		return Config{}, nil
	}
	if err != nil {
		return Config{}, fmt.Errorf("config: %w", err)
	}
	c := Config{file: file}
	if err := strictyaml.Decode(file, data, &c); err != nil {
		return c, fmt.Errorf("config %w", err)
	}
	if err := CheckNamespace(c.Namespace); err != nil {
		return c, fmt.Errorf("config %w", strictyaml.InFile(file, strictyaml.Find(data, "namespace").Errorf("%w", err)))
	}
	if _, err := observation.NewAliases(c.Aliases); err != nil {
		return c, fmt.Errorf("config %w", strictyaml.InFile(file, strictyaml.Find(data, "aliases").Errorf("%w", err)))
	}
	for _, check := range []func([]byte) error{c.TLS.check, c.Fanout.check} {
		if err := check(data); err != nil {
			return c, fmt.Errorf("config %w", strictyaml.InFile(file, err))
		}
	}
	return c, nil
}

// Library holds the profiles: those that matchwire ships, and on top of them
// the config's own.
func (c Config) Library() (profile.Library, error) {
	made, err := fs.Sub(fixtures.FS, "profiles")
	if err != nil {
		return nil, err
	}
	folders := []fs.FS{profiles.FS, made}
	if c.Profiles != "" {
		dir := c.beside(c.Profiles)
		if _, err := os.Stat(dir); err != nil {
			return nil, fmt.Errorf("config %s: profiles: %w", c.file, err)
		}
		folders = append(folders, os.DirFS(dir))
	}
	return profile.LoadLibrary(folders...)
}

// beside is a path relative to the config file.
func (c Config) beside(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(c.file), path)
}

// turnPatience is how long a worker waits for its turn at a host: not long, since
// pages of other hosts wait for the worker.
const turnPatience = time.Second

// client fetches pages as the config has it.
func (c Config) client(l page.HostLimiter) *page.Client {
	return page.NewClient(page.Options{PerHost: time.Duration(c.Fetch.PerHost), IgnoreRobots: c.Fetch.IgnoreRobots,
		PrivateAddresses: c.Fetch.PrivateAddresses, MaxWait: turnPatience, Limiter: l})
}

// ingester is the parser's, as the config has it. nudge is called with each match whose outbox holds
// new events.
func (c Config) ingester(s *poll.Store, nudge func(string), log *slog.Logger) (*poll.Ingester, error) {
	aliases, err := observation.NewAliases(c.Aliases)
	in := &poll.Ingester{Store: s, Nudge: nudge, Aliases: aliases, Log: log}
	if c.Trace.Pages != "" {
		in.Archive = &page.Archive{Dir: c.beside(c.Trace.Pages)}
	}
	if c.Keep != "" {
		in.Keep = &recording.Keeper{Dir: c.beside(c.Keep)}
	}
	return in, err
}

// addSources returns the pages to poll. A profile in a file of its own is added to lib, by its name.
func (c Config) addSources(lib profile.Library) ([]scheduler.Activation, error) {
	var all []scheduler.Activation
	files := map[string]string{}
	for _, s := range c.Sources {
		a, err := c.addSource(s, lib, files)
		if err == nil && slices.ContainsFunc(all, func(b scheduler.Activation) bool { return a.ID == b.ID }) {
			err = fmt.Errorf("%s is named twice", s.URL)
		}
		if err != nil {
			return nil, Misuse(fmt.Errorf("config %w", strictyaml.InFile(c.file, s.place.Errorf("%w", err))))
		}
		all = append(all, a)
	}
	return all, nil
}

// addSource returns a page to poll, and adds its profile to lib if that has a file of its own. files
// are the files of the profiles that were added, by name.
func (c Config) addSource(s Source, lib profile.Library, files map[string]string) (a scheduler.Activation, err error) {
	file := ""
	if lib[s.Profile] == nil && filepath.Ext(s.Profile) == ".yaml" {
		file = c.beside(s.Profile)
	}
	p, err := lib.Find(cmp.Or(file, s.Profile))
	if err != nil {
		return a, err
	}
	if file != "" {
		if other := files[p.Name]; other != "" && other != file {
			return a, fmt.Errorf("profile %s: %s has the same name, %s: give them different ones", file, other, p.Name)
		}
		files[p.Name], lib[p.Name] = file, p
	}
	source, err := poll.Source{URL: s.URL, Profile: p, Match: s.Match, Every: time.Duration(s.Every)}.Resolve(c.Fetch.PrivateAddresses)
	return scheduler.Activation{Source: source, By: scheduler.ByConfig, Sport: p.Sport, League: cmp.Or(s.League, p.Match.League.Value)}, err
}
