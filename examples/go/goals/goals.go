// Package goals is a consumer that writes every goal into a file, a line each.
package goals

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
)

// Settings are its part of matchwire.yaml:
//
//	consumers:
//	  goals: {file: goals.txt}
type Settings struct {
	File string `yaml:"file"`
}

// New makes the consumer. A mistake in the settings is found at start.
func New(h consumers.Host) (consumers.Consumer, error) {
	var set Settings
	if err := h.Settings(&set); err != nil {
		return consumers.Consumer{}, err
	}
	if set.File == "" {
		return consumers.Consumer{}, errors.New("file: want the name of a file")
	}
	l := &list{file: h.Path(set.File)}
	return consumers.Consumer{Keys: []string{"*.*.goal"}, Handle: l.handle}, nil
}

// A list is the file. It is written by one goroutine, as the consumer has no
// Limit and handles one event at a time.
type list struct{ file string }

// handle writes a goal, unless the file has it: events may come twice, after a
// process was killed or lost the broker. After an error the event is delivered again later.
func (l *list) handle(_ context.Context, e event.Event) error {
	text, err := os.ReadFile(l.file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if strings.Contains(string(text), " "+e.ID+" ") {
		return nil
	}
	f, err := os.OpenFile(l.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s %s %s: %s, %s\n", e.TID, e.ID, e.Data.Team, e.Data.Player, e.Data.Time)
	return errors.Join(err, f.Close())
}
