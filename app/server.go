package app

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/internal/apiclient"
	"github.com/matchwire/matchwire/internal/cli"
	"github.com/matchwire/matchwire/internal/pipeline"
)

// serverHelp is a part of the help of commands with the flag --server.
const serverHelp = `If --server is set, or if neither AMQP_URL nor REDIS_URL is set, this command asks a running
process. By default, it asks the process on this machine. The command sends the API token in MATCHWIRE_API_TOKEN, or
in the file that MATCHWIRE_API_TOKEN_FILE names.`

// addServerFlag adds the flag --server to a command that can ask a running process.
func (c *console) addServerFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.server, "server", "", "`URL` of a running process, such as http://localhost:8080.")
	cli.FromEnv(cmd, "server", "MATCHWIRE_SERVER")
}

// api returns a client for a running process, or nil if the command connects to RabbitMQ and Redis itself.
// The command does so if the environment names one of these servers and --server is not set.
func (c *console) api() (*apiclient.Client, error) {
	if c.server == "" {
		servers, err := pipeline.AnyServersFrom(c.getenv)
		if err != nil || !servers.Embedded() {
			return nil, err
		}
	}
	return c.process()
}

// process returns a client for the running process at --server, or else for the process on this machine.
func (c *console) process() (*apiclient.Client, error) {
	at := c.server
	if at == "" {
		local, err := c.localURL(c.getenv("MATCHWIRE_LISTEN"))
		if err != nil {
			return nil, err
		}
		at = local
	}
	token, err := pipeline.APITokenFrom(c.getenv)
	if err != nil {
		return nil, err
	}
	client, err := apiclient.New(at, token)
	if err != nil {
		err = pipeline.UsageError(err)
	}
	return client, err
}

// localURL returns the URL of the process on this machine that serves at listen. If listen is "", it is the
// address in the config. A process that serves on all addresses also serves on localhost.
func (c *console) localURL(listen string) (string, error) {
	config, err := c.config()
	if err != nil {
		return "", err
	}
	host, port, err := net.SplitHostPort(cmp.Or(listen, config.Listen, pipeline.DefaultListen))
	if err != nil {
		return "", pipeline.UsageError(fmt.Errorf("listen: %w", err))
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http://"
	if config.TLS.Certificate != "" {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, port), nil
}

// withAdvice adds to an error of a call to a running process what the user can do.
func withAdvice(err error) error {
	var none *apiclient.NoAnswerError
	var refused *apiclient.StatusError
	switch {
	case errors.As(err, &none):
		return fmt.Errorf(`%w: start "matchwire run", or set --server, or AMQP_URL and REDIS_URL`, err)
	case !errors.As(err, &refused):
		return err
	case refused.Status == http.StatusBadRequest, refused.Status == http.StatusUnprocessableEntity:
		return pipeline.UsageError(err)
	case refused.Status != http.StatusUnauthorized && refused.Status != http.StatusForbidden:
		return err
	case refused.Status == http.StatusUnauthorized && refused.HasToken:
		err = errors.New("the process does not accept the token in MATCHWIRE_API_TOKEN")
	case refused.Status == http.StatusUnauthorized:
		err = errors.New("the process wants an API token")
	}
	return fmt.Errorf("%w: set MATCHWIRE_API_TOKEN to a token of the process with the scope %s; "+
		`"matchwire token NAME %s" creates one`, err, refused.Scope, refused.Scope)
}
