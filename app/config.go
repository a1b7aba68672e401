package app

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/fixtures"
	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/parser"
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
	Fanout    Fanout                    `yaml:"fanout"`

	file string // what errors call it; "" for defaults
}

// A Source is a page to poll.
type Source struct {
	URL     string              `yaml:"url"`
	Profile string              `yaml:"profile"` // a name, or a file relative to the config
	Match   string              `yaml:"match"`   // match ID; without it the page must have one
	Every   strictyaml.Duration `yaml:"every"`   // 15s without it

	place strictyaml.Place
}

// Fetch says how sites are treated.
type Fetch struct {
	PerHost      strictyaml.Duration `yaml:"per_host"`      // between two requests to one host; 250ms without it
	IgnoreRobots bool                `yaml:"ignore_robots"` // for sites of one's own
}

// Fanout says where clients connect.
type Fanout struct {
	Listen string `yaml:"listen"` // host:port; DefaultListen without it
}

// DefaultListen is where fanout serves: this machine alone, as there is no
// authentication yet.
const DefaultListen = "localhost:8080"

const defaultEvery = 15 * time.Second

// UnmarshalYAML remembers where the source stands, for errors found later.
func (s *Source) UnmarshalYAML(n ast.Node) error {
	type plain Source
	p := plain{Every: strictyaml.Duration(defaultEvery), place: strictyaml.PlaceOf(n)}
	if err := strictyaml.DecodeNode(n, &p); err != nil {
		return err
	}
	*s = Source(p)
	return nil
}

var namespaceShape = regexp.MustCompile(`^[a-z0-9-]{0,40}$`)

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
		return Config{Fanout: Fanout{Listen: DefaultListen}}, nil
	}
	if err != nil {
		return Config{}, fmt.Errorf("config: %w", err)
	}
	c := Config{file: file}
	if err := strictyaml.Decode(file, data, &c); err != nil {
		return c, fmt.Errorf("config %w", err)
	}
	if err := CheckNamespace(c.Namespace); err != nil {
		return c, fmt.Errorf("config %s: %w", file, err)
	}
	if _, err := parser.NewAliases(c.Aliases); err != nil {
		return c, fmt.Errorf("config %w", strictyaml.InFile(file, strictyaml.Find(data, "aliases").Errorf("%w", err)))
	}
	if c.Fanout.Listen == "" {
		c.Fanout.Listen = DefaultListen
	}
	return c, nil
}

// Library holds the profiles: those that matchwire ships, and on top of them
// the config's own.
func (c Config) Library() (parser.Library, error) {
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
	return parser.LoadLibrary(folders...)
}

// beside is a path relative to the config file.
func (c Config) beside(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(c.file), path)
}

// client fetches pages as the config has it.
func (c Config) client() *parser.Client {
	return parser.NewClient(parser.Manners{PerHost: time.Duration(c.Fetch.PerHost), IgnoreRobots: c.Fetch.IgnoreRobots})
}

// reader is the parser's, as the config has it.
func (c Config) reader(s *parser.Store, saved func(string), log *slog.Logger) (*parser.Reader, error) {
	aliases, err := parser.NewAliases(c.Aliases)
	r := &parser.Reader{Store: s, Saved: saved, Aliases: aliases, Log: log}
	if c.Keep != "" {
		r.Keep = &parser.Keeper{Dir: c.beside(c.Keep)}
	}
	return r, err
}

// sources are the pages to poll, with their profiles found.
func (c Config) sources(lib parser.Library) ([]parser.Source, error) {
	var all []parser.Source
	for _, s := range c.Sources {
		fault := func(err error) error {
			return Misuse(fmt.Errorf("config %w", strictyaml.InFile(c.file, s.place.Errorf("%w", err))))
		}
		name := s.Profile
		if lib[name] == nil && filepath.Ext(name) == ".yaml" {
			name = c.beside(name)
		}
		p, err := lib.Find(name)
		if err != nil {
			return nil, fault(err)
		}
		if err := parser.CheckURL(s.URL); err != nil {
			return nil, fault(err)
		}
		if err := p.CheckMatch(s.Match); err != nil {
			return nil, fault(err)
		}
		all = append(all, parser.Source{URL: s.URL, Profile: p, Match: s.Match, Every: time.Duration(s.Every)})
	}
	return all, nil
}
