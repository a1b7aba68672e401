// Package configinit creates a config file from the answers to a few questions.
//
// Each answer is checked with the code that checks configs. The config contains no secret: each secret
// is in a file of its own, which only the user can read.
package configinit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// A Command creates a config file.
type Command struct {
	File string // file to create; it must not exist
	// Given holds the answers to some questions, by the name of the question: url, channel, only,
	// contact or port. Run does not ask these questions.
	Given map[string]string
	// Defaults accepts the default answer to each question that has one.
	Defaults bool
	Plugins  []consumers.Plugin
	In       io.Reader // one answer on each line
	Out      io.Writer
	// Echoes means that In is a terminal, which shows the answers in Out.
	Echoes bool

	// Listen, if not nil, returns the error of listening on an address of this machine.
	Listen func(address string) error

	lines *bufio.Scanner // reads In
	answers
}

// Run asks the questions, creates the file, and prints what to do next. A mistake in Given is a usage
// error. If ctx ends, Run returns the error of ctx, and does not wait for In.
func (c *Command) Run(ctx context.Context) error {
	if err := c.checkFile(); err != nil {
		return err
	}
	c.lines = bufio.NewScanner(c.In)
	c.values = map[string]string{}
	if !c.Defaults {
		fmt.Fprintf(c.Out, "This creates %s. To accept the answer in brackets, press Enter.\n", c.File)
	}
	for _, ask := range []func(context.Context) error{
		c.askPage, c.askChannel, c.askOnly, c.askContact, c.askPort,
	} {
		if err := ask(ctx); err != nil {
			return err
		}
	}
	if err := c.write(); err != nil {
		return err
	}
	c.printNext()
	return nil
}

// checkFile returns an error if the config file exists, or if files cannot be created in its folder.
func (c *Command) checkFile() error {
	if _, err := os.Lstat(c.File); err == nil {
		return pipeline.UsageError(c.existsError())
	}
	f, err := os.CreateTemp(filepath.Dir(c.File), ".matchwire-init-")
	if err != nil {
		return fmt.Errorf("%s: cannot create a file in its folder: %w: create the folder, or name another file",
			c.File, errors.Unwrap(err))
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

func (c *Command) existsError() error {
	return fmt.Errorf("%s already exists, and init never changes a file: edit it, delete it, or name another file", c.File)
}

// check returns an error if the config with the answers so far is invalid. The error has no position,
// because the user has not seen the config.
func (c *Command) check() error {
	config, err := pipeline.ParseConfig(c.File, c.config(true))
	if err == nil {
		err = pipeline.CheckSettings(config, c.Plugins, nil)
	}
	var positioned *strictyaml.Error
	if errors.As(err, &positioned) {
		return positioned.Err
	}
	return err
}

// secretPath returns the path of the file with the secret of the channel.
func (c *Command) secretPath() string {
	return filepath.Join(filepath.Dir(c.File), c.kind.secretFile())
}

// write creates the config, and the file with the secret of the channel. If it fails, it leaves no new
// file behind.
func (c *Command) write() error {
	if c.kind != nil && !c.stored {
		if err := create(c.secretPath(), []byte(c.values[c.kind.secret().name]+"\n"), 0o600); err != nil {
			return err
		}
	}
	err := create(c.File, c.config(false), 0o644)
	if err != nil && c.kind != nil && !c.stored {
		_ = os.Remove(c.secretPath())
	}
	if errors.Is(err, os.ErrExist) {
		return c.existsError()
	}
	return err
}

// create creates a file. If it cannot write the content, it removes the file.
func create(name string, content []byte, mode os.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(name)
	}
	return err
}

// printNext prints the names of the new files, and the commands to run next.
func (c *Command) printNext() {
	fmt.Fprintf(c.Out, "\nCreated %s.\n", c.File)
	if c.kind != nil {
		fmt.Fprintf(c.Out, "The secret of the channel is in %s, which only you can read.\n", c.secretPath())
		fmt.Fprintln(c.Out, "Do not publish this file.")
	}
	config := ""
	if c.File != defaultFile {
		config = " --config " + c.File
	}
	fmt.Fprint(c.Out, "\nRun next:\n")
	step := func(command, purpose string) {
		fmt.Fprintf(c.Out, "  matchwire %s%s\n      %s\n", command, config, purpose)
	}
	step("check", "checks the config; run it again after each change")
	if c.kind != nil {
		step("notify try "+c.kind.channel, "sends a test alert"+c.kind.before(c.values))
	}
	step("run", "starts matchwire; then open http://localhost:"+c.port)
	if c.page != "" && c.profile == "" {
		fmt.Fprint(c.Out, "\nThe page needs a profile first. Run matchwire help getting-started, and read \"Add a site\".\n"+
			"matchwire help profiles.md describes all rules.\n")
	}
}

// defaultFile is the config file that matchwire reads by default.
const defaultFile = "matchwire.yaml"

// before returns what to do before the first alert, or "".
func (k *kind) before(values map[string]string) string {
	if k.name != "ntfy" {
		return ""
	}
	return "; in the ntfy app, first subscribe to " + strings.TrimPrefix(values["url"], "https://ntfy.sh/")
}
