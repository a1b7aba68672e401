package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/broker/rabbit"
)

// ErrMisuse marks errors that the caller can only mend by calling otherwise.
var ErrMisuse = errors.New("misuse")

// Misuse marks err so. Its text stays the same.
func Misuse(err error) error { return misuse{err} }

type misuse struct{ error }

func (m misuse) Unwrap() []error { return []error{m.error, ErrMisuse} }

// Servers are the URLs of RabbitMQ and Redis: both, or neither for those that
// run inside the process.
type Servers struct{ AMQP, Redis string }

// ServersFrom reads AMQP_URL and REDIS_URL, or the files that AMQP_URL_FILE and
// REDIS_URL_FILE name, for URLs that hold a password.
func ServersFrom(getenv func(string) string) (Servers, error) {
	amqp, err := variable(getenv, "AMQP_URL")
	if err != nil {
		return Servers{}, err
	}
	redis, err := variable(getenv, "REDIS_URL")
	if err != nil {
		return Servers{}, err
	}
	if (amqp == "") != (redis == "") {
		set, unset := "AMQP_URL", "REDIS_URL"
		if amqp == "" {
			set, unset = unset, set
		}
		return Servers{}, Misuse(fmt.Errorf("%s is set and %s is not: set both for real servers, or neither for the embedded ones", set, unset))
	}
	return Servers{AMQP: amqp, Redis: redis}, nil
}

// APITokenFrom reads MATCHWIRE_API_TOKEN, or the file that
// MATCHWIRE_API_TOKEN_FILE names; "" if neither is set.
func APITokenFrom(getenv func(string) string) (string, error) {
	return variable(getenv, "MATCHWIRE_API_TOKEN")
}

// variable is the value of an environment variable, or what stands in the file
// that another one of the same name and _FILE names.
func variable(getenv func(string) string, name string) (string, error) {
	value, file := getenv(name), getenv(name+"_FILE")
	switch {
	case file == "":
		return value, nil
	case value != "":
		return "", Misuse(fmt.Errorf("%s and %s_FILE are both set: set one", name, name))
	}
	b, err := os.ReadFile(file)
	if err != nil {
		if strings.Contains(file, "://") { // the URL itself, with its password
			return "", Misuse(fmt.Errorf("%s_FILE wants a file's name, not a URL", name))
		}
		return "", Misuse(fmt.Errorf("%s_FILE: %w", name, err))
	}
	value = strings.TrimSpace(string(b))
	if value == "" {
		return "", Misuse(fmt.Errorf("%s_FILE: %s is empty", name, file))
	}
	return value, nil
}

// Embedded reports whether broker and store run inside the process.
func (s Servers) Embedded() bool { return s.AMQP == "" }

// Broker opens the RabbitMQ server, or a new broker in memory.
func (s Servers) Broker(namespace string, log *slog.Logger) (broker.Broker, error) {
	if s.Embedded() {
		return memory.New(nil, log), nil
	}
	return s.rabbit(namespace, log)
}

func (s Servers) rabbit(namespace string, log *slog.Logger) (*rabbit.Broker, error) {
	b, err := rabbit.New(s.AMQP, rabbit.Options{Namespace: namespace, Log: log})
	if err != nil {
		return nil, Misuse(fmt.Errorf("AMQP_URL: %w", err))
	}
	return b, nil
}

const reachTimeout = 30 * time.Second

// Reached opens the RabbitMQ server for a command that has nothing to do
// without it: it must answer within half a minute.
func (s Servers) Reached(ctx context.Context, namespace string, log *slog.Logger) (broker.Broker, error) {
	b, err := s.rabbit(namespace, log)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	if err := b.Reach(ctx); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}
