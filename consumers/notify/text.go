package notify

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/jq"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

//go:embed languages/*.yaml
var shipped embed.FS

// A Text is a description of an event. Body may be empty.
type Text struct {
	Title string
	Body  string
}

// Line returns the title and the body on one line.
func (t Text) Line() string {
	if t.Body == "" {
		return t.Title
	}
	return t.Title + " (" + t.Body + ")"
}

const (
	maxTitle = 200  // runes
	maxBody  = 1000 // runes
)

// shippedTexts returns the shipped texts of all languages. They are parsed once per process, because
// parsing takes long. Callers may not modify them.
var shippedTexts = sync.OnceValue(func() texts {
	all := texts{}
	files, err := fs.Sub(shipped, "languages")
	if err == nil {
		err = all.add(files, "")
	}
	if err != nil {
		panic(err) // a shipped file is invalid
	}
	return all
})

// Line returns an English description of an event on one line.
func Line(e event.Event) string { return shippedTexts().render(e, false, "en").Line() }

var languageCode = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)

// texts maps a language code, like en, to a language.
type texts map[string]*language

// A language holds the texts of one file, like en.yaml. If it lacks a text, the English text is
// used. docs/notify.md lists the fields that titles and bodies can use.
type language struct {
	// Titles holds titles by key. A title is the inside of a jq string. A key is KIND, SPORT.KIND,
	// KIND.DETAIL or KIND.POINTS, optionally with _corrected or _retracted. The other keys are
	// corrected, retracted and other.
	Titles map[string]text `yaml:"titles"`
	Body   text            `yaml:"body"` // the inside of a jq string

	Kinds    names `yaml:"kinds"` // a name for KIND.DETAIL or KIND.POINTS replaces the name of the kind
	Details  names `yaml:"details"`
	Statuses names `yaml:"statuses"`
	Periods  names `yaml:"periods"`
	Members  names `yaml:"members"` // of an event's data that a correction can change

	file     *language          // only the texts of the custom file; empty if there is no such file
	programs map[string]program // titles by their key, and Body by "body"
}

// A program returns a compiled text. A shipped text is compiled at the first call, because most processes
// use only a few.
type program func() *jq.Program

// has reports whether there are texts in a language.
func (t texts) has(code string) bool { return t[code] != nil }

// languages returns the sorted language codes.
func (t texts) languages() []string { return slices.Sorted(maps.Keys(t)) }

// loadTexts loads the shipped languages, then those in folder unless folder is "". If optional is
// true, folder may be missing.
func loadTexts(folder string, optional bool) (texts, error) {
	all := maps.Clone(shippedTexts())
	if folder == "" {
		return all, nil
	}
	if _, err := os.Stat(folder); err != nil {
		if optional {
			return all, nil
		}
		return nil, err
	}
	return all, all.add(os.DirFS(folder), folder)
}

// add adds the language files in a file system. folder is its path, or "" for the shipped files, which
// add does not check.
func (t texts) add(in fs.FS, folder string) error {
	files, err := fs.Glob(in, "*.yaml")
	if err != nil {
		return err
	}
	if others, _ := fs.Glob(in, "*.yml"); len(others) > 0 {
		return fmt.Errorf("%s: want a file name that ends in .yaml", filepath.Join(folder, others[0]))
	}
	if len(files) == 0 {
		return fmt.Errorf("%s: there are no language files, like en.yaml", folder)
	}
	for _, name := range files {
		data, err := fs.ReadFile(in, name)
		if err != nil {
			return err
		}
		file, code := filepath.Join(folder, name), strings.TrimSuffix(name, ".yaml")
		if !languageCode.MatchString(code) {
			return fmt.Errorf("%s: want the code of a language before .yaml, like en", file)
		}
		var l language
		if err := strictyaml.Decode(file, data, &l); err != nil {
			return err
		}
		compile := compiled
		if folder == "" {
			compile = compiledLater
		}
		if err := l.parse(compile); err != nil {
			return strictyaml.InFile(file, err)
		}
		own := language{}
		if folder != "" {
			own = l
		}
		t[code] = l.over(t[code])
		t[code].file = &own
		if folder == "" { // a test checks the shipped files
			continue
		}
		if err := t.check(code, own.programs); err != nil {
			return strictyaml.InFile(file, err)
		}
	}
	return nil
}

// over returns l, completed with the texts of base. base may be nil.
func (l language) over(base *language) *language {
	if base == nil {
		base = &language{}
	}
	merged := func(a, b names) names {
		all := maps.Clone(a)
		if all == nil {
			all = names{}
		}
		maps.Copy(all, b)
		return all
	}
	programs := maps.Clone(base.programs)
	if programs == nil {
		programs = map[string]program{}
	}
	maps.Copy(programs, l.programs)
	l.programs = programs
	l.Kinds, l.Details = merged(base.Kinds, l.Kinds), merged(base.Details, l.Details)
	l.Statuses = merged(base.Statuses, l.Statuses)
	l.Periods, l.Members = merged(base.Periods, l.Periods), merged(base.Members, l.Members)
	return &l
}

// parse checks the keys of the titles, and compiles the titles and the body.
func (l *language) parse(compile func(text) (program, error)) error {
	l.programs = map[string]program{}
	for _, name := range slices.Sorted(maps.Keys(l.Titles)) {
		if !knownTitle(name) {
			return l.Titles[name].Pos.Errorf("unknown title: want KIND, SPORT.KIND, KIND.DETAIL or KIND.POINTS, " +
				"optionally with _corrected or _retracted; or corrected, retracted or other")
		}
		var err error
		if l.programs[name], err = compile(l.Titles[name]); err != nil {
			return err
		}
	}
	if l.Body.Value == "" {
		return nil
	}
	body, err := compile(l.Body)
	l.programs["body"] = body
	return err
}

// knownTitle reports whether a title can have the key.
func knownTitle(name string) bool {
	if slices.Contains([]string{"corrected", "retracted", "other", string(kickoffSoon)}, name) {
		return true
	}
	kind := string(event.BaseKind(name))
	first, rest, dotted := strings.Cut(kind, ".")
	switch {
	case !dotted:
		return event.CheckKind("", event.Kind(kind)) == nil
	case slices.Contains(event.Sports(), event.Sport(first)):
		return event.CheckKind(event.Sport(first), event.Kind(rest)) == nil
	}
	return event.CheckKind("", event.Kind(first)) == nil && rest != "" && rest == event.Slug(rest)
}

// compiled compiles a text.
func compiled(t text) (program, error) {
	p, err := jq.CompileText(t.Value, textFields)
	if err != nil {
		return nil, t.Pos.Errorf("%s: %w", shortened(t.Value), err)
	}
	return func() *jq.Program { return p }, nil
}

// compiledLater is like compiled, but compiles a text of a shipped file when it is first used. A test
// compiles all of them.
func compiledLater(t text) (program, error) {
	return sync.OnceValue(func() *jq.Program {
		p, err := compiled(t)
		if err != nil {
			panic(err) // a shipped file is invalid
		}
		return p()
	}), nil
}

// shortened quotes the beginning of a text, for an error.
func shortened(s string) string { return fmt.Sprintf("text %q", send.Cut(s, 80)) }

// check evaluates texts of a language with [samples], so that an invalid text is found at startup.
func (t texts) check(code string, programs map[string]program) error {
	var inputs []map[string]any
	for _, e := range samples() {
		inputs = append(inputs, t.view(e, false, code).input(true))
	}
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		err := jq.Check(func() error {
			for _, in := range inputs {
				if _, err := programs[name]().Text(in); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			at := t[code].Body
			if name != "body" {
				at = t[code].Titles[name]
			}
			return at.Pos.Errorf("%s: %w", shortened(at.Value), err)
		}
	}
	return nil
}

// render returns the description of an event in a language. If asNews is true, a correction is
// described as a new event. [send.Clean] removes control characters, which pages and texts can
// contain.
func (t texts) render(e event.Event, asNews bool, code string) Text {
	v := t.view(e, asNews, code)
	news := v
	news.Action = string(event.New)
	title, newsTitle, body := t.title(v, code), t.title(news, code), t.program("body", code)
	in := v.input(title.Mentions("event") || newsTitle.Mentions("event") || body.Mentions("event"))
	if v.Action != news.Action {
		in["action"] = news.Action
		if text, err := newsTitle.Text(in); err == nil {
			in["title"] = text
		}
		in["action"] = v.Action
	}
	var text Text
	var err error
	if text.Title, err = title.Text(in); err != nil { // rare, because check has already evaluated the text
		text.Title = e.Type
	}
	if e.Data.Match != nil {
		text.Body, _ = body.Text(in)
	}
	return Text{
		Title: send.Cut(oneLine(send.Clean(text.Title)), maxTitle),
		Body:  send.Cut(trimLines(send.Clean(text.Body)), maxBody),
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// trimLines removes spaces around each line, and empty lines at both ends of s. Markdown would show an
// indented line as code.
func trimLines(s string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(s, "\n") {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return strings.TrimSpace(b.String())
}

// program returns a text of the language. If the language lacks the text, it returns the English text.
func (t texts) program(name, code string) *jq.Program {
	if l := t[code]; l != nil && l.programs[name] != nil {
		return l.programs[name]()
	}
	return t["en"].programs[name]()
}

// title returns the most specific title for an event in the language. If the language has no title
// for it, title returns the most specific English title.
func (t texts) title(v view, code string) *jq.Program {
	d := v.Event.Data
	keys := []string{string(d.Sport) + "." + string(d.Kind), string(d.Kind)}
	if d.Points > 0 {
		keys = append([]string{string(d.Kind) + "." + strconv.Itoa(d.Points)}, keys...)
	}
	if d.Detail != "" {
		keys = append([]string{string(d.Kind) + "." + event.Slug(d.Detail)}, keys...)
	}
	var names []string
	for _, key := range keys {
		names = append(names, event.Kind(key).Word(event.Action(v.Action)))
	}
	if v.Action != string(event.New) {
		names = append(names, v.Action)
	}
	if v.Home == "" && v.Away == "" && v.Source == "" { // neither a match nor a source
		names = nil
	}
	names = append(names, "other")
	for _, l := range []*language{t[code], t["en"]} {
		for _, name := range names {
			if l != nil && l.programs[name] != nil {
				return l.programs[name]()
			}
		}
	}
	return nil
}
