package notify

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"text/template"
	"unicode"
	"unicode/utf8"

	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

//go:embed languages/*.yaml
var shipped embed.FS

// A Text describes an event in words.
type Text struct {
	Title string
	Body  string
}

// Line returns title and body in one line.
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

// english returns the shipped texts.
var english = sync.OnceValue(func() texts {
	t, err := loadTexts("", false)
	if err != nil {
		panic(err) // a mistake in a shipped file
	}
	return t
})

// Line describes an event in one line, in English.
func Line(e event.Event) string { return english().render(e, false, "en").Line() }

var languageCode = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)

// texts holds the languages by code.
type texts map[string]*language

// A language is one file of texts, like en.yaml. A text that it lacks is the English one.
// docs/notify.md lists the fields that templates can use.
type language struct {
	// Titles are templates by kind, kind_corrected and kind_retracted, or by corrected, retracted and
	// other.
	Titles   map[string]text   `yaml:"titles"`
	Body     text              `yaml:"body"` // a template
	Kinds    map[string]string `yaml:"kinds"`
	Details  map[string]string `yaml:"details"`
	Statuses map[string]string `yaml:"statuses"`
	Periods  map[string]string `yaml:"periods"`
	Members  map[string]string `yaml:"members"` // of an event, which a correction changes

	templates map[string]*template.Template // of the titles, and "body"
}

func (t texts) has(code string) bool { return t[code] != nil }

func (t texts) languages() []string { return slices.Sorted(maps.Keys(t)) }

// loadTexts loads the languages that matchwire ships and then those of a folder, if it is not "".
// missing reports whether the folder may be missing.
func loadTexts(folder string, missing bool) (texts, error) {
	all := texts{}
	base, err := fs.Sub(shipped, "languages")
	if err != nil {
		return nil, err
	}
	if err := all.add(base, ""); err != nil {
		return nil, err
	}
	if folder == "" {
		return all, nil
	}
	if _, err := os.Stat(folder); err != nil {
		if missing {
			return all, nil
		}
		return nil, err
	}
	return all, all.add(os.DirFS(folder), folder)
}

// add adds the language files of a folder.
func (t texts) add(in fs.FS, folder string) error {
	files, err := fs.Glob(in, "*.yaml")
	if err != nil {
		return err
	}
	if others, _ := fs.Glob(in, "*.yml"); len(others) > 0 {
		return fmt.Errorf("%s: a language file ends with .yaml", filepath.Join(folder, others[0]))
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
		if err := l.parse(); err != nil {
			return strictyaml.InFile(file, err)
		}
		t[code] = l.over(t[code])
		if folder == "" { // the shipped files are tested
			continue
		}
		if err := t.check(code); err != nil {
			return strictyaml.InFile(file, err)
		}
	}
	return nil
}

// over returns l with the texts of was that it lacks.
func (l language) over(was *language) *language {
	if was == nil {
		was = &language{}
	}
	merged := func(a, b map[string]string) map[string]string {
		all := maps.Clone(a)
		if all == nil {
			all = map[string]string{}
		}
		maps.Copy(all, b)
		return all
	}
	templates := maps.Clone(was.templates)
	if templates == nil {
		templates = map[string]*template.Template{}
	}
	maps.Copy(templates, l.templates)
	l.templates = templates
	l.Kinds, l.Details = merged(was.Kinds, l.Kinds), merged(was.Details, l.Details)
	l.Statuses = merged(was.Statuses, l.Statuses)
	l.Periods, l.Members = merged(was.Periods, l.Periods), merged(was.Members, l.Members)
	return &l
}

// parse parses the templates.
func (l *language) parse() error {
	l.templates = map[string]*template.Template{}
	for _, name := range slices.Sorted(maps.Keys(l.Titles)) {
		if !knownTitle(name) {
			return l.Titles[name].Pos.Errorf("unknown title: want a kind, perhaps with _corrected or _retracted, " +
				"or corrected, retracted or other")
		}
		if err := l.template(name, l.Titles[name]); err != nil {
			return err
		}
	}
	if l.Body.Value == "" {
		return nil
	}
	return l.template("body", l.Body)
}

func knownTitle(name string) bool {
	return slices.Contains([]string{"corrected", "retracted", "other"}, name) || knownKind(event.BaseKind(name))
}

func (l *language) template(name string, t text) error {
	parsed, err := template.New(name).Funcs(template.FuncMap{"capital": capital}).Parse(t.Value)
	if err != nil {
		return t.Pos.Errorf("%s: %w", shortened(t.Value), plain(err))
	}
	l.templates[name] = parsed
	return nil
}

// plain returns an error of a template without its position, which Pos has.
func plain(err error) error {
	text := err.Error()
	if i := strings.LastIndex(text, ": "); strings.HasPrefix(text, "template: ") && i > 0 {
		return errors.New(text[strings.Index(text, " ")+1:])
	}
	return err
}

func shortened(s string) string { return fmt.Sprintf("template %q", send.Cut(s, 80)) }

// check executes every template of a language with events of every kind, so that a template that
// fails is found at start.
func (t texts) check(code string) error {
	l := t[code]
	for _, e := range samples() {
		v := t.view(e, false, code)
		for name, tmpl := range l.templates {
			if err := tmpl.Execute(io.Discard, v); err != nil {
				at := l.Body
				if name != "body" {
					at = l.Titles[name]
				}
				return at.Pos.Errorf("%s: %w", shortened(at.Value), plain(err))
			}
		}
	}
	return nil
}

// render describes an event in words. If asNews, a correction is described as a new event. Control
// characters, which pages and templates can contain, are removed.
func (t texts) render(e event.Event, asNews bool, code string) Text {
	v := t.view(e, asNews, code)
	title, body := &strings.Builder{}, &strings.Builder{}
	if err := t.title(v, code).Execute(title, v); err != nil { // check has executed it, so this is rare
		title.Reset()
		title.WriteString(e.Type)
	}
	if tmpl := t.template("body", code); tmpl != nil && e.Data.Match != nil {
		_ = tmpl.Execute(body, v)
	}
	return Text{
		Title: send.Cut(oneLine(send.Clean(title.String())), maxTitle),
		Body:  send.Cut(trimLines(send.Clean(body.String())), maxBody),
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// trimLines trims each line and s. An indented line would be code in Markdown.
func trimLines(s string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(s, "\n") {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return strings.TrimSpace(b.String())
}

// template returns the template of a language, or the English one, or nil.
func (t texts) template(name, code string) *template.Template {
	if l := t[code]; l != nil && l.templates[name] != nil {
		return l.templates[name]
	}
	return t["en"].templates[name]
}

// title returns the template for the title of an event: the most specific one of the language, or
// else of English.
func (t texts) title(v view, code string) *template.Template {
	names := []string{v.Event.Data.Kind.Word(event.Action(v.Action))}
	if v.Action != string(event.New) {
		names = append(names, v.Action)
	}
	if v.Home == "" && v.Away == "" && v.Source == "" { // without a match
		names = nil
	}
	names = append(names, "other")
	for _, l := range []*language{t[code], t["en"]} {
		for _, name := range names {
			if l != nil && l.templates[name] != nil {
				return l.templates[name]
			}
		}
	}
	return nil
}

// word returns the name of something in a language, or in English, or the key itself.
func (t texts) word(of func(*language) map[string]string, key, code string) string {
	for _, l := range []*language{t[code], t["en"]} {
		if l != nil && of(l)[key] != "" {
			return of(l)[key]
		}
	}
	return strings.ReplaceAll(key, "_", " ")
}

func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}
