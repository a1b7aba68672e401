package profile

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/matchwire/matchwire/parser/page"
)

// Identify describes a page on which a profile finds no match: what the page is, and which profiles
// find matches on it.
func (l Library) Identify(ctx context.Context, pg page.Page) string {
	var readers []string
	for _, name := range slices.Sorted(maps.Keys(l)) {
		all, _, err := l[name].Extract(ctx, pg)
		switch {
		case err != nil || len(all) == 0:
		case len(all) == 1:
			readers = append(readers, fmt.Sprintf("the profile %s finds %s v %s", name, all[0].Match.Home, all[0].Match.Away))
		default:
			readers = append(readers, fmt.Sprintf("the profile %s finds %d matches", name, len(all)))
		}
	}
	if readers == nil {
		readers = []string{"no known profile finds a match on it"}
	}
	return "the page is " + describePage(pg) + "; " + strings.Join(readers, ", ")
}

// describePage describes the format of a page, with its title or its members.
func describePage(pg page.Page) string {
	body, _ := withoutMark(pg.Body)
	var members map[string]json.RawMessage
	switch {
	case json.Unmarshal(body, &members) == nil:
		names := slices.Sorted(maps.Keys(members))
		return fmt.Sprintf("JSON with the members %s", shorten(strings.Join(names, ", ")))
	case json.Valid(body):
		return "JSON"
	}
	d := &Document{profile: &Profile{}}
	if err := d.parseHTML(body, pg.Header.Get("Content-Type")); err != nil {
		return "not usable: " + err.Error()
	}
	title := squeeze(d.html.Find("title").First().Text())
	if title == "" {
		title = squeeze(d.html.Find("h1").First().Text())
	}
	if title == "" {
		return "HTML without a title"
	}
	return fmt.Sprintf("HTML with the title %q", shorten(title))
}
