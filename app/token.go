package app

import (
	"fmt"

	"github.com/matchwire/matchwire/internal/guard"
)

type tokenCmd struct {
	Name   string        `arg:"" help:"Name of the token. Logs and errors show this name."`
	Scopes []guard.Scope `arg:"" help:"${token_scopes}" enum:"read,operate,change,metrics"`
}

func (t *tokenCmd) Help() string {
	return `Prints the token, and a line to add to the file that api_tokens names in the config. Clients send the token
as "Authorization: Bearer TOKEN". The file contains only the hash of the token.

  read     scoreboards (public unless the streams need tokens)
  operate  sources, traces and instances; includes read and metrics
  change   calls that change something, such as POST /api/matches; includes sources, traces and instances
  metrics  metrics and the details of /healthz`
}

func (t *tokenCmd) Run(c *console) error {
	secret, token := guard.NewToken(t.Name, t.Scopes...)
	_, err := fmt.Fprintf(c.out, "%s\n\ntokens:\n%s\n", secret, token.Line())
	return err
}
