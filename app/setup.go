package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/internal/cli"
	"github.com/matchwire/matchwire/internal/guard"
	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/rights"
	"github.com/matchwire/matchwire/internal/spelling"
)

func setupCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "setup",
		Short: "Declare all exchanges and queues on RabbitMQ.",
		Long: `Declares what the roles need with this config: the exchanges, the event log, and the queues of the consumers,
the scheduler and the parser. Run setup with an AMQP_URL whose user may declare them. The users of the roles
then need no right to declare anything. Run setup again after every change to the consumers in the config. setup
does not change what already exists.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return setup(cmd.Context(), c) },
	}
}

func setup(ctx context.Context, c *console) error {
	servers, err := c.requireRabbit("setup declares exchanges and queues on a RabbitMQ server")
	if err != nil {
		return err
	}
	config, err := c.config()
	if err != nil {
		return err
	}
	err = pipeline.New(config, servers, c.log, c.plugins).Setup(ctx, func(o pipeline.BrokerObject) {
		state := "declared"
		switch {
		case o.Kind == "binding":
			state = "bound"
		case o.Existed:
			state = "exists"
		}
		fmt.Fprintf(c.text(), "%-8s  %-8s  %s\n", state, o.Kind, o.Name)
	})
	return interrupted(ctx, err)
}

func migrateCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Migrate the data of an earlier version in Redis.",
		Long: `Brings the data of an earlier version in Redis to this version: it renames keys. Stop all processes first. If
migrate is interrupted, run it again.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return migrate(cmd.Context(), c) },
	}
}

func migrate(ctx context.Context, c *console) error {
	servers, err := c.requireRedis("the data of earlier versions is stored on a Redis server")
	if err != nil {
		return err
	}
	namespace, err := c.namespace()
	if err != nil {
		return err
	}
	n := 0
	err = servers.Migrate(ctx, namespace, c.log, func(from, to string) {
		n++
		fmt.Fprintf(c.text(), "%s  renamed to  %s\n", from, to)
	})
	if n > 0 || err == nil {
		fmt.Fprintf(c.errText(), "%s renamed\n", spelling.Plural(n, "key"))
	}
	return interrupted(ctx, err)
}

func restoredCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "restored",
		Short: "Prepare the data in Redis after it was restored from a backup.",
		Long: `Gives each match in Redis a new epoch, so that new events do not have the positions of events that were
published after the backup. It also forgets which events consumers were handling. Stop all processes, restore the
backup, and run this command before you start them again.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return restored(cmd.Context(), c) },
	}
}

func restored(ctx context.Context, c *console) error {
	servers, err := c.requireRedis("restored changes the data on a Redis server")
	if err != nil {
		return err
	}
	namespace, err := c.namespace()
	if err != nil {
		return err
	}
	n, err := servers.Renew(ctx, namespace, c.log)
	if n > 0 || err == nil {
		fmt.Fprintf(c.errText(), "new epochs for %s\n", spelling.Plural(n, "match"))
	}
	return interrupted(ctx, err)
}

func usersCommand(c *console) *cobra.Command {
	var servers rights.Servers
	cmd := &cobra.Command{
		Use:   "users DIR",
		Short: "Create RabbitMQ and Redis users for the roles, with random passwords.",
		Long: `Arguments:
  DIR  Folder for the files

Writes these files:

  rabbitmq/definitions.json  the users of RabbitMQ, for rabbitmqctl import_definitions
  redis/users.acl            the users of Redis, for the setting aclfile
  ROLE/amqp_url              for AMQP_URL_FILE of a role
  ROLE/redis_url             for REDIS_URL_FILE of a role
  api/api_token              for MATCHWIRE_API_TOKEN_FILE of the role api
  ROLE/instance_key          for MATCHWIRE_INSTANCE_KEY_FILE of api, fanout and the gateway
  rabbitmq/erlang_cookie     the secret with which the nodes of a RabbitMQ cluster trust each other
  redis/server_password      the password with which Redis replicas and Sentinels log in to a server

ROLE is the name of a role, or gateway, setup or operator. The first two files contain only hashes of the
passwords. If the folder already has passwords and a key, the command keeps them, and updates only the rights
and the URLs.`,
		RunE:              func(_ *cobra.Command, args []string) error { return writeUsers(c, args[0], servers) },
		ValidArgsFunction: cli.Files,
	}
	cmd.Flags().StringVar(&servers.AMQP, "amqp", "amqp://localhost:5672/", "`URL` of RabbitMQ, without a user.")
	cmd.Flags().StringVar(&servers.Redis, "redis", "redis://localhost:6379", "`URL` of Redis, without a user.")
	return cmd
}

func writeUsers(c *console, dir string, servers rights.Servers) error {
	namespace, err := c.namespace()
	if err != nil {
		return err
	}
	created, err := rights.Write(dir, namespace, servers)
	if errors.Is(err, rights.ErrURL) {
		return pipeline.UsageError(err)
	}
	if err != nil {
		return err
	}
	passwords := spelling.Plural(len(created), "new password")
	fmt.Fprintf(c.text(), "wrote the users of all roles to %s, with %s\n", dir, passwords)
	return nil
}

func tokenCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "token NAME SCOPE…",
		Short: "Create an API token.",
		Long: `Arguments:
  NAME    Name of the token. Logs and errors show this name
  SCOPE…  What the token allows: read, operate, change or metrics

Prints the token, and a line to add to the file that api_tokens names in the config. Clients send the token as
"Authorization: Bearer TOKEN". The file contains only the hash of the token.

  read     scoreboards and streams (public unless the streams need tokens)
  operate  sources, traces, instances and dead letters; includes read and metrics
  change   calls that change something, such as POST /api/matches; includes operate, but not read or metrics
  metrics  metrics and the details of /healthz`,
		RunE:              func(_ *cobra.Command, args []string) error { return createToken(c, args[0], args[1:]) },
		ValidArgsFunction: completeScopes,
	}
}

func createToken(c *console, name string, words []string) error {
	var scopes []guard.Scope
	for _, word := range words {
		scope := guard.Scope(word)
		if !slices.Contains(guard.Scopes(), scope) {
			return pipeline.UsageError(fmt.Errorf("scope %q: want read, operate, change or metrics", word))
		}
		scopes = append(scopes, scope)
	}
	secret, token := guard.NewToken(name, scopes...)
	_, err := fmt.Fprintf(c.out, "%s\n\ntokens:\n%s\n", secret, token.Line())
	return err
}

// completeScopes completes the scopes, which follow the name.
func completeScopes(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var scopes []cobra.Completion
	if len(args) > 0 {
		for _, scope := range guard.Scopes() {
			scopes = append(scopes, string(scope))
		}
	}
	return scopes, cobra.ShellCompDirectiveNoFileComp
}
