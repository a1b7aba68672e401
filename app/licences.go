package app

import (
	"fmt"

	"github.com/matchwire/matchwire/internal/licences"
)

type licencesCmd struct {
	Short bool `help:"Print the list of modules without the licence texts."`
}

func (k *licencesCmd) Run(c *console) error {
	_, err := fmt.Fprint(c.out, licences.Modules)
	if err == nil && !k.Short {
		_, err = fmt.Fprint(c.out, "\n", licences.Texts)
	}
	return err
}
