// Package goals is a consumer that appends a line to a file for every goal.
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

// Settings holds the consumer's section of matchwire.yaml:
//
//	consumers:
//	  goals: {file: goals.txt}
type Settings struct {
	File string `yaml:"file"` // path, relative to the folder of matchwire.yaml
}

// New returns the consumer. matchwire calls New at startup. If the settings contain a mistake,
// matchwire does not start.
func New(h consumers.Host) (consumers.Consumer, error) {
	var set Settings
	if err := h.Settings(&set); err != nil {
		return consumers.Consumer{}, err
	}
	if set.File == "" {
		return consumers.Consumer{}, errors.New("file: want the path of a file")
	}
	l := &list{file: h.Path(set.File)}
	return consumers.Consumer{Keys: []string{"*.*.goal"}, Handle: l.handle}, nil
}

// A list is a file of goals. It needs no lock: the consumer does not set Limit, so matchwire calls
// handle for one event at a time.
type list struct{ file string }

// handle appends a goal to the file. An event can be delivered more than once, for example after
// the process was killed. So handle skips an event that is already in the file. If handle returns
// an error, matchwire delivers the event again later.
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
