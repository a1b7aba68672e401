package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/rights"
)

type setupCmd struct{}

func (s *setupCmd) Help() string {
	return "Declares what the roles need with this config: the exchanges, the event log, " +
		"and the queues of the consumers, " +
		"the scheduler and the parser. Run setup with an AMQP_URL whose user may declare them. " +
		"The users of the roles then need no right to declare anything. " +
		"Run setup again after every change to the consumers in the config. setup does not change what already exists."
}

func (s *setupCmd) Run(ctx context.Context, c *console) error {
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

type usersCmd struct {
	Dir   string `arg:"" help:"Folder for the files."`
	AMQP  string `name:"amqp" help:"URL of RabbitMQ, without a user." default:"amqp://localhost:5672/" placeholder:"URL"`
	Redis string `name:"redis" help:"URL of Redis, without a user." default:"redis://localhost:6379" placeholder:"URL"`
}

func (u *usersCmd) Help() string {
	return "Writes these files:\n\n" +
		"  rabbitmq/definitions.json  the users of RabbitMQ, for rabbitmqctl import_definitions\n" +
		"  redis/users.acl            the users of Redis, for the setting aclfile\n" +
		"  ROLE/amqp_url              for AMQP_URL_FILE of a role\n" +
		"  ROLE/redis_url             for REDIS_URL_FILE of a role\n" +
		"  api/api_token              for MATCHWIRE_API_TOKEN_FILE of the role api\n\n" +
		"ROLE is the name of a role, or gateway, setup or operator. " +
		"The files for the servers contain only hashes of the passwords. " +
		"If the folder already has passwords, the command keeps them, and updates only the rights and the URLs."
}

func (u *usersCmd) Run(c *console) error {
	namespace, err := c.namespace()
	if err != nil {
		return err
	}
	created, err := rights.Write(u.Dir, namespace, rights.Servers{AMQP: u.AMQP, Redis: u.Redis})
	if errors.Is(err, rights.ErrURL) {
		return pipeline.UsageError(err)
	}
	if err != nil {
		return err
	}
	passwords := pipeline.Plural(len(created), "new password")
	fmt.Fprintf(c.text(), "wrote the users of all roles to %s, with %s\n", u.Dir, passwords)
	return nil
}
