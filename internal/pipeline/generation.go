package pipeline

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/guard"
	"github.com/matchwire/matchwire/internal/reload"
	"github.com/matchwire/matchwire/internal/scheduler"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
)

// A generation holds a config and what was created from it. It does not change.
type generation struct {
	config    Config
	guard     *guard.Guard
	consumers consumerSet
	library   profile.Library
	sources   []scheduler.Activation
	requests  poll.Requests  // nil without the role parser
	content   reload.Content // of the files that were read
}

// newGeneration checks a config and creates what roles need of it. It changes nothing that runs.
func (p *Pipeline) newGeneration(
	c Config, apiToken string, r redis.UniversalClient, roles []Role,
) (g *generation, err error) {
	g = &generation{config: c}
	if g.guard, err = p.newGuard(c, apiToken); err != nil {
		return nil, err
	}
	for _, s := range []struct {
		role Role
		what string
	}{{RoleFanout, "event streams"}, {RoleAPI, "scoreboards"}} {
		if !slices.Contains(roles, s.role) {
			continue
		}
		if err := p.checkPublic(c, s.what, p.address()); err != nil {
			return nil, err
		}
	}
	if g.consumers, err = newConsumers(c, p.plugins, !slices.Contains(roles, RoleConsumers), r, p.log); err != nil {
		return nil, err
	}
	if p.Observe != nil {
		for name, consumer := range g.consumers.all {
			g.consumers.all[name] = p.Observe(name, consumer)
		}
	}
	if g.library, err = c.Library(); err != nil {
		return nil, UsageError(err)
	}
	if g.sources, err = c.addSources(g.library); err != nil {
		return nil, err
	}
	if slices.Contains(roles, RoleParser) && p.Feed == nil {
		if g.requests, err = c.requests(); err != nil {
			return nil, err
		}
	}
	g.content = reload.Read(c.inputs.all())
	return g, nil
}

// changesParser reports whether a parser must poll with other profiles or settings than in the generation before.
func (g *generation) changesParser(before *generation) bool {
	type settings struct {
		fetch    FetchConfig
		aliases  map[string][]string
		pages    [2]string
		requests poll.Requests
		profiles reload.Content
	}
	of := func(g *generation) settings {
		c := g.config
		s := settings{c.Fetch, c.Aliases, [2]string{c.FailedPages, c.Trace.Pages}, g.requests, reload.Content{}}
		for _, file := range c.profileInputs() {
			s.profiles[file] = g.content[file]
		}
		return s
	}
	return !reflect.DeepEqual(of(g), of(before))
}

// changesLimits reports whether the hub needs other limits than in the generation before.
func (g *generation) changesLimits(before *generation) bool {
	keys := func(g *generation) string { return g.content[g.config.resolve(g.config.Fanout.TokenKeys)] }
	return !reflect.DeepEqual(g.config.Fanout, before.config.Fanout) || keys(g) != keys(before) ||
		len(g.guard.Tokens.Changes(before.guard.Tokens)) > 0
}

// profileInputs returns the folder and the files of the config's own profiles.
func (c Config) profileInputs() (paths []string) {
	if c.Profiles != "" {
		paths = append(paths, c.resolve(c.Profiles))
	}
	for _, s := range c.Sources {
		if profile.IsFile(s.Profile) {
			paths = append(paths, c.resolve(s.Profile))
		}
	}
	return paths
}

// pinned lists the settings that need a restart. pin keeps their running value, and reports whether it differs.
var pinned = []struct {
	key string
	pin func(c, running *Config) bool
}{
	{"namespace", func(c, running *Config) bool { return pin(&c.Namespace, running.Namespace) }},
	{"listen", func(c, running *Config) bool { return pin(&c.Listen, running.Listen) }},
	{"tls", func(c, running *Config) bool { return pin(&c.TLS, running.TLS) }},
	{"metrics.listen", func(c, running *Config) bool { return pin(&c.Metrics.Listen, running.Metrics.Listen) }},
	{"trace.off", func(c, running *Config) bool { return pin(&c.Trace.Off, running.Trace.Off) }},
	{"trace.keep", func(c, running *Config) bool { return pin(&c.Trace.Keep, running.Trace.Keep) }},
	{"gateway", func(c, running *Config) bool { return pin(&c.Gateway, running.Gateway) }},
	{"fanout.snapshot_matches", func(c, running *Config) bool {
		return pin(&c.Fanout.SnapshotMatches, running.Fanout.SnapshotMatches)
	}},
}

func pin[T comparable](value *T, running T) (differs bool) {
	differs = *value != running
	*value = running
	return differs
}

// pin replaces the settings that need a restart with those of the running config. It returns the names of these
// settings, if they differ.
func (c *Config) pin(running Config) (keys []string) {
	for _, p := range pinned {
		if p.pin(c, &running) {
			keys = append(keys, p.key)
		}
	}
	return keys
}

// isPinned reports whether a key is a setting that needs a restart, or a part of one.
func isPinned(key string) bool {
	for _, p := range pinned {
		if key == p.key || strings.HasPrefix(key, p.key+".") {
			return true
		}
	}
	return false
}

// changes returns attributes for the log: how the generation differs from the generation before.
func (g *generation) changes(before *generation) (attrs []any) {
	list := func(name string, values []string) {
		if len(values) > 0 {
			attrs = append(attrs, name, shortened(values))
		}
	}
	added, removed, changed := compareSources(before.sources, g.sources)
	list("sources_added", added)
	list("sources_removed", removed)
	list("sources_changed", changed)
	settings := reload.Diff(before.config.tree, g.config.tree)
	list("settings", slices.DeleteFunc(settings, func(key string) bool { return key == "sources" || isPinned(key) }))
	list("api_tokens", g.guard.Tokens.Changes(before.guard.Tokens))
	var files []string
	for _, file := range slices.Sorted(maps.Keys(g.content)) {
		if sum, ok := before.content[file]; ok && sum != g.content[file] && file != g.config.file {
			files = append(files, file)
		}
	}
	list("files", files)
	return attrs
}

// shortened returns the first values of a list, and how many there are besides.
func shortened(values []string) []string {
	const limit = 20
	if len(values) <= limit {
		return values
	}
	return append(slices.Clone(values[:limit]), fmt.Sprintf("and %d more", len(values)-limit))
}

// compareSources returns the URLs of the sources that two configs do not have in common. changed are the URLs of the
// sources with different settings.
func compareSources(before, after []scheduler.Activation) (added, removed, changed []string) {
	old := map[string]scheduler.Activation{}
	for _, a := range before {
		old[a.ID] = a
	}
	for _, a := range after {
		was, ok := old[a.ID]
		delete(old, a.ID)
		switch {
		case !ok:
			added = append(added, page.Redacted(a.URL))
		case !reflect.DeepEqual(a, was):
			changed = append(changed, page.Redacted(a.URL))
		}
	}
	for _, a := range before {
		if _, ok := old[a.ID]; ok {
			removed = append(removed, page.Redacted(a.URL))
		}
	}
	return added, removed, changed
}
