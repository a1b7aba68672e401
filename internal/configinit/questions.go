package configinit

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/terminal"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
)

// A question is a question to the user.
type question struct {
	name    string // name of the answer in [Command.Given]; "" if the answer cannot be given
	explain string // lines to print before the question
	text    string // such as "Port"
	// fallback is the default answer. shown is what the prompt shows for it. If shown is "", the question
	// has no default.
	fallback, shown string
	// set saves and checks an answer.
	set func(answer string) error
}

// maxTries is the maximum number of answers to one question.
const maxTries = 10

// ask asks a question until the answer is valid.
func (c *Command) ask(ctx context.Context, q question) error {
	if answer, ok := c.Given[q.name]; ok {
		if err := q.set(answer); err != nil {
			return pipeline.UsageError(fmt.Errorf("--%s: %w", q.name, err))
		}
		return nil
	}
	if c.Defaults && q.shown != "" {
		if err := q.set(q.fallback); err != nil {
			return fmt.Errorf("%s: %w", q.text, err)
		}
		return nil
	}
	fmt.Fprintln(c.Out)
	for line := range strings.SplitSeq(q.explain, "\n") {
		fmt.Fprintln(c.Out, terminal.Hang(line, 0, 80))
	}
	for range maxTries {
		prompt := q.text
		if q.shown != "" {
			prompt += " [" + q.shown + "]"
		}
		fmt.Fprint(c.Out, prompt, ": ")
		answer, err := c.readLine(ctx)
		if !c.Echoes {
			fmt.Fprintln(c.Out)
		}
		switch {
		case errors.Is(err, io.EOF):
			return fmt.Errorf("standard input ends before the answer to %q: "+
				"write each answer on a line, or accept the defaults with --yes", q.text)
		case err != nil:
			return fmt.Errorf("reading the answer to %q: %w", q.text, err)
		}
		if answer == "" && q.shown == "" {
			err = errors.New("want an answer, because this question has no default")
		} else {
			err = q.set(cmp.Or(answer, q.fallback))
		}
		if err == nil {
			return nil
		}
		fmt.Fprintf(c.Out, "This is not valid: %v\n", err)
	}
	return fmt.Errorf("%q has no valid answer after %d tries", q.text, maxTries)
}

// readLine returns the next line of In, without white space around it. If ctx ends first, the read
// continues in its goroutine until In ends, because a read from a terminal cannot be interrupted.
func (c *Command) readLine(ctx context.Context) (string, error) {
	read := make(chan error, 1)
	go func() {
		if c.lines.Scan() {
			read <- nil
			return
		}
		read <- cmp.Or(c.lines.Err(), io.EOF)
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case err := <-read:
		return strings.TrimSpace(c.lines.Text()), err
	}
}

func (c *Command) askPage(ctx context.Context) error {
	err := c.ask(ctx, question{
		name:    "url",
		explain: "Which page shows the scores? It can list one match or several matches.",
		text:    "Address of the page", shown: "none yet",
		set: func(answer string) error {
			c.page, c.profile = "", ""
			if answer == "" {
				return nil
			}
			u, err := page.CheckURL(answer)
			switch {
			case err != nil:
				return err
			case u.User != nil:
				return errors.New("remove the user or password: set it later as a header, see matchwire help sources")
			}
			c.page = answer
			return poll.CheckDates(answer)
		},
	})
	if err != nil || c.page == "" {
		return err
	}
	return c.findProfile(ctx)
}

// findProfile finds a shipped profile for the page. If there are several, it asks which one to use.
func (c *Command) findProfile(ctx context.Context) error {
	lib, err := pipeline.Config{}.Library()
	if err != nil {
		return err
	}
	u, err := page.CheckURL(c.page)
	if err != nil {
		return err
	}
	var names, described []string
	for _, name := range slices.Sorted(maps.Keys(lib)) {
		p := lib[name]
		if _, err := p.CheckURL(c.page); err == nil && len(p.Hosts) > 0 {
			names = append(names, name)
			described = append(described, fmt.Sprintf("%s (%s)", name, p.Sport))
		}
	}
	set := func(answer string) error {
		if !slices.Contains(names, answer) {
			return fmt.Errorf("%q: want %s", answer, strings.Join(names, " or "))
		}
		c.profile = answer
		return c.check()
	}
	switch len(names) {
	case 0:
		fmt.Fprintf(c.Out, "No shipped profile reads %s, so this page needs a profile of your own.\n"+
			"The config contains the page as a comment until then.\n", u.Hostname())
		if err := (pipeline.Config{}).CheckPage(c.page, ""); err != nil {
			fmt.Fprintln(c.Out, err)
		}
		return nil
	case 1:
		fmt.Fprintf(c.Out, "The shipped profile %s reads %s.\n", names[0], u.Hostname())
		return set(names[0])
	}
	return c.ask(ctx, question{
		explain: fmt.Sprintf("Several shipped profiles read %s: %s.", u.Hostname(), strings.Join(described, ", ")),
		text:    "Profile", fallback: names[0], shown: names[0], set: set,
	})
}

func (c *Command) askChannel(ctx context.Context) error {
	names := Channels()
	err := c.ask(ctx, question{
		name: "channel",
		explain: "How do you want to get alerts? Without a channel, alerts are only in the log.\n" +
			"Choose one of: " + strings.Join(names, ", "),
		text: "Channel", fallback: "none", shown: "none",
		set: func(answer string) error {
			i := slices.Index(names, strings.ToLower(answer))
			switch {
			case i < 0:
				return fmt.Errorf("%q: want %s", answer, strings.Join(names, ", "))
			case i > 0:
				c.kind = &kinds[i-1]
			}
			return nil
		},
	})
	if err != nil || c.kind == nil {
		return err
	}
	for _, s := range c.kind.settings {
		if err := c.askSetting(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// askSetting asks for a setting of the channel. If the file of a secret exists, its content is the
// default, and the only valid answer.
func (c *Command) askSetting(ctx context.Context, s setting) error {
	q := question{explain: s.explain, text: s.text, set: func(answer string) error {
		c.values[s.name] = answer
		return c.check()
	}}
	if !s.secret {
		return c.ask(ctx, q)
	}
	stored, err := os.ReadFile(c.secretPath())
	switch {
	case err == nil:
		c.stored = true
		q.fallback, q.shown = strings.TrimSpace(string(stored)), "the content of "+c.secretPath()
		check := q.set
		q.set = func(answer string) error {
			if answer != q.fallback {
				return fmt.Errorf("%s already exists with another value: press Enter to use it, or delete it first",
					c.secretPath())
			}
			return check(answer)
		}
	case !errors.Is(err, os.ErrNotExist):
		return err
	case s.random != "":
		q.fallback = s.random + strings.ToLower(rand.Text()[:12])
		q.shown = q.fallback
	}
	return c.ask(ctx, q)
}

// league matches a sport and a league, such as soccer.mls or soccer.mls.*.
var league = regexp.MustCompile(`^[a-z_]+\.[a-z0-9_-]+(\.\*)?$`)

func (c *Command) askOnly(ctx context.Context) error {
	if _, given := c.Given["only"]; c.kind == nil && !given {
		return nil
	}
	return c.ask(ctx, question{
		name: "only",
		explain: "Do you want alerts only for some teams or leagues? Separate them with commas. Write a league " +
			"as matchwire parse shows it, such as soccer.mls.*",
		text: "Teams and leagues", shown: "all",
		set: func(answer string) error {
			c.teams, c.leagues = nil, nil
			for name := range strings.SplitSeq(answer, ",") {
				switch name = strings.TrimSpace(name); {
				case league.MatchString(name):
					c.leagues = append(c.leagues, strings.TrimSuffix(name, ".*")+".*")
				case name != "":
					c.teams = append(c.teams, name)
				}
			}
			return c.check()
		},
	})
}

func (c *Command) askContact(ctx context.Context) error {
	return c.ask(ctx, question{
		name: "contact",
		explain: "How can the owner of a site reach you? Write a mail address or the address of a web page. " +
			"Each request shows it.",
		text: "Contact", shown: "none",
		set: func(answer string) error {
			c.contact = answer
			return c.check()
		},
	})
}

func (c *Command) askPort(ctx context.Context) error {
	return c.ask(ctx, question{
		name:    "port",
		explain: "On which port do you want the live page? Only this machine can open it.",
		text:    "Port", fallback: defaultPort, shown: defaultPort,
		set: func(answer string) error {
			if n, err := strconv.Atoi(answer); err != nil || n < 1 || n > 65535 {
				return fmt.Errorf("port %q: want a number from 1 to 65535, such as %s", answer, defaultPort)
			}
			again := c.port == answer
			c.port = answer
			if err := c.checkPort(answer, again); err != nil {
				return err
			}
			return c.check()
		},
	})
}

// checkPort explains why matchwire could not listen on a port now. This is an error only if the answer can be changed.
// The user can give the answer again, because the reason can be gone when matchwire starts.
func (c *Command) checkPort(port string, again bool) error {
	if c.Listen == nil || again {
		return nil
	}
	err := c.Listen(net.JoinHostPort("localhost", port))
	text := fmt.Sprintf("matchwire cannot listen on port %s: %v", port, err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EADDRINUSE):
		text = fmt.Sprintf("port %s is in use, perhaps by a matchwire that is running", port)
	case errors.Is(err, os.ErrPermission):
		text = fmt.Sprintf("you may not use port %s: want a port from 1024", port)
	}
	if _, given := c.Given["port"]; given || c.Defaults {
		fmt.Fprintf(c.Out, "Note: %s.\n", text)
		return nil
	}
	return fmt.Errorf("%s; choose another port, or enter %s again to use it all the same", text, port)
}
