package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/rabbit"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/exec"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/overview"
	"github.com/matchwire/matchwire/internal/redisclient"
	"github.com/matchwire/matchwire/internal/reload"
	"github.com/matchwire/matchwire/internal/scheduler"
	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/parser/poll"
)

// schedulerName is the name of the scheduler's consumer. Plugins cannot have that name.
const schedulerName = "scheduler"

// ConsumerNames returns the names of the enabled consumers, sorted. A consumer with parts
// has a name for each part, like "notify.log". Each name has a queue.
func (c Config) ConsumerNames(plugins []consumers.Plugin) ([]string, error) {
	set, err := newConsumers(c, plugins, true, nil, slog.New(slog.DiscardHandler))
	return slices.Sorted(maps.Keys(set.all)), err
}

// enabledConsumers returns the names of the enabled consumers, sorted: the consumers in
// the config, or the default consumers if the config has no consumers section.
func (c Config) enabledConsumers(plugins []consumers.Plugin) []string {
	var names []string
	if c.Consumers != nil {
		for name := range c.Consumers {
			names = append(names, name)
		}
	} else {
		for _, p := range plugins {
			if !p.Named {
				names = append(names, p.Name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// A consumerSet holds the enabled consumers.
type consumerSet struct {
	all      map[string]consumers.Consumer // consumers without parts, and the parts of other consumers, by name
	handlers map[string]http.Handler       // HTTP handlers of consumers, by the name of the consumer
	settings map[string]consumerSettings   // by the names in all
}

// consumerSettings are what a consumer was created from. The parts of a consumer have the same settings.
type consumerSettings struct {
	section any // the decoded section of the config
	content reload.Content
}

// newConsumers creates the enabled consumers. elsewhere means that the consumers run in other processes. An error in
// the settings contains its position in the config.
func newConsumers(
	c Config, plugins []consumers.Plugin, elsewhere bool, r redis.UniversalClient, log *slog.Logger,
) (consumerSet, error) {
	set := consumerSet{map[string]consumers.Consumer{}, map[string]http.Handler{}, map[string]consumerSettings{}}
	sections, _ := c.tree["consumers"].(map[string]any)
	var faults []error
	for _, name := range c.enabledConsumers(plugins) {
		host := c.Host(name, r, log)
		host.Elsewhere = elsewhere
		var files []string
		host.OnInput = func(path string) {
			files = append(files, path)
			c.inputs.add(path)
		}
		consumer, err := c.newConsumer(name, plugins, host)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if consumer.Serve != nil {
			set.handlers[name] = consumer.Serve
		}
		settings := consumerSettings{sections[name], reload.Read(files)}
		if consumer.Parts == nil {
			set.all[name], set.settings[name] = consumer, settings
		}
		for part, p := range consumer.Parts {
			set.all[name+"."+part], set.settings[name+"."+part] = p, settings
		}
	}
	return set, allMistakes(faults...)
}

// subscriptions returns the subscriptions of the consumers, ordered by name, and then that of the scheduler.
func subscriptions(all map[string]consumers.Consumer, s *scheduler.Scheduler) (found []broker.Subscription) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		found = append(found, all[name].Subscription(name))
	}
	return append(found, s.Consumer().Subscription(schedulerName))
}

// pollSubscription is the subscription of the parsers.
func pollSubscription() broker.Subscription {
	return broker.Subscription{
		Queue: broker.TaskQueue(poll.PagePoll), Exchange: broker.Tasks, Patterns: []string{poll.PagePoll},
	}
}

// plan returns the overview of a pipeline with the given consumers, without a state. If a recording replaces the
// polls, the pipeline has no schedule.
func plan(all map[string]consumers.Consumer, replay bool) overview.Overview {
	found := append(subscriptions(all, &scheduler.Scheduler{}), pollSubscription())
	if replay {
		found = found[:len(all)]
	}
	o := overview.New(found, func(queue string) string {
		if queue == pollSubscription().Queue {
			return string(RoleParser)
		}
		return strings.TrimPrefix(queue, consumers.QueueName(""))
	})
	for i, c := range o.Consumers {
		o.Consumers[i].Tests = all[c.Name].Test != nil
	}
	if replay {
		o.Sources.Replay, o.Exchanges = true, o.Exchanges[:1] // without tasks
	}
	return o
}

// Plan returns the overview of a pipeline with this config, without a state.
func (c Config) Plan(plugins []consumers.Plugin) (overview.Overview, error) {
	set, err := newConsumers(c, plugins, true, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		return overview.Overview{}, err
	}
	lib, err := c.Library()
	if err != nil {
		return overview.Overview{}, UsageError(err)
	}
	sources, err := c.addSources(lib)
	if err != nil {
		return overview.Overview{}, err
	}
	o := plan(set.all, false)
	o.Sources.Count = len(sources)
	for _, s := range sources {
		o.Sources.List = append(o.Sources.List,
			overview.Source{ID: s.ID, URL: s.URL, Profile: s.Profile, By: scheduler.ByConfig})
	}
	return o, nil
}

// A BrokerObject is an exchange, a queue or a binding on RabbitMQ.
type BrokerObject = rabbit.Object

// Setup declares all exchanges, queues and bindings that the roles need with this config. It calls
// report for each object. It fails at the first object that RabbitMQ refuses.
func (p *Pipeline) Setup(ctx context.Context, report func(BrokerObject)) error {
	return p.onRabbit(ctx, func(ctx context.Context, b *rabbit.Broker, all []broker.Subscription) error {
		return b.Setup(ctx, all, report)
	})
}

// Remove deletes all data of the config's namespace from the servers. It returns an error if the config has no
// namespace. No process may use the namespace meanwhile.
func (p *Pipeline) Remove(ctx context.Context) error {
	if p.config.Namespace == "" {
		return UsageError(errors.New("namespace: want a name, because the data without a namespace is not removed"))
	}
	err := p.onRabbit(ctx, func(ctx context.Context, b *rabbit.Broker, all []broker.Subscription) error {
		return b.Remove(ctx, all)
	})
	r, stop, redisErr := p.servers.ConnectRedis(ctx, p.log)
	if redisErr != nil {
		return errors.Join(err, redisErr)
	}
	defer stop()
	return errors.Join(err, redisclient.EachKey(ctx, r, prefix(p.config.Namespace)+"*", func(key string) error {
		return r.Unlink(ctx, key).Err()
	}))
}

// onRabbit calls f with a connected broker and the subscriptions that the roles have with this config.
func (p *Pipeline) onRabbit(
	ctx context.Context, f func(ctx context.Context, b *rabbit.Broker, all []broker.Subscription) error,
) error {
	set, err := newConsumers(p.config, p.plugins, true, nil, p.log)
	if err != nil {
		return err
	}
	b, err := p.servers.rabbit(p.config.Namespace, p.log)
	if err != nil {
		return err
	}
	defer b.Close()
	ctx, cancel := context.WithTimeout(ctx, setupTimeout)
	defer cancel()
	if err := reach(ctx, b, p.log); err != nil {
		return err
	}
	return f(ctx, b, append(subscriptions(set.all, &scheduler.Scheduler{}), pollSubscription()))
}

// setupTimeout is the time limit for Setup and Remove. Even a cluster declares the queues of many consumers in less
// time.
const setupTimeout = 5 * time.Minute

// newConsumer creates the named consumer and checks it.
func (c Config) newConsumer(
	name string, plugins []consumers.Plugin, h consumers.Host,
) (consumer consumers.Consumer, err error) {
	maker, err := c.maker(name, plugins)
	if err == nil {
		consumer, err = maker(h)
	}
	if err == nil {
		err = consumer.Check()
	}
	if err == nil {
		return consumer, nil
	}
	settings := c.Consumers[name]
	if settings.Line == 0 && c.Consumers == nil {
		return consumer, fmt.Errorf("consumer %s: %w", name, err)
	}
	var faults []error
	for _, fault := range strictyaml.Mistakes(err) {
		var yamlErr *strictyaml.Error
		var setting *consumers.SettingError
		switch {
		case errors.As(fault, &yamlErr): // the error has a position
		case settings.Line == 0:
			fault = fmt.Errorf("consumers.%s: %w", name, fault)
		case errors.As(fault, &setting):
			fault = settings.PosAt(setting.Path).Errorf("%w", setting.Err)
		default:
			fault = settings.Errorf("%w", fault)
		}
		faults = append(faults, fault)
	}
	return consumer, c.invalid(faults...)
}

// maker returns the function that creates the named consumer: the function of the plugin
// with that name, or [exec.New] if the settings have the key exec.
func (c Config) maker(name string, plugins []consumers.Plugin) (consumers.Maker, error) {
	if name == schedulerName {
		return nil, errors.New("the scheduler is a role: start it with matchwire run scheduler")
	}
	var names []string
	for _, p := range plugins {
		if p.Name == name {
			return p.New, nil
		}
		names = append(names, p.Name)
	}
	if c.Consumers[name].Has("exec") {
		if err := CheckConsumerName(name); err != nil {
			return nil, err
		}
		return exec.New, nil
	}
	slices.Sort(names)
	return nil, fmt.Errorf("unknown consumer: want one of %s, or your own program with exec: [PROGRAM]",
		strings.Join(names, ", "))
}

// Host returns the host for the named consumer.
func (c Config) Host(name string, r redis.UniversalClient, log *slog.Logger) consumers.Host {
	h := consumers.Host{
		Settings: func(into any) error { return c.Consumers[name].Decode(c.file, into) },
		Path:     c.resolve,
		Redis:    r, Prefix: prefix(c.Namespace), Log: log.With("consumer", name),
	}
	h.Replay = func(ctx context.Context, folders []string, each func(consumers.ReplayedPage) error) error {
		return c.replay(ctx, folders, each, h.Log)
	}
	if r != nil {
		store := poll.NewStore(r, h.Prefix)
		h.Upcoming = func(ctx context.Context, until time.Time) ([]event.Data, error) {
			return store.Upcoming(ctx, time.Now(), until)
		}
	}
	return h
}

// tests returns the functions that send a test message through a consumer, by its name.
func (s consumerSet) tests() map[string]func(context.Context) (consumers.TestResult, error) {
	found := map[string]func(context.Context) (consumers.TestResult, error){}
	for name, c := range s.all {
		if c.Test != nil {
			found[name] = c.Test
		}
	}
	return found
}

// CheckConsumerName returns an error if name is not a valid name of a consumer. The name
// becomes part of the names of queues and Redis keys.
func CheckConsumerName(name string) error {
	if !consumerNamePattern.MatchString(name) {
		return fmt.Errorf("consumer %q: want 1 to 60 characters from a-z, 0-9, _ and -, the first a letter or digit", name)
	}
	return nil
}

// runningConsumers runs consumers that can be replaced and removed while others run.
type runningConsumers struct {
	run     func(ctx context.Context, name string, c consumers.Consumer) error
	stopped func(name string) // called when a consumer has been removed

	mu  sync.Mutex
	all map[string]*runningConsumer // by name, including removed consumers
}

type runningConsumer struct {
	stop    context.CancelFunc
	ended   chan struct{} // closed when the consumer has handled its last event
	removed bool
}

// start runs a consumer in group until ctx ends. A consumer with the same name that already runs first handles the
// events that it has received.
func (r *runningConsumers) start(ctx context.Context, group *errgroup.Group, name string, c consumers.Consumer) {
	ctx, stop := context.WithCancel(ctx)
	own := &runningConsumer{stop: stop, ended: make(chan struct{})}
	r.mu.Lock()
	before := r.all[name]
	if r.all == nil {
		r.all = map[string]*runningConsumer{}
	}
	r.all[name] = own
	r.mu.Unlock()
	group.Go(func() error {
		defer close(own.ended)
		if before != nil {
			before.stop()
			<-before.ended
		}
		err := r.run(ctx, name, c)
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			err = nil
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if own.removed && r.all[name] == own {
			r.stopped(name)
		}
		return err
	})
}

// remove stops a consumer. It does not wait for the events that the consumer has received.
func (r *runningConsumers) remove(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[name].removed = true
	r.all[name].stop()
}
