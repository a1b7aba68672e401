package app

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/consumers/scoreboard"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// shipped holds every consumer that matchwire ships. To add one, write its
// folder and its line here; to add one from outside, see WithConsumer.
var shipped = map[string]consumers.Maker{
	"notify":     notify.New,
	"scoreboard": scoreboard.New,
}

// ConsumerNames are the consumers that the config names, or all that matchwire
// ships.
func (c Config) ConsumerNames() []string {
	if c.Consumers != nil {
		return slices.Sorted(maps.Keys(c.Consumers))
	}
	return slices.Sorted(maps.Keys(shipped))
}

// makeConsumers makes the consumers that the config names, or all. A mistake
// in one's settings names file and line.
func makeConsumers(c Config, makers map[string]consumers.Maker, r redis.UniversalClient, log *slog.Logger) (map[string]consumers.Consumer, error) {
	names := slices.Sorted(maps.Keys(makers))
	if c.Consumers != nil {
		names = slices.Sorted(maps.Keys(c.Consumers))
	}
	all := map[string]consumers.Consumer{}
	for _, name := range names {
		settings := c.Consumers[name]
		fault := func(err error) error {
			var placed *strictyaml.Error
			switch {
			case errors.As(err, &placed): // says itself where
				return Misuse(fmt.Errorf("config %w", err))
			case settings.Line > 0:
				return Misuse(fmt.Errorf("config %w", strictyaml.InFile(c.file, settings.Errorf("%w", err))))
			case c.Consumers != nil:
				return Misuse(fmt.Errorf("config %s: consumers.%s: %w", c.file, name, err))
			}
			return fmt.Errorf("consumer %s: %w", name, err)
		}
		maker := makers[name]
		if name == schedulerName {
			return nil, fault(errors.New("the scheduler is a role: matchwire run scheduler"))
		}
		if maker == nil {
			return nil, fault(fmt.Errorf("no consumer of that name; there are %s", strings.Join(slices.Sorted(maps.Keys(makers)), ", ")))
		}
		consumer, err := maker(consumers.Host{
			Settings: func(into any) error { return settings.Decode(c.file, into) },
			Redis:    r, Prefix: prefix(c.Namespace), Log: log.With("consumer", name),
		})
		if err != nil {
			return nil, fault(err)
		}
		all[name] = consumer
	}
	return all, nil
}
