package pipeline

import (
	"cmp"
	"context"
	"maps"
	"reflect"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/internal/monitor"
	"github.com/matchwire/matchwire/internal/reload"
	"github.com/matchwire/matchwire/parser/poll"
)

// Settings are the config and the values of the environment that a process uses.
type Settings struct {
	Config      Config
	Servers     Servers
	APIToken    string
	InstanceKey string
	Files       []string // files that the settings come from, besides those that the config names
}

// reloadInterval is the interval between checks of the files of the config.
const reloadInterval = time.Second

// startReload follows the changes of the config, if p.Load is set.
func (p *Pipeline) startReload(ctx context.Context, group *errgroup.Group, parts *roleParts, roles []Role) {
	if p.Load == nil {
		return
	}
	p.watch(ctx, group, parts, func() (reload.Loaded, error) {
		create := func(c Config, apiToken string) (*generation, error) {
			g, err := p.newGeneration(c, apiToken, parts.redis, roles)
			if len(roles) == len(Roles()) { // other processes can lack files and variables, which is not a mistake
				err = AllMistakes(c, p.plugins, err)
			}
			return g, err
		}
		return p.loadAgain(parts, create, func(g *generation) { p.apply(ctx, group, parts, roles, g) })
	})
}

// watch calls load when the config must be loaded again. It adds the health check and the metrics of the config.
func (p *Pipeline) watch(
	ctx context.Context, group *errgroup.Group, parts *roleParts, load func() (reload.Loaded, error),
) {
	w := &reload.Watcher{Load: load, Interval: cmp.Or(p.reloadEvery, reloadInterval), Now: p.Reload, Log: p.log}
	parts.health.Add(monitor.Check{Name: "config", Run: w.Health})
	parts.metrics.MustRegister(w.Collectors()...)
	content := maps.Clone(parts.current.Load().content)
	if content == nil {
		content = reload.Content{}
	}
	maps.Copy(content, reload.Read(p.Files))
	group.Go(func() error {
		w.Run(ctx, content)
		return nil
	})
}

// loadAgain loads the settings, creates a generation, and applies it. If it returns an error, it has changed nothing.
func (p *Pipeline) loadAgain(
	parts *roleParts, create func(c Config, apiToken string) (*generation, error), apply func(*generation),
) (reload.Loaded, error) {
	s, err := p.Load()
	before := parts.current.Load()
	var pinned []string
	var g *generation
	if err == nil {
		pinned = s.Config.pin(before.config)
		g, err = create(s.Config, s.APIToken)
	}
	loaded := reload.Loaded{Files: append(s.Config.inputs.all(), s.Files...)}
	if err != nil {
		return loaded, err
	}
	apply(g)
	p.logPinned(s, pinned)
	loaded.Changes = g.changes(before)
	loaded.Done = func() {
		if p.OnReload != nil {
			p.OnReload(g.config)
		}
	}
	return loaded, nil
}

// logPinned logs the settings that differ from those of the running process and need a restart.
func (p *Pipeline) logPinned(s Settings, pinned []string) {
	if s.Servers != p.servers {
		pinned = append(pinned, "AMQP_URL or REDIS_URL")
	}
	if s.InstanceKey != p.InstanceKey {
		pinned = append(pinned, "MATCHWIRE_INSTANCE_KEY")
	}
	for _, name := range pinned {
		p.log.Warn("a changed setting needs a restart", "setting", name)
	}
}

// apply puts a generation into force. It first changes the parts that receive something, then those that send.
func (p *Pipeline) apply(ctx context.Context, group *errgroup.Group, parts *roleParts, roles []Role, g *generation) {
	before := parts.current.Swap(g)
	p.applyConsumers(ctx, group, parts, roles, before, g)
	if parts.hub != nil && g.changesLimits(before) {
		parts.hub.SetLimits(g.limits())
	}
	parts.web.set(p.handler(parts, g))
	parts.metricsWeb.set(parts.metricsHandler(g.config))
	if worker := parts.worker.Load(); worker != nil && g.changesParser(before) {
		ingester, err := g.config.ingester(poll.NewStore(parts.redis, parts.prefix), parts.outbox.Nudge, p.log)
		if err != nil { // LoadConfig has checked the aliases
			panic(err)
		}
		client := g.config.client(poll.NewRedisLimiter(parts.redis, parts.prefix))
		parts.worker.Store(worker.With(g.library, client, ingester, g.requests))
	}
	parts.scheduler.Reload(g.sources)
}

// applyConsumers starts the consumers that are new or have other settings, and stops those that are gone. A process
// that does not run consumers only declares the queues of new consumers.
func (p *Pipeline) applyConsumers(
	ctx context.Context, group *errgroup.Group, parts *roleParts, roles []Role, before, g *generation,
) {
	runs := slices.Contains(roles, RoleConsumers)
	for _, name := range slices.Sorted(maps.Keys(before.consumers.all)) {
		if _, ok := g.consumers.all[name]; ok {
			continue
		}
		if runs {
			parts.running.remove(name)
		} else {
			parts.broker.Forget(consumers.QueueName(name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(g.consumers.all)) {
		_, ok := before.consumers.all[name]
		if ok && reflect.DeepEqual(before.consumers.settings[name], g.consumers.settings[name]) {
			continue
		}
		consumer := g.consumers.all[name]
		switch {
		case runs:
			parts.running.start(ctx, group, name, consumer)
		case parts.emits:
			group.Go(func() error {
				if err := parts.broker.Declare(ctx, consumer.Subscription(name)); err != nil && ctx.Err() == nil {
					return err
				}
				return nil
			})
		}
	}
}
