package pipeline

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/exec"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// schedulerName is the scheduler's as a consumer, which no other can have.
const schedulerName = "scheduler"

// ConsumerNames are the names under which the consumers that the config names
// have their queues, in order.
func (c Config) ConsumerNames(plugins []consumers.Plugin) ([]string, error) {
	all, _, err := makeConsumers(c, plugins, true, nil, slog.New(slog.DiscardHandler))
	return slices.Sorted(maps.Keys(all)), err
}

// named are the consumers that run, in order: those that the config names, or
// all but those that run only where it does.
func (c Config) named(plugins []consumers.Plugin) []string {
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

// makeConsumers makes the consumers that run, here or elsewhere, each part under
// a name of its own. An error in the settings names file and line. serve has the
// HTTP handlers of consumers that have one, by name.
func makeConsumers(c Config, plugins []consumers.Plugin, elsewhere bool, r redis.UniversalClient, log *slog.Logger) (all map[string]consumers.Consumer, serve map[string]http.Handler, err error) {
	all, serve = map[string]consumers.Consumer{}, map[string]http.Handler{}
	for _, name := range c.named(plugins) {
		host := c.Host(name, r, log)
		host.Elsewhere = elsewhere
		consumer, err := c.makeConsumer(name, plugins, host)
		if err != nil {
			return nil, nil, err
		}
		if consumer.Serve != nil {
			serve[name] = consumer.Serve
		}
		if consumer.Parts == nil {
			all[name] = consumer
		}
		for part, p := range consumer.Parts {
			all[name+"."+part] = p
		}
	}
	return all, serve, nil
}

func (c Config) makeConsumer(name string, plugins []consumers.Plugin, h consumers.Host) (consumer consumers.Consumer, err error) {
	maker, err := c.maker(name, plugins)
	if err == nil {
		consumer, err = maker(h)
	}
	if err == nil {
		err = consumer.Check()
	}
	settings := c.Consumers[name]
	var placed *strictyaml.Error
	switch {
	case err == nil:
		return consumer, nil
	case errors.As(err, &placed): // says itself where
		return consumer, Misuse(fmt.Errorf("config %w", strictyaml.InFile(c.file, err)))
	case settings.Line > 0:
		return consumer, Misuse(fmt.Errorf("config %w", strictyaml.InFile(c.file, settings.Errorf("%w", err))))
	case c.Consumers != nil:
		return consumer, Misuse(fmt.Errorf("config %s: consumers.%s: %w", c.file, name, err))
	}
	return consumer, fmt.Errorf("consumer %s: %w", name, err)
}

// maker is who makes the consumer of that name: its plugin, or, where its part
// of the config names a program, package exec.
func (c Config) maker(name string, plugins []consumers.Plugin) (consumers.Maker, error) {
	if name == schedulerName {
		return nil, errors.New("the scheduler is a role: matchwire run scheduler")
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
	return nil, fmt.Errorf("no consumer of that name; there are %s; a program of yours is named by exec", strings.Join(names, ", "))
}

// Host is what the consumer of that name is given.
func (c Config) Host(name string, r redis.UniversalClient, log *slog.Logger) consumers.Host {
	return consumers.Host{
		Settings: func(into any) error { return c.Consumers[name].Decode(c.file, into) },
		Path:     c.beside,
		Redis:    r, Prefix: prefix(c.Namespace), Log: log.With("consumer", name),
	}
}

// CheckConsumerName says what is wrong with the name of a consumer, or nil. It
// becomes part of the names of queues and Redis keys.
func CheckConsumerName(name string) error {
	if !consumerName.MatchString(name) {
		return fmt.Errorf("consumer %q: want at most 60 of a-z, 0-9, _ and -", name)
	}
	return nil
}
