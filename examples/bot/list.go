package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode"
)

// An event is the part of an event that the bot needs. docs/events.md describes all members.
type event struct {
	ID, TID string
	Data    struct {
		Action, Team, Player, Time, Reason string
		Backfill, Replay                   bool
		Score                              *struct{ Home, Away int }
		Match                              struct{ Home, Away string }
	}
}

// A list is the file of the lines that the bot has written. Each line begins with the TID and the ID of its event.
type list struct {
	out        *os.File
	cursorFile string
	cursor     string          // the cursor after the last handled frame
	written    map[string]bool // the IDs of the events in the file
	post       string          // URL
}

// openList opens or creates the file, and reads the lines and the cursor of an earlier run.
func openList(file, post string) (*list, error) {
	l := &list{cursorFile: file + ".cursor", written: map[string]bool{}, post: post}
	cursor, err := os.ReadFile(l.cursorFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l.cursor = string(cursor)
	if l.out, err = os.OpenFile(file, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o644); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(l.out)
	for lines.Scan() {
		if words := strings.Fields(lines.Text()); len(words) > 1 {
			l.written[words[1]] = true
		}
	}
	return l, lines.Err()
}

// handle posts and writes the line of a frame with an event, and then saves the cursor. If the bot is killed before the
// cursor is saved, the server sends the frame again. The bot then finds the event in its file. Only a post can be
// repeated. Its Idempotency-Key is the ID of the event, so a receiver can recognise the copy.
func (l *list) handle(ctx context.Context, f frame) error {
	switch {
	case f.Event != nil && !l.written[f.Event.ID]:
		if err := l.write(ctx, f.Event); err != nil {
			return err
		}
	case f.Resumed != nil && !*f.Resumed && l.cursor != "":
		log.Print("the server no longer has all events since the last run: some lines may be missing")
	}
	if f.Cursor == "" {
		return nil
	}
	temporary := l.cursorFile + ".new"
	if err := os.WriteFile(temporary, []byte(f.Cursor), 0o644); err != nil {
		return err
	}
	l.cursor = f.Cursor
	return os.Rename(temporary, l.cursorFile)
}

// write posts and writes the line of an event. It ignores recordings, and goals from before the first poll of the
// match.
func (l *list) write(ctx context.Context, e *event) error {
	if e.Data.Backfill || e.Data.Replay {
		return nil
	}
	text := e.text()
	if err := l.send(ctx, e.ID, text); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(l.out, "%s %s %s\n", e.TID, e.ID, text); err != nil {
		return err
	}
	l.written[e.ID] = true
	fmt.Println(text)
	return nil
}

// text returns the line of an event. Names come from pages of other sites, so it replaces control characters.
func (e *event) text() string {
	d, score := e.Data, ""
	if d.Score != nil {
		score = fmt.Sprintf(". %s %d-%d %s", d.Match.Home, d.Score.Home, d.Score.Away, d.Match.Away)
	}
	goal := fmt.Sprintf("%s %s (%s)", d.Time, cmp.Or(d.Player, "unknown scorer"), d.Team)
	var text string
	switch d.Action {
	case "corrected":
		text = "Correction: " + goal + score
	case "retracted":
		text = "Taken back: " + goal + ", because " + cmp.Or(d.Reason, "of an unknown reason") + score
	default:
		text = "Goal: " + goal + score
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}

// send posts a line, if the bot has a URL for it.
func (l *list) send(ctx context.Context, id, text string) error {
	if l.post == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, l.post, strings.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "text/plain; charset=utf-8")
	request.Header.Set("Idempotency-Key", id)
	response, err := http.DefaultClient.Do(request)
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err // without the URL, which can contain a secret
	}
	if err != nil {
		return fmt.Errorf("posting a line: %w", err)
	}
	response.Body.Close()
	if response.StatusCode >= 300 {
		return fmt.Errorf("posting a line: %s", response.Status)
	}
	return nil
}
